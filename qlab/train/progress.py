"""What a run shows: a bar in a terminal, else a line every few seconds. It never waits for the device."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO


class Silent:
    """Shows nothing."""

    def update(self, step: int, numbers: Mapping[str, float] | None = None) -> None:
        """The run is after step number `step`; `numbers` are those of the last reading, if there was one."""

    def say(self, line: str) -> None:
        """A line of its own."""

    def close(self) -> None:
        """The run is over."""


class Lines(Silent):
    """A line every `seconds`, and at the end: `step 120/300  loss 1.93  flips 41  (12 s, about 18 s left)`."""

    def __init__(self, total: int, start: int = 0, seconds: float = 5.0, stream: TextIO | None = None):
        self.total, self.start, self.seconds = total, start, seconds
        self.stream = stream or sys.stderr
        self.begun = self.shown = time.monotonic()
        self.step, self.numbers = start, ""

    def update(self, step: int, numbers: Mapping[str, float] | None = None) -> None:
        self.step = step
        if numbers:
            self.numbers = words(numbers)
        if time.monotonic() - self.shown >= self.seconds:
            self._print()

    def _print(self) -> None:
        now = self.shown = time.monotonic()
        spent, done = now - self.begun, self.step - self.start
        rest = self.total - self.step
        left = f", about {spent / done * rest:.0f} s left" if done and rest else ""
        self.say(f"step {self.step}/{self.total}  {self.numbers}  ({spent:.0f} s{left})")

    def say(self, line: str) -> None:
        print(line, file=self.stream, flush=True)

    def close(self) -> None:
        self._print()


class Bar(Silent):
    """A tqdm bar."""

    def __init__(self, tqdm: Any, total: int, start: int = 0):
        self.bar = tqdm(total=total, initial=start, unit="step", dynamic_ncols=True)

    def update(self, step: int, numbers: Mapping[str, float] | None = None) -> None:
        if numbers:
            self.bar.set_postfix_str(words(numbers), refresh=False)
        self.bar.update(step - self.bar.n)

    def say(self, line: str) -> None:
        self.bar.write(line, file=sys.stderr)

    def close(self) -> None:
        self.bar.close()


def words(numbers: Mapping[str, float]) -> str:
    """`loss 1.93  flips 41`: three significant digits."""
    return "  ".join(f"{name} {value:.3g}" for name, value in numbers.items())


def show(total: int, start: int = 0) -> Silent:
    """A bar if tqdm is installed and a person watches a terminal, else lines."""
    if sys.stderr.isatty():
        try:
            from tqdm import tqdm
        except ImportError:
            pass
        else:
            return Bar(tqdm, total, start)
    return Lines(total, start)
