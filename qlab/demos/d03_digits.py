"""D3b: the same comparison trained on digits, live: who learns, who stalls, who keeps moving? (S1, Experiments)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from qlab.demos import look
from qlab.demos.base import Figure, Key
from qlab.demos.race import Race, RaceDemo
from qlab.experiments.digits import METHODS, Stack
from qlab.schema.lessons import Lesson03

EXPLORED = {"sr": 0.40, "bc": 0.20}  # S1: SR "nearly 40 %" of the weights changed, BC "never more than 20 %"


@dataclass(frozen=True)
class Lap:
    """What is drawn: per method the steps measured and, at each, the numbers of `Measured`."""

    done: int
    steps: int
    bits: int
    batch: int
    step_sizes: tuple[tuple[int, float], ...]
    step: np.ndarray
    curves: dict[str, dict[str, np.ndarray]]

    def last(self, method: str, what: str) -> float:
        return float(self.curves[method][what][-1])


CURVES = ("quantized_accuracy", "train_loss", "flips", "changed", "latent_accuracy")


class DigitsRace(RaceDemo):
    """An MLP 64 - 32 - 10 per method on digits, same start, same batches. The step size may change mid-run."""

    slug: ClassVar[str] = "D3b"
    title: ClassVar[str] = "Trained on digits: who learns, who stalls?"
    parameters = Lesson03
    controls = ("TRAIN_STEP_SIZE", "BITS", "TRAIN_BATCH", "RACE")
    more = ("TRAIN_STEPS",)
    presets: ClassVar[dict] = {
        "a large batch helps SR": {"TRAIN_BATCH": 128},
        "a small batch hurts SR": {"TRAIN_BATCH": 8},
        "three bits narrow the gap": {"BITS": 3},
        "STE with the identity is BC": {"RACE": "bc,ste"},
        "a free scale does not save rounding": {"RACE": "r,pgd"},
    }
    height: ClassVar[int] = 460
    gaps: ClassVar[tuple[str, ...]] = ("train_loss", "flips")

    def stacks(self, P: Lesson03) -> dict[str, Stack]:
        setting: dict[str, Any] = {"bits": P.BITS, "batch": P.TRAIN_BATCH, "device": P.DEVICE}
        chosen = [method for method in METHODS if method in P.several("RACE")]
        return {method: Stack(method, [P.SEED], step_size=P.TRAIN_STEP_SIZE, **setting) for method in chosen}

    def snapshot(self, run: Race) -> Lap:
        first = next(iter(run.history.values()))
        curves = {
            method: {what: np.array([float(getattr(m, what)[0]) for m in seen]) for what in CURVES}
            for method, seen in run.history.items()
        }
        for curve in curves.values():  # before the first step there is no training loss, and nothing has moved
            curve["train_loss"][0] = curve["flips"][0] = np.nan
        step = np.array([m.step for m in first], dtype=float)
        P = run.P
        return Lap(run.done, P.TRAIN_STEPS, P.BITS, P.TRAIN_BATCH, tuple(run.step_sizes), step, curves)

    def figure(self, data: Lap) -> Figure:
        traces: list[dict[str, Any]] = []
        nothing = np.array([np.nan])
        for panel, what in enumerate(CURVES[:4]):
            for method in METHODS:
                y = data.curves[method][what] if method in data.curves else nothing
                x = data.step if method in data.curves else nothing
                name = "Full precision, rounded" if method == "full" else look.style(method).name
                legend: dict[str, Any] = {"showlegend": panel == 0 and method in data.curves, "name": name}
                traces.append(look.method_line(method, x, y, **legend, **_axes(panel)))
        full = data.curves.get("full")
        traces.append(
            look.line(
                data.step if full else nothing,
                full["latent_accuracy"] if full else nothing,
                color=look.INK,
                dash="dot",
                width=1.2,
                **_axes(0),
            )
        )
        high = full["latent_accuracy"][-1:] + 0.02 if full else nothing
        traces.append(look.label(data.steps, high, "not rounded", color=look.INK, where="top left", **_axes(0)))
        at, text = zip(*((at, f"η = {look.value(eta)}") for at, eta in data.step_sizes), strict=True)
        traces.append(look.label(at, np.full(len(at), 1.04), list(text), **_axes(0)))
        traces.append(
            look.label(data.steps, 0.03, f"{data.bits} bit, batch {data.batch}", where="top left", **_axes(0))
        )
        for method, share in EXPLORED.items():
            mark = look.line([0, data.steps], [share, share], color=look.COLORS[method], width=1, **_axes(3))
            words = look.label(
                0, share, f"document: {look.style(method).short} {look.percent(share)}", where="top right", **_axes(3)
            )
            traces += [mark, words]
        return {"data": traces, "layout": self._layout(data.steps)}

    @staticmethod
    def _layout(steps: int) -> dict[str, Any]:
        span, left, right = (0, steps), (0, 0.46), (0.56, 1)
        share: dict[str, Any] = {"lines": True, "tickformat": ".0%"}
        rows = [(0.73, 1), (0.37, 0.64), (0, 0.28)]
        small = [look.axis("", span, domain=right, anchor=f"y{n}", showticklabels=n == 4) for n in (2, 3, 4)]
        return look.layout(
            look.axis("training step", span, domain=left),
            look.axis("test accuracy, quantized", (0, 1.08), dtick=0.2, **share),
            **{f"xaxis{n}": axis for n, axis in zip((2, 3, 4), small, strict=True)},
            yaxis2=look.axis("loss", (0, 3), lines=True, dtick=1, domain=rows[0], anchor="x2"),
            yaxis3=look.axis("flips per step", (0, 0.03), dtick=0.01, domain=rows[1], anchor="x3", **share),
            yaxis4=look.axis("changed", (0, 0.6), dtick=0.2, domain=rows[2], anchor="x4", **share),
        )

    def keys(self, data: Lap) -> list[Key]:
        first = [method for method in ("bc", "sr", "r", "ste", "pgd", "full") if method in data.curves][:3]
        return [
            Key(
                look.percent(data.last(method, "quantized_accuracy")),
                look.style(method).short if method != "full" else "rounded",
                look.COLORS[method],
            )
            for method in first
        ]

    def alt(self, data: Lap) -> str:
        eta = look.value(data.step_sizes[-1][1])
        begin = (
            f"After {data.done} of {data.steps} steps at η = **{eta}**, {data.bits} bit, batch {data.batch}, quantized"
        )
        right = ", ".join(
            f"{'full precision rounded afterwards' if m == 'full' else look.style(m).name} reads "
            f"**{look.percent(data.last(m, 'quantized_accuracy'))}**"
            for m in data.curves
        )
        moved = ", ".join(
            f"{look.style(m).short} **{look.percent(data.last(m, 'changed'))}**" for m in data.curves if m != "full"
        )
        return f"{begin}: {right} of the test digits" + (
            f"; weights changed since the start: {moved}." if moved else "."
        )


def _axes(panel: int) -> dict[str, Any]:
    return {} if panel == 0 else {"xaxis": f"x{panel + 1}", "yaxis": f"y{panel + 1}"}
