"""The live presenter of a demo that runs: Run, Pause, Step and Reset on a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from qlab.demos.base import TrainingDemo
from qlab.demos.card import Card

FRAME = 0.1  # seconds between two frames: ten redraws a second


class TrainingCard(Card):
    """A card with a run: `run()`, `pause()`, `step()` and `reset()`, from its buttons or from Python.

    A run goes on for the demo's `frames` frames, ten a second. One daemon thread advances and draws under the card's
    lock; an Event ends it within one frame's work, and `pause` returns only when it has ended.
    """

    demo: TrainingDemo

    def __init__(self, demo: TrainingDemo, P: Any) -> None:
        self._run: Any = None
        self._again = True  # the next change begins a new run
        self._left = 0  # frames until the run stops by itself
        self._halt = threading.Event()
        self._thread: threading.Thread | None = None
        super().__init__(demo, P, training=True)

    def _data(self, P: Any) -> Any:
        changed = {name for name in self._names if getattr(P, name) != getattr(self.P, name)}
        if not self._again and changed and changed <= set(self.demo.live_controls):
            self.demo.live(P, self._run)
        else:
            self._run, self._left, self._again = self.demo.begin(P), self.demo.frames, False
        return self.demo.snapshot(self._run)

    def _frame(self, seq: str | None = None, running: bool = True) -> None:
        """One frame of the run and its drawing; the caller holds the lock."""
        self.demo.advance(self._run)
        old, self.data = self._figure, self.demo.snapshot(self._run)
        self._figure = self.demo.figure(self.data)
        self._left -= 1
        self._draw(old, seq, running=running)

    def run(self, seq: str | None = None) -> None:
        """Start or go on; after the default run, one more of the same length."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive() and not self._halt.is_set():
                return
            self._left = self._left if self._left > 0 else self.demo.frames
            self._draw(self._figure, seq, running=True)
            self._halt = threading.Event()
            self._thread = threading.Thread(target=self._go, args=(self._halt,), name=f"qlab {self.slug}", daemon=True)
            self._thread.start()

    def _go(self, halt: threading.Event) -> None:
        try:
            while not halt.is_set():
                due = time.monotonic() + FRAME
                with self._lock:
                    if halt.is_set():
                        return
                    if self._left <= 0:
                        break
                    self._frame()
                halt.wait(due - time.monotonic())
            else:
                return
            with self._lock:
                self._draw(self._figure, running=False)
        except Exception as problem:
            self.running = False
            self._fail(problem)

    def _stop(self) -> None:
        self._halt.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def pause(self, seq: str | None = None) -> None:
        """Stop the run where it is; it has stopped when this returns."""
        self._stop()
        with self._lock:
            self._draw(self._figure, seq, running=False)

    def step(self, seq: str | None = None) -> None:
        """Pause and advance by exactly one frame."""
        self._stop()
        with self._lock:
            self._frame(seq, running=False)

    def reset(self, seq: str | None = None) -> None:
        """Back to the first values and the beginning of the run."""
        self._stop()
        with self._lock:
            self._again = True
            self._change(self.P.replace(**self.start), seq, running=False)

    def _answers(self) -> dict[str, Callable[[dict[str, Any], str | None], Any]]:
        return super()._answers() | {
            "run": lambda m, seq: self.run(seq),
            "pause": lambda m, seq: self.pause(seq),
            "step": lambda m, seq: self.step(seq),
            "reset": lambda m, seq: self.reset(seq),
            "gone": self._gone,
        }

    def _gone(self, message: dict[str, Any], seq: str | None) -> None:
        """The cell was run again or its output cleared: nobody watches this run any more."""
        self._views.discard(message["view"])
        if not self._views:
            self.pause()

    def close(self) -> None:
        self._stop()
        super().close()
