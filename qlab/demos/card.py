"""The live presenter: controls, figure, key numbers and sentence of one demo in ONE widget."""

from __future__ import annotations

import functools
import gzip
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import plotly
import traitlets

from qlab.demos.base import Demo, Figure
from qlab.demos.controls import spec
from qlab.demos.patch import diff, pack

HERE = Path(__file__).parent


@functools.cache
def plotly_js() -> bytes:
    """plotly.js as plotly ships it, gzipped (4.8 -> 1.5 MB); a page asks for it once."""
    return gzip.compress((Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_bytes(), 6)


class Card(anywidget.AnyWidget):
    """A demo with controls.

    `values` holds the controls' values and can be read, observed, linked and set: `card.set(STEP_SIZE=0.01)`. `P` are
    the lesson's parameters with these values, `data`, `text` and `command` what they give. Every change, from the
    browser or from Python, is one computation and one message with what changed in the figure; a computation that fails
    is shown in the card and leaves everything as it was. Messages arrive on any thread: `_lock` keeps computing and
    sending together.

    Raises ParameterError (from the schema) if values set from Python are unknown or out of range.
    """

    _esm = HERE / "card.js"
    _css = HERE / "card.css"

    slug = traitlets.Unicode().tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    height = traitlets.Int().tag(sync=True)
    controls: traitlets.List = traitlets.List().tag(sync=True)
    presets = traitlets.Dict().tag(sync=True)
    start = traitlets.Dict().tag(sync=True)
    training = traitlets.Bool().tag(sync=True)
    values = traitlets.Dict().tag(sync=True)
    text = traitlets.Unicode().tag(sync=True)
    numbers: traitlets.List = traitlets.List().tag(sync=True)
    command = traitlets.Unicode().tag(sync=True)
    running = traitlets.Bool().tag(sync=True)

    def __init__(self, demo: Demo, P: Any, *, training: bool = False) -> None:
        self._lock = threading.RLock()
        self.demo, self.P, self.error = demo, P, ""
        self._views: set[str] = set()
        self._told: dict[str, Any] = {}  # what the last draw message said of the traits: no second message for them
        self._names = names = (*demo.controls, *demo.more)
        for label, changes in demo.presets.items():
            if strange := set(changes) - set(names):
                raise ValueError(f"preset {label!r} of {demo.slug} sets {', '.join(strange)}, which has no control")
        self._compute(P)
        values = self._values_of(P)
        super().__init__(
            slug=demo.slug,
            title=demo.title,
            height=demo.height,
            controls=[spec(P.control(n), values[n]) | {"more": n in demo.more} for n in names],
            presets={label: dict(changes) for label, changes in demo.presets.items()},
            start=values,
            training=training,
            values=values,
            **self._words(),
        )
        self.on_msg(self._receive)

    # state -> data -> figure, words
    def _compute(self, P: Any) -> None:
        self.data = self._data(P)
        self._figure: Figure = self.demo.figure(self.data)
        self.P = P

    def _values_of(self, P: Any) -> dict[str, Any]:
        return {name: getattr(P, name) for name in self._names}

    def _data(self, P: Any) -> Any:
        return self.demo.compute(P)

    def _words(self) -> dict[str, Any]:
        keys = [[key.value, key.label, key.color] for key in self.demo.keys(self.data)]
        return {"text": self.demo.alt(self.data), "numbers": keys, "command": self.P.command()}

    def _change(self, P: Any, seq: str | None = None, **more: Any) -> None:
        """Compute, then draw. On an error everything stays as it was."""
        with self._lock:
            before = self.P, self.data, self._figure
            try:
                self._compute(P)
                self._draw(before[2], seq, **more)
            except Exception:
                self.P, self.data, self._figure = before
                raise

    def _draw(self, old: Figure, seq: str | None = None, **more: Any) -> None:
        """Send what changed since `old`: the one message of a change."""
        buffers: list[memoryview] = []
        changes = pack(diff(old, self._figure), buffers)
        words = self._words() | {"values": self._values_of(self.P)} | more
        self.error = ""
        self.send({"t": "draw", "seq": seq, "changes": changes, **words}, buffers)
        self._told = words
        for name, value in words.items():
            self.set_trait(name, value)

    def _should_send_property(self, key: str, value: Any) -> bool:
        told = key in self._told and self._told[key] == value
        return not told and super()._should_send_property(key, value)

    # Python's side
    def set(self, **changes: Any) -> None:
        """Move controls from Python: `card.set(STEP_SIZE=0.01)`."""
        self.values = {**self.values, **changes}

    @traitlets.validate("values")
    def _checked(self, proposal: Any) -> dict[str, Any]:
        now = self._values_of(self.P)
        if proposal.value == now:
            return now
        return self._values_of(self.P.replace(**proposal.value))

    @traitlets.observe("values")
    def _moved(self, change: Any) -> None:
        if change.new == self._values_of(self.P):
            return
        try:
            self._change(self.P.replace(**change.new))
        except Exception:
            self.values = self._values_of(self.P)
            raise

    # the browser's side
    def _receive(self, _: Any, message: dict[str, Any], buffers: list[memoryview]) -> None:
        seq = message.get("seq")
        try:
            self._answers()[message["t"]](message, seq)
        except Exception as problem:
            self._fail(problem, seq)

    def _answers(self) -> dict[str, Callable[[dict[str, Any], str | None], Any]]:
        return {
            "tick": lambda m, seq: None,  # its packet carries the acknowledgement the server's socket waits for
            "library": lambda m, seq: self.send({"t": "library", "version": plotly.__version__}, [plotly_js()]),
            "open": lambda m, seq: self._open(m["view"]),
            "gone": lambda m, seq: self._views.discard(m["view"]),
            "move": lambda m, seq: self._change(self.P.replace(**m["values"]), seq),
        }

    def _fail(self, problem: Exception, seq: str | None = None) -> None:
        """One red line in the card, the traceback behind it; the next good change clears it."""
        self.error = "".join(traceback.format_exception(problem))
        self.send({"t": "error", "seq": seq, "text": f"{type(problem).__name__}: {problem}", "traceback": self.error})

    def _open(self, view: str) -> None:
        """The whole figure, for a view that just appeared (a page reload, a second view)."""
        with self._lock:
            self._views.add(view)
            buffers: list[memoryview] = []
            figure = pack(self._figure, buffers)
            words = self._words() | {"values": self._values_of(self.P), "running": self.running}
            self.send({"t": "figure", "view": view, "figure": figure, **words}, buffers)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if data:
            data["text/plain"] = f"{self.title} {self.text.replace('**', '')}"
        return bundle
