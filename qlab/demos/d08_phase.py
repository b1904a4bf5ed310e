"""D7c: which pairs of step sizes let descent ascent come to rest, and at which KKT point? (an open question of S0)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from qlab.demos import look
from qlab.demos.base import Demo, Figure, Key
from qlab.experiments import multipliers as experiment
from qlab.experiments.multipliers import OUTCOMES
from qlab.schema.lessons.lesson08 import Lesson08

ETA = np.geomspace(0.005, 0.7, 18)
DUAL = np.geomspace(0.01, 4.0, 20)
STEP_SIZES, DUAL_STEPS = (axis.ravel() for axis in np.meshgrid(ETA, DUAL))
X, Y = (-2.4, 0.25), (-2.35, 0.85)  # powers of ten
DRAWN = {
    "right": ("rests at the right KKT point", look.COLORS["sgda"], "square"),
    "left": ("rests at the left one", look.INK, "diamond"),
    "circling": ("not at rest", look.MUTED, "circle-open"),
    "diverged": ("diverges", "#8A8F98", "x-thin-open"),
}


@dataclass(frozen=True)
class Phase:
    """One state: the outcome of each pair of step sizes, and the dual steps beyond which the KKT points repel."""

    start: float
    eps: float
    update: str
    step_size: float
    dual_step: float
    outcome: np.ndarray  # indices into OUTCOMES
    limits: tuple[float, float]  # left, right; the simultaneous update's
    share: dict[str, float]


class StepSizes(Demo):
    """360 runs of 1000 steps, side by side."""

    slug: ClassVar[str] = "D7c"
    title: ClassVar[str] = "Which step sizes come to rest, and where?"
    parameters = Lesson08
    controls = ("START", "EPS_HAT", "UPDATE")
    presets: ClassVar[dict] = {
        "from the right": {"START": 0.05, "EPS_HAT": 0.1, "UPDATE": "simultaneous"},
        "from the left: the ratio decides": {"START": -0.8, "EPS_HAT": 0.1, "UPDATE": "simultaneous"},
        "a ceiling for the dual step": {"START": 0.6, "EPS_HAT": 0.5, "UPDATE": "simultaneous"},
        "alternating: no ceiling": {"START": 0.6, "EPS_HAT": 0.5, "UPDATE": "alternating"},
    }
    height = 430

    def compute(self, P: Lesson08) -> Phase:
        found = experiment.sweep(STEP_SIZES, DUAL_STEPS, eps_hat=P.EPS_HAT, start=P.START, update=P.UPDATE)
        left, right = (max(experiment.largest_dual_step(p), 0.0) for p in experiment.kkt_points(P.EPS_HAT))
        share = {name: float((found == k).mean()) for k, name in enumerate(OUTCOMES)}
        return Phase(P.START, P.EPS_HAT, P.UPDATE, P.STEP_SIZE, P.DUAL_STEP, found, (left, right), share)

    def figure(self, data: Phase) -> Figure:
        x, y = np.log10(STEP_SIZES), np.log10(DUAL_STEPS)
        traces = []
        for name, (words, color, symbol) in DRAWN.items():
            here = data.outcome == OUTCOMES.index(name)
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": words,
                    "x": np.where(here, x, np.nan),
                    "y": np.where(here, y, np.nan),
                    "marker": {"symbol": symbol, "size": 10, "color": color},
                    "hoverinfo": "skip",
                }
            )
        seen = data.update == "simultaneous"
        low, high = sorted(data.limits)
        for limit, words in zip(data.limits, ("left repels", "right repels"), strict=True):
            height = np.log10(limit) if seen and limit > 0 else np.nan
            traces.append(look.line(np.array([X[0], -0.1]), np.full(2, height), color=look.INK, dash="dash", width=1.4))
            near = 0.05 * (1 if limit == high else -1) * (high / max(low, 1e-9) < 1.5)  # close lines: words apart
            traces.append(look.label(-0.09, height + near, words, color=look.INK))
        traces.append(
            look.line(np.array([-2.1, -0.1]), np.array([-2.1, -0.1]), dash="dot", width=1.2, name="η<sub>λ</sub> = η")
        )
        said = "document: step sizes that are small enough converge"
        traces.append(look.label(X[0] + 0.02, Y[0] + 0.12, said, color=look.INK))
        return {"data": traces, "layout": look.layout(_axis("step size η", X), _axis("dual step η<sub>λ</sub>", Y))}

    def keys(self, data: Phase) -> list[Key]:
        wanted = ("right", "left", "diverged")
        return [Key(look.percent(data.share[name]), DRAWN[name][0], DRAWN[name][1]) for name in wanted]

    def alt(self, data: Phase) -> str:
        share = {name: f"**{look.percent(value)}**" for name, value in data.share.items()}
        said = (
            f"From {look.value(data.start)} at ε̂ = {look.value(data.eps)}, {data.update}: of {len(data.outcome)} pairs "
            f"of step sizes {share['right']} rest at the right KKT point, {share['left']} at the left one, "
            f"{share['circling']} are not at rest after 1000 steps and {share['diverged']} diverge"
        )
        limit = data.limits[1]
        if data.update == "alternating":
            return f"{said}; seeing the new weight, the multiplier has no ceiling of its own."
        if not limit:
            return f"{said}; the minimizer is feasible on the right, and its price is 0."
        return f"{said}; the right point repels from a dual step of **{look.fmt(limit)}** on, however small η is."


def _axis(title: str, range: tuple[float, float]) -> dict[str, Any]:
    ticks = [0.01, 0.1, 1.0]
    marks: dict[str, Any] = {
        "tickmode": "array",
        "tickvals": np.log10(ticks),
        "ticktext": [look.value(v) for v in ticks],
    }
    return look.axis(title, range, **marks)
