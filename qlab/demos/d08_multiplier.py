"""D7: descent in the weight, ascent in its price: the path in the (w, λ) plane, and both over time (S0 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from qlab.demos import look
from qlab.demos.base import Demo, Figure, Key
from qlab.experiments import multipliers as experiment
from qlab.experiments.multipliers import Point
from qlab.schema.lessons.lesson08 import Lesson08

ITERATIONS = 2000
WEIGHTS, PRICES, STEPS = (-1.6, 1.6), (0.0, 4.0), (0.0, 3.31)  # the axes; of the steps, the power of ten
SHOWN = np.unique(np.rint(np.geomspace(1, ITERATIONS, 400)).astype(int))  # the steps drawn over time
PINK, GREEN = look.COLORS["sgda"], look.COLORS["askew"]


@dataclass(frozen=True)
class Walk:
    """One state: the path, the KKT points left and right, the end of the island intervals."""

    start: float
    step_size: float
    dual_step: float
    eps: float
    noise: float
    w: np.ndarray
    lam: np.ndarray
    over_time: np.ndarray  # (3, len(SHOWN)): step, w, λ
    points: tuple[Point, Point]
    outcome: str
    end: Point
    peak: float
    lost: int  # the step at which the run diverged; 0 if it did not
    feasible_after: int  # -1: never


class Multiplier(Demo):
    """A run is 2000 steps of the rule `sgda` on one weight; the time axis is logarithmic, so that all of it is seen."""

    slug: ClassVar[str] = "D7"
    title: ClassVar[str] = "What does it cost to hold a weight on its island, and who finds the price?"
    parameters = Lesson08
    controls = ("DUAL_STEP", "START", "STEP_SIZE", "EPS_HAT")
    more = ("UPDATE", "NOISE")
    presets: ClassVar[dict] = {
        "the price overshoots": {"DUAL_STEP": 0.5, "STEP_SIZE": 0.05, "START": 0.05, "EPS_HAT": 0.1},
        "a patient price": {"DUAL_STEP": 0.01, "STEP_SIZE": 0.05, "START": 0.05, "EPS_HAT": 0.1},
        "the other KKT point": {"DUAL_STEP": 0.1, "STEP_SIZE": 0.05, "START": -0.8, "EPS_HAT": 0.1},
        "too slow to hold it": {"DUAL_STEP": 0.02, "STEP_SIZE": 0.05, "START": -0.8, "EPS_HAT": 0.1},
        "it never settles": {"DUAL_STEP": 0.5, "STEP_SIZE": 0.01, "START": 0.6, "EPS_HAT": 0.5},
        "too large for both": {"DUAL_STEP": 2.0, "STEP_SIZE": 0.2, "START": 0.05, "EPS_HAT": 0.1},
    }
    height = 420

    def compute(self, P: Lesson08) -> Walk:
        path = experiment.run(
            step_size=P.STEP_SIZE,
            dual_step=P.DUAL_STEP,
            eps_hat=P.EPS_HAT,
            start=P.START,
            iterations=ITERATIONS,
            update=P.UPDATE,
            noise=P.NOISE,
            seed=P.SEED,
        )
        last = len(path.w) - 1
        at = np.minimum(SHOWN, last)
        return Walk(
            start=P.START,
            step_size=P.STEP_SIZE,
            dual_step=P.DUAL_STEP,
            eps=P.EPS_HAT,
            noise=P.NOISE,
            w=path.w,
            lam=path.lam,
            over_time=np.stack([at.astype(float), path.w[at], path.lam[at]]),
            points=experiment.kkt_points(P.EPS_HAT),
            outcome=experiment.outcome(path),
            end=path.end if path.lost is None else Point(float(path.w[-1]), float(path.lam[-1])),
            peak=path.peak,
            lost=path.lost or 0,
            feasible_after=path.feasible_after if path.feasible_after < len(path.w) else -1,
        )

    def figure(self, data: Walk) -> Figure:
        upper: dict[str, Any] = {"xaxis": "x2", "yaxis": "y2", "showlegend": False}
        lower: dict[str, Any] = {"xaxis": "x3", "yaxis": "y3", "showlegend": False}
        inner, outer = np.sqrt(1 - np.sqrt(data.eps)), 1 + np.sqrt(data.eps)
        t, w, lam = data.over_time
        start, ends = np.array([data.start]), np.array(STEPS)
        star = {"symbol": "star", "size": 13, "color": look.INK}
        hollow = {"size": 9, "color": look.CARD, "line": {"width": 2, "color": PINK}}
        marks = {"type": "scatter", "mode": "markers", "hoverinfo": "skip", "cliponaxis": False}
        traces = [
            _band([-outer, -inner, np.nan, inner, outer], PRICES, upright=True, name="islands, ψ ≥ 0"),
            look.method_line("sgda", data.w, data.lam, name="path of (w, λ)") | {"line": {"color": PINK, "width": 2}},
            marks
            | {"x": np.array([p.w for p in data.points]), "y": np.array([p.lam for p in data.points])}
            | {"marker": star, "name": "document: stationary points"},
            marks | {"x": start, "y": np.zeros(1), "marker": hollow, "name": "start"},
            _band([-outer, -inner, np.nan, inner, outer], STEPS, upright=False, **upper),
            look.method_line("sgda", np.log10(t), w, **upper),
            look.line(ends, np.zeros(2), color="#B9C0C8", width=1, **lower),
            *(look.line(ends, np.full(2, p.lam), color=look.INK, dash="dot", width=1.2, **lower) for p in data.points),
            look.label(ends[[1, 1]], [p.lam for p in data.points], ["λ* left", "λ* right"], where="top left", **lower),
            look.method_line("sgda", np.log10(t), lam, **lower),
        ]  # fmt: skip
        powers: dict[str, Any] = {"tickmode": "array", "tickvals": [0, 1, 2, 3], "ticktext": ["1", "10", "100", "1000"]}
        unit: dict[str, Any] = {"tickmode": "linear", "tick0": 0, "dtick": 1}
        x = look.axis("weight w", WEIGHTS, domain=[0, 0.46], anchor="y", **unit)
        y = look.axis("multiplier λ", PRICES, lines=True, anchor="x", **unit)
        right: dict[str, Any] = {"domain": [0.57, 1.0]}
        x2 = look.axis("", STEPS, anchor="y2", showticklabels=False, **right, **powers)
        x3 = look.axis("step", STEPS, anchor="y3", **right, **powers)
        y2 = look.axis("w", WEIGHTS, lines=True, anchor="x2", domain=[0.54, 1], **unit)
        y3 = look.axis("λ", PRICES, lines=True, anchor="x3", domain=[0, 0.46], tickmode="linear", tick0=0, dtick=2)
        return {"data": traces, "layout": look.layout(x, y, xaxis2=x2, yaxis2=y2, xaxis3=x3, yaxis3=y3)}

    def keys(self, data: Walk) -> list[Key]:
        if data.lost:
            return [Key(str(data.lost), "steps until it diverged", PINK)]
        return [
            Key(look.fmt(data.end.lam, 3), "final multiplier", PINK),
            Key(look.fmt(data.peak, 3), "its peak", PINK),
            Key(str(data.feasible_after) if data.feasible_after >= 0 else "never", "steps until feasible", GREEN),
        ]

    def alt(self, data: Walk) -> str:
        steps = f"step size **{look.value(data.step_size)}**, dual step **{look.value(data.dual_step)}**"
        noise = f" under noise {look.value(data.noise)}" if data.noise else ""
        begins = f"From {look.value(data.start)} with {steps} and ε̂ = {look.value(data.eps)}{noise}"
        if data.lost:
            return f"{begins} the run diverges after **{data.lost}** steps: nothing beyond is drawn."
        if data.feasible_after <= 0:
            rests = data.outcome in ("left", "right")
            never = "is feasible only in the limit" if rests else "is never feasible"
            feasible = never if data.feasible_after else "starts feasible"
        else:
            feasible = f"is first feasible after **{data.feasible_after}** steps"
        peak = f"λ peaks at **{look.fmt(data.peak, 3)}**"
        w, lam = f"w = **{look.fmt(data.end.w, 3)}**", f"λ = **{look.fmt(data.end.lam, 3)}**"
        if data.outcome == "circling":
            late = f"neither is at rest after {ITERATIONS} steps: lately {w}, {lam} on average"
            return f"{begins} the weight {feasible}, {peak}, and {late}."
        return f"{begins} the weight {feasible}, {peak}, and both rest at the {data.outcome} KKT point, {w}, {lam}."


def _band(ends: list[float], range: tuple[float, float], *, upright: bool, **more: Any) -> dict[str, Any]:
    """The two islands as tinted bands, one trace: over w (upright) or along the time."""
    (a, b), (c, d), (low, high) = ends[:2], ends[3:], range
    across = np.array([a, a, b, b, np.nan, c, c, d, d])
    along = np.array([low, high, high, low, np.nan, low, high, high, low])
    x, y = (across, along) if upright else (along, across)
    fill = {"fill": "toself", "fillcolor": look.tint(GREEN), "line": {"width": 0}, "hoverinfo": "skip"}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y} | fill | more
