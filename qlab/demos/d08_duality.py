"""D7b: a price bounds the optimum from below; is the best price good enough? P*(ε), its tangent and the gap (S3)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from qlab.demos import look
from qlab.demos.base import Demo, Figure, Key
from qlab.schema.lessons.lesson08 import Lesson08
from qlab.theory.duality import Atoms, Rounding

X, Y = (0.0, 1.25), (0.0, 1.05)  # both in units of what is there to win: V, or 1
E = np.linspace(0.002, X[1], 500)
PURPLE, ORANGE = look.COLORS["pdqat"], look.COLORS["ste"]


def problem(inputs: str) -> tuple[Rounding | Atoms, float]:
    """The instance of a choice, and the ε (and loss) at which nothing is left to win."""
    if inputs == "rounding":
        return Rounding(), Rounding().variance
    return Atoms(math.inf if inputs == "continuous" else int(inputs)), 1.0


@dataclass(frozen=True)
class Bound:
    """One state, in units of V (rounding) or 1: the optimum over ε, the price chosen and the best one."""

    inputs: str
    budget: float
    lam: float
    price: np.ndarray  # P* over E
    here: float  # P*(ε)
    mine: float  # D(λ; ε)
    bound: float  # D*(ε)
    best: float  # λ*(ε)

    @property
    def gap(self) -> float:
        return max(0.0, self.here - self.bound)


class Duality(Demo):
    """Every curve is a closed form of `qlab.theory.duality`. A price λ is the line D(λ; ·) of slope -λ."""

    slug: ClassVar[str] = "D7b"
    title: ClassVar[str] = "How much is a looser constraint worth, and can a price tell?"
    parameters = Lesson08
    controls = ("LAM", "BUDGET", "INPUTS")
    presets: ClassVar[dict] = {
        "no gap: the line touches": {"INPUTS": "rounding", "BUDGET": 0.4, "LAM": 0.6},
        "a tight budget is dear": {"INPUTS": "rounding", "BUDGET": 0.04, "LAM": 4.0},
        "a loose one is free": {"INPUTS": "rounding", "BUDGET": 1.2, "LAM": 0.0},
        "one input: a gap": {"INPUTS": "1", "BUDGET": 0.4, "LAM": 1.0},
        "eight inputs: a small gap": {"INPUTS": "8", "BUDGET": 0.3, "LAM": 1.0},
        "continuous: none": {"INPUTS": "continuous", "BUDGET": 0.4, "LAM": 1.0},
    }

    def compute(self, P: Lesson08) -> Bound:
        instance, unit = problem(P.INPUTS)
        eps = P.BUDGET * unit
        return Bound(
            inputs=P.INPUTS,
            budget=P.BUDGET,
            lam=P.LAM,
            price=np.array([instance.price(e * unit) for e in E]) / unit,
            here=instance.price(eps) / unit,
            mine=instance.dual(P.LAM, eps) / unit,
            bound=instance.bound(eps) / unit,
            best=instance.multiplier(eps),
        )

    def figure(self, data: Bound) -> Figure:
        at = np.array([data.budget])
        ends = np.array(X)
        dot = {"type": "scatter", "mode": "markers", "hoverinfo": "skip", "showlegend": False, "cliponaxis": False}
        traces = [
            look.line(E, data.price, color="#000000", width=2.6, name="P*(ε), the best loss"),
            look.line(
                ends, data.bound - data.best * (ends - data.budget), color=PURPLE, dash="longdash", width=2.2,
                name="document: the line of slope −λ*",
            ),
            look.line(ends, data.mine - data.lam * (ends - data.budget), color=ORANGE, width=2.2, name="your price λ"),
            look.line(np.repeat(at, 2), np.array([data.bound, data.here]), color="#D55E00", width=5, name="gap"),
            look.verticals(data.budget, *Y, dash="dot"),
            dot | {"x": at, "y": np.array([data.here]), "marker": {"size": 10, "color": "#000000"}},
            dot | {"x": at, "y": np.array([data.bound]), "marker": {"size": 10, "color": PURPLE, "symbol": "diamond"}},
            dot | {"x": at, "y": np.array([max(data.mine, 0.0)]), "marker": {"size": 9, "color": ORANGE}},
        ]  # fmt: skip
        x = look.axis("budget ε, as a share of what rounding costs", X, tickmode="linear", tick0=0, dtick=0.25)
        y = look.axis("loss, as a share of it", Y, lines=True, tickmode="linear", tick0=0, dtick=0.25)
        return {"data": traces, "layout": look.layout(x, y)}

    def keys(self, data: Bound) -> list[Key]:
        return [
            Key(look.fmt(data.best, 3), "best price λ*", PURPLE),
            Key(look.fmt(data.mine, 3), "your bound", ORANGE),
            Key(look.fmt(data.gap, 3) if data.gap > 1e-9 else "0", "gap", "#D55E00"),
        ]

    def alt(self, data: Bound) -> str:
        said = f"**{look.fmt(data.here, 3) if data.here > 1e-12 else '0'}**"
        yours = f"your price λ = {look.value(data.lam)} proves that it is at least **{look.fmt(data.mine, 3)}**"
        if data.mine < -1e-12:
            yours = f"your price λ = {look.value(data.lam)} proves nothing (a bound of **{look.fmt(data.mine, 3)}**)"
        best = f"the best, λ* = **{look.fmt(data.best, 3)}**, "
        if data.gap > 1e-9:
            best += f"at least {look.fmt(data.bound, 3)}: a gap of **{look.fmt(data.gap, 3)}** that no price closes"
        elif data.best == 0:
            best = "the best price is **0**: the constraint does not bind"
        else:
            slope = "and −λ* is the slope of P*" if data.inputs in ("rounding", "continuous") else "at this step of P*"
            best += f"proves all of it: no gap, {slope}"
        return f"{NAMES[data.inputs]}: at ε = {look.value(data.budget)} the best loss is {said}; {yours}, {best}."


NAMES = {
    "rounding": "Rounding with squared error",
    "1": "All or nothing on one input",
    "2": "All or nothing on two inputs",
    "8": "All or nothing on eight inputs",
    "continuous": "All or nothing on a continuous input",
}
