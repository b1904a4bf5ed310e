"""A demo is four pure functions: parameters -> data -> figure, key numbers and sentence."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from qlab.schema.base import Parameters

Figure = dict[str, Any]
"""A plain plotly figure: {"data": [trace, ...], "layout": {...}}, arrays as numpy arrays."""


@dataclass(frozen=True)
class Key:
    """One number of the header: its text, what it is, and the colour of the method it belongs to."""

    value: str
    label: str
    color: str


class Demo(ABC):
    """One question, answered by a picture and a sentence.

    A subclass sets the class attributes and writes `compute`, `figure`, `alt` and `keys`; nothing in it knows how it is
    presented. The number and type of traces never change with the state, axis ranges stand still, and what moves is a
    trace (new `x`, `y` or `text` are drawn at once; anything else costs a full redraw). Data are finite; `gaps` names
    the arrays in which a NaN stands for a value that does not exist (no loss before the first step).
    """

    slug: ClassVar[str]
    title: ClassVar[str]
    parameters: ClassVar[type[Parameters]]
    controls: ClassVar[tuple[str, ...]]
    more: ClassVar[tuple[str, ...]] = ()
    presets: ClassVar[dict[str, dict[str, Any]]] = {}
    gaps: ClassVar[tuple[str, ...]] = ()
    height: ClassVar[int] = 380

    @abstractmethod
    def compute(self, P: Any) -> Any:
        """The data of one state: any frozen dataclass of numpy arrays and numbers."""

    @abstractmethod
    def figure(self, data: Any) -> Figure:
        """The picture of the data."""

    @abstractmethod
    def alt(self, data: Any) -> str:
        """One sentence with the finding for this state, its numbers in **bold**: footer and alternative text."""

    @abstractmethod
    def keys(self, data: Any) -> list[Key]:
        """The two or three numbers of the header."""


class TrainingDemo(Demo):
    """A demo that runs: Run, Pause, Step and Reset instead of one computation.

    `frames` is the length of the default run. A change of a control in `live_controls` is applied to the run under way;
    any other change begins a new one.
    """

    frames: ClassVar[int]
    live_controls: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def begin(self, P: Any) -> Any:
        """A new run, before its first step."""

    @abstractmethod
    def advance(self, run: Any) -> None:
        """One frame of the run, at most 50 ms of work."""

    @abstractmethod
    def snapshot(self, run: Any) -> Any:
        """The data of the run as it stands."""

    def live(self, P: Any, run: Any) -> None:
        """Apply the new values of `live_controls` to the run under way (a demo that names some overrides this)."""

    def compute(self, P: Any) -> Any:
        """The data after the default run."""
        run = self.begin(P)
        for _ in range(self.frames):
            self.advance(run)
        return self.snapshot(run)
