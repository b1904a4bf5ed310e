"""D5: where may a weight stay, and which way is it pushed? psi, its islands, the tangent cone and the velocity (S0)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from qlab.constraints import cases, eps_of, gap, intervals, psi, slope, velocity
from qlab.demos import look
from qlab.demos.base import Demo, Figure, Key
from qlab.schema.lessons.lesson06 import Lesson06

VIEW = (-2.2, 2.2)
TOP = (-1.15, 1.15)  # psi in units of gap⁴/16
BOTTOM = (-6.0, 6.0)
LEVELS = {"binary": (-1.0, 1.0), "ternary": (-1.0, 0.0, 1.0), "2-bit": (-1.0, -1 / 3, 1 / 3, 1.0)}
GREEN = look.COLORS["askew"]
X = torch.linspace(*VIEW, 880, dtype=torch.float64)  # an even number: no midpoint among them


@dataclass(frozen=True)
class Seen:
    """One state: the curves over X, the islands, and the particle."""

    levels: np.ndarray
    eps_hat: float
    eps: float
    gap: float
    push_max: float  # 0: no clip
    ends: np.ndarray  # (K, 2)
    psi: np.ndarray  # in units of gap⁴/16, as `limit`: psi at ε = gap⁴/16
    limit: np.ndarray
    descent: np.ndarray
    clipped: np.ndarray
    unclipped: np.ndarray
    w: float
    at: float  # psi(w), in the same units
    slope: float
    g: float
    v: float
    case: int
    share: float  # of the way between the outermost levels on which the clip acts

    @property
    def inward(self) -> float:
        """How far inside its level an island of the smallest gap ends: the largest distance to a level in between."""
        return float((self.ends[:, 1] - self.levels)[:-1].max())


class Wells(Demo):
    """Every curve is the library's psi, slope and velocity."""

    slug: ClassVar[str] = "D5"
    title: ClassVar[str] = "Where may a weight stay, and which way is it pushed?"
    parameters = Lesson06
    controls = ("W", "EPS_HAT", "LEVELS", "PUSH")
    more = ("PUSH_MAX", "TARGET")
    presets: ClassVar[dict] = {
        "at the midpoint no way is right": {"W": 0.0, "LEVELS": "binary"},
        "beside it: a huge push": {"W": 0.05, "LEVELS": "binary", "PUSH_MAX": "off"},
        "feasible, not quantized": {"W": 0.9, "EPS_HAT": 0.1, "LEVELS": "binary"},
        "islands about to touch": {"W": 0.2, "EPS_HAT": 0.99, "LEVELS": "binary"},
        "annealed onto the levels": {"W": 0.9, "EPS_HAT": 0.001, "LEVELS": "binary"},
        "more levels, smaller islands": {"W": 0.2, "EPS_HAT": 0.1, "LEVELS": "2-bit"},
    }
    height = 430

    def compute(self, P: Lesson06) -> Seen:
        levels = torch.tensor(LEVELS[P.LEVELS], dtype=torch.float64)
        size = float(gap(levels))
        unit = float(eps_of(1.0, size))
        eps = P.EPS_HAT * unit
        w = torch.tensor([P.W], dtype=torch.float64)
        w = torch.where(w.abs() < 1e-12, torch.zeros_like(w), w)

        def field(x: torch.Tensor, push_max: float | None) -> torch.Tensor:
            return velocity(x - P.TARGET, psi(x, levels, eps), slope(x, levels), P.PUSH, push_max)

        clipped, unclipped = field(X, P.push_max), field(X, None)
        between = (levels[0] < X) & (levels[-1] > X)
        return Seen(
            levels=levels.numpy(),
            eps_hat=P.EPS_HAT,
            eps=eps,
            gap=size,
            push_max=P.push_max or 0.0,
            ends=intervals(levels, eps).numpy(),
            psi=(psi(X, levels, eps) / unit).numpy(),
            limit=(psi(X, levels, unit) / unit).numpy(),
            descent=(P.TARGET - X).numpy(),
            clipped=clipped.numpy(),
            unclipped=unclipped.numpy(),
            w=P.W,
            at=float(psi(w, levels, eps) / unit),
            slope=float(slope(w, levels)),
            g=P.W - P.TARGET,
            v=float(field(w, P.push_max)),
            case=int(cases(w - P.TARGET, psi(w, levels, eps), slope(w, levels), P.PUSH)),
            share=float((clipped != unclipped)[between].double().mean()),
        )

    def figure(self, data: Seen) -> Figure:
        below: dict[str, Any] = {"xaxis": "x2", "yaxis": "y2"}
        dot = {"size": 11, "color": GREEN, "line": {"width": 1.5, "color": look.INK}}
        particle = {"type": "scatter", "mode": "markers", "marker": dot, "showlegend": False, "hoverinfo": "skip"}
        x, fits = X.numpy(), np.clip([data.at], TOP[0] + 0.06, TOP[1] - 0.06)
        traces = [
            _bands(data.ends, TOP, name="islands, ψ ≥ 0"),
            look.line(VIEW, (0.0, 0.0), color="#B9C0C8", width=1),
            look.verticals(data.levels, *TOP),
            smooth(look.line(x, data.limit, dash="dot", color=look.INK, width=1.2, name="document: ε at most gap⁴/16")),
            smooth(look.line(x, data.psi, color=GREEN, width=2.4, name="ψ(w)")),
            particle | {"x": np.array([data.w]), "y": fits},
            look.label(
                data.w, fits[0], f"<b>{_arrow(data)}</b>", color=look.INK, where="top center", textfont={"size": 26}
            ),
            _bands(data.ends, BOTTOM, showlegend=False, **below),
            look.line(VIEW, (0.0, 0.0), color="#B9C0C8", width=1, **below),
            look.verticals(data.levels, *BOTTOM, **below),
            look.line(x, data.descent, color="#000000", width=1.4, name="descent −g", **below),
            look.method_line("mj", x, data.unclipped, name="velocity, no clip", **below),
            look.method_line("askew", x, data.clipped, name="velocity, clipped", **below),
            particle | {"x": np.array([data.w]), "y": np.clip([data.v], BOTTOM[0] + 0.3, BOTTOM[1] - 0.3), **below},
        ]
        ticks: dict[str, Any] = {"tickmode": "linear", "tick0": 0, "dtick": 0.5}
        top = look.axis("", VIEW, showticklabels=False, anchor="y", **ticks)
        bottom = look.axis("weight w", VIEW, anchor="y2", **ticks)
        y = look.axis("ψ ÷ (gap⁴/16)", TOP, lines=True, domain=[0.53, 1.0], tickmode="linear", tick0=0, dtick=1)
        y2 = look.axis(
            "velocity v", BOTTOM, lines=True, domain=[0.0, 0.47], anchor="x2", tickmode="linear", tick0=0, dtick=3
        )
        return {"data": traces, "layout": look.layout(top, y, xaxis2=bottom, yaxis2=y2)}

    def keys(self, data: Seen) -> list[Key]:
        return [
            Key(look.fmt(data.v), "velocity v", GREEN),
            Key(look.fmt(data.inward), "an island reaches inwards", look.INK),
            Key(look.fmt(data.eps), "ε", look.MUTED),
        ]

    def alt(self, data: Seen) -> str:
        islands = (
            f"With ε̂ = **{look.value(data.eps_hat)}** (ε = {look.fmt(data.eps)}) each of the {len(data.levels)} "
            f"islands reaches **{look.fmt(data.inward)}** towards its neighbour"
        )
        clip = (
            f"the clip at {look.value(data.push_max)} acts on **{look.percent(data.share)}** of the way between levels"
        )
        return (
            f"{islands}; at w = {look.value(data.w)} {self._here(data)}; {clip if data.push_max else 'no clip acts'}."
        )

    def _here(self, data: Seen) -> str:
        v, descent = f"**v = {look.fmt(data.v)}**", f"descent, {look.fmt(-data.g)}"
        if data.at >= 0:
            return f"ψ ≥ 0, both ways are open and {v} is {descent}"
        if data.slope == 0:
            return f"ψ′ = 0 while ψ < 0, so no velocity mends the constraint and {v} is a convention"
        way = "right" if data.slope > 0 else "left"
        if data.case == 1:
            return f"the way back is {way} and {descent}, takes it fast enough: {v}"
        return f"the way back is {way} and {v} overrules {descent}"


def _arrow(data: Seen) -> str:
    """The directions of the tangent cone; at a midpoint, where MFCQ fails, none is better than the other."""
    if data.at >= 0:
        return "↔"
    return "×" if data.slope == 0 else ("→" if data.slope > 0 else "←")


def smooth(trace: dict[str, Any]) -> dict[str, Any]:
    """A curve drawn through all of its points: plotly thins out those of a slanted line, and a bend gets corners."""
    return trace | {"line": trace["line"] | {"simplify": False}}


def _bands(ends: np.ndarray, range: tuple[float, float], **more: Any) -> dict[str, Any]:
    """The islands as tinted rectangles, one trace however many there are."""
    low, high = range
    x = np.concatenate([[a, a, b, b, np.nan] for a, b in ends])
    y = np.tile([low, high, high, low, np.nan], len(ends))
    fill = {"fill": "toself", "fillcolor": look.tint(GREEN), "line": {"width": 0}, "hoverinfo": "skip"}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y} | fill | more
