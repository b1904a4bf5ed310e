"""A race: networks trained side by side, from the same start on the same batches, measured at every frame."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from qlab.demos.base import TrainingDemo


class Trained(Protocol):
    """One contestant: a stack of one run (`qlab.experiments`)."""

    done: int
    step_size: float

    def step(self) -> None: ...
    def measure(self) -> Any: ...


@dataclass
class Race:
    """The contestants by name, the parameters they began with, and what has been measured so far."""

    stacks: dict[str, Any]
    P: Any
    step_sizes: list[tuple[int, float]]  # (from which step, step size)
    frame: int = 0
    history: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def done(self) -> int:
        return next(iter(self.stacks.values())).done

    def measure(self) -> None:
        for name, stack in self.stacks.items():
            self.history.setdefault(name, []).append(stack.measure())


class RaceDemo(TrainingDemo):
    """`P.TRAIN_STEPS` steps in `frames` frames; `P.TRAIN_STEP_SIZE` may change while the race is on."""

    frames: ClassVar[int] = 50
    live_controls: ClassVar[tuple[str, ...]] = ("TRAIN_STEP_SIZE",)

    @abstractmethod
    def stacks(self, P: Any) -> dict[str, Any]:
        """The contestants (`Trained`) by name, before their first step."""

    def begin(self, P: Any) -> Race:
        run = Race(self.stacks(P), P, [(0, P.TRAIN_STEP_SIZE)])
        run.measure()
        return run

    def advance(self, run: Race) -> None:
        run.frame += 1
        for stack in run.stacks.values():
            while stack.done < round(run.P.TRAIN_STEPS * run.frame / type(self).frames):
                stack.step()
        run.measure()

    def live(self, P: Any, run: Race) -> None:
        for stack in run.stacks.values():
            stack.step_size = P.TRAIN_STEP_SIZE
        run.step_sizes = [(at, eta) for at, eta in run.step_sizes if at < run.done] + [(run.done, P.TRAIN_STEP_SIZE)]
