"""D2b: networks with quantized activations learn digits, live, each with another declared derivative (S2, S0 II)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from qlab.demos import look
from qlab.demos.base import Figure, Key
from qlab.demos.race import Race, RaceDemo
from qlab.experiments.activations import CHOICES, Stack
from qlab.schema.lessons import Lesson02

ORANGE, BROWN = look.COLORS["ste"], "#8C4A00"
PENS = {  # colour and dash: a surrogate is an STE, so all but "nothing declared" are of its colour
    "none": (look.INK, "dot", "nothing declared"),
    "ae": (ORANGE, "dot", "a.e."),
    "3-valued": (ORANGE, "solid", "3-valued"),
    "2-valued": (ORANGE, "dash", "2-valued"),
    "relu": (BROWN, "dashdot", "ReLU"),
    "identity": (BROWN, "longdash", "identity"),
}


@dataclass(frozen=True)
class Lap:
    """What is drawn: the steps measured and, per choice, test accuracy and mean training loss at each; moved now."""

    done: int
    steps: int
    bits: int
    step_size: float
    step: np.ndarray
    accuracy: dict[str, np.ndarray]
    train_loss: dict[str, np.ndarray]
    moved: dict[str, float]


class SurrogateRace(RaceDemo):
    """An MLP 64 - 32 - 32 - 10 per choice, same start, same batches; weights are not quantized."""

    slug: ClassVar[str] = "D2b"
    title: ClassVar[str] = "Which declared derivative lets a network learn?"
    parameters = Lesson02
    controls = ("ACT_BITS", "RACE", "TRAIN_STEP_SIZE", "TRAIN_STEPS")
    presets: ClassVar[dict] = {
        "nothing declared: only the last layer learns": {"RACE": "none,3-valued"},
        "an open end: ReLU at 2 bits": {"RACE": "3-valued,relu", "ACT_BITS": 2},
        "with 4 bits the end hardly matters": {"RACE": "3-valued,relu", "ACT_BITS": 4},
        "in s_x: a.e., 3-valued, 2-valued": {"RACE": "ae,3-valued,2-valued"},
    }
    height: ClassVar[int] = 400
    gaps: ClassVar[tuple[str, ...]] = tuple(CHOICES)  # before the first step there is no training loss

    def stacks(self, P: Lesson02) -> dict[str, Stack]:
        setting: dict[str, Any] = {"bits": P.ACT_BITS, "step_size": P.TRAIN_STEP_SIZE, "device": P.DEVICE}
        return {choice: Stack(choice, [P.SEED], **setting) for choice in CHOICES if choice in P.several("RACE")}

    def snapshot(self, run: Race) -> Lap:
        seen = run.history
        step = np.array([m.step for m in next(iter(seen.values()))], dtype=float)
        accuracy = {choice: np.array([float(m.accuracy[0]) for m in of]) for choice, of in seen.items()}
        loss = {choice: np.array([float(m.train_loss[0]) for m in of]) for choice, of in seen.items()}
        if len(step) == 1:
            loss = {choice: np.full(1, np.log(10.0)) for choice in loss}  # where a network that knows nothing is
        moved = {choice: float(of[-1].moved[0]) for choice, of in seen.items()}
        P, eta = run.P, run.step_sizes[-1][1]
        return Lap(int(step[-1]), P.TRAIN_STEPS, P.ACT_BITS, eta, step, accuracy, loss, moved)

    def figure(self, data: Lap) -> Figure:
        right: dict[str, Any] = {"xaxis": "x2", "yaxis": "y2"}
        nothing = np.array([np.nan])
        traces = []
        for curves, place in ((data.accuracy, {}), (data.train_loss, right)):
            for choice, (color, dash, name) in PENS.items():
                x, y = (data.step, curves[choice]) if choice in curves else (nothing, nothing)
                legend: dict[str, Any] = {"name": name, "showlegend": not place and choice in curves}
                traces.append(look.line(x, y, color=color, dash=dash, width=2.4) | legend | place)
        stuck = data.accuracy.get("none")
        y = stuck[-1:] - 0.1 if stuck is not None and data.done else nothing
        traces.append(look.label(data.steps, y, "document: stagnates", where="bottom left"))
        about = f"{data.bits} bit, η = {look.value(data.step_size)}"
        traces.append(look.label(data.steps, 0.02, about, where="top left"))
        left, other = [0.0, 0.55], [0.65, 1.0]
        x1, x2 = (look.axis("training step", (0, data.steps), domain=d) for d in (left, other))
        y1 = look.axis("test accuracy", (0, 1.02), lines=True, tickformat=".0%", dtick=0.2)
        y2 = look.axis("training loss", (0, 3), lines=True, dtick=1, anchor="x2")
        return {"data": traces, "layout": look.layout(x1, y1, xaxis2=x2 | {"anchor": "y2"}, yaxis2=y2)}

    def keys(self, data: Lap) -> list[Key]:
        shown = list(data.accuracy)[:3]
        return [Key(look.percent(data.accuracy[c][-1]), PENS[c][2], PENS[c][0]) for c in shown]

    def alt(self, data: Lap) -> str:
        ends = ", ".join(f"{PENS[choice][2]} **{look.percent(y[-1])}**" for choice, y in data.accuracy.items())
        still = ""
        if "none" in data.moved:
            still = f"; with nothing declared, **{look.percent(data.moved['none'])}** of the weights below have moved"
        return (
            f"After {data.done} of {data.steps} steps at η = {look.value(data.step_size)} with {data.bits}-bit "
            f"activations, test digits read correctly: {ends}{still}."
        )
