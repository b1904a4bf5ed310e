"""D2: what does a staircase hand back in training: its own zero slope, or the one declared in its place? (S2)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from qlab.demos import look
from qlab.demos.base import Demo, Figure, Key
from qlab.quantizers import quant_relu
from qlab.schema.lessons import Lesson02
from qlab.theory import staircase as theory

VIEW = (-0.4, 2.4)  # what the figure shows of x
TOP, BOTTOM = (-0.2, 2.6), (-0.35, 1.75)  # its two vertical axes
ORANGE = look.COLORS["ste"]
Curve = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Seen:
    """One state. Curves are (x, y); slopes in s_x are shown as shares of their largest value, 2^b - 1.

    n: levels above zero, 2^b - 1; end: where the ramp ends, n s; unit: what slopes are divided by in the figure.
    gap: the largest distance to the ramp of the staircase (in x: of what is seen of it).
    own, declared_mean, ramp_mean: mean over 0 < x <= end of the slope seen, the declared one, the ramp's.
    inside, above: the declared slope on the ramp (its smallest and largest value) and beyond it.
    """

    bits: int
    s: float
    h: float
    surrogate: str
    by: str
    n: int
    end: float
    unit: int
    stairs: Curve
    ramp: Curve
    blurred: Curve
    slope: Curve
    declared: Curve
    spikes: np.ndarray
    gap: float
    own: float
    declared_mean: float
    ramp_mean: float
    inside: tuple[float, float]
    above: float


def declared(x: Tensor, s: float, bits: int, surrogate: str, by: str) -> Tensor:
    """The derivative at each x that a layer hands back: the library's own backward pass; of the staircase itself where
    nothing is declared ("ae" in x: what autograd makes of ceil)."""
    x = x.detach().requires_grad_()
    r = torch.full_like(x, s, requires_grad=True)
    if surrogate == "ae" and by == "x":
        theory.stairs(x, s, 2**bits - 1).sum().backward()
        return x.grad  # type: ignore[return-value]
    derivative = "2-valued" if surrogate == "clipped-relu" else surrogate
    quant_relu(x, r, bits, derivative).sum().backward()
    return x.grad if by == "x" else r.grad  # type: ignore[return-value]


class Staircase(Demo):
    """Every curve is exact: piecewise constant slopes are drawn between the points where they jump."""

    slug: ClassVar[str] = "D2"
    title: ClassVar[str] = "What does a staircase hand back to the layer below?"
    parameters = Lesson02
    controls = ("STEP_BACK", "ACT_BITS", "SURROGATE", "DERIVATIVE")
    more = ("RESOLUTION",)
    presets: ClassVar[dict] = {
        "the true slope: nothing": {"SURROGATE": "ae", "STEP_BACK": 0.0, "DERIVATIVE": "x"},
        "stepping back": {"STEP_BACK": 0.5, "SURROGATE": "3-valued", "DERIVATIVE": "x"},
        "one level back: the ramp": {"STEP_BACK": 1.0, "SURROGATE": "3-valued", "DERIVATIVE": "x"},
        "more bits, still zero": {"ACT_BITS": 6, "RESOLUTION": 0.05, "STEP_BACK": 0.0, "DERIVATIVE": "x"},
        "3-valued: the mean of the stairs": {"DERIVATIVE": "resolution", "SURROGATE": "3-valued", "STEP_BACK": 0.0},
        "2-valued: the clipped ReLU": {"DERIVATIVE": "resolution", "SURROGATE": "2-valued", "STEP_BACK": 0.5},
    }
    height = 430

    def compute(self, P: Lesson02) -> Seen:
        bits, s, h, by = P.ACT_BITS, P.RESOLUTION, P.STEP_BACK, P.DERIVATIVE
        n = 2**bits - 1
        end, unit = n * s, (n if by == "resolution" else 1)
        jumps = theory.bends(s, n, 0)
        at, flat = _pieces(jumps)
        steps = theory.stairs(flat, s, n)
        bends = theory.bends(s, n, h, by=by)
        cuts, middle = _pieces(torch.cat([bends, torch.tensor([0.0, end], dtype=bends.dtype)]).unique())
        if h:
            slope, ramp_slope = (theory.slope(middle, s, n, h, by=by, of=f) for f in (theory.stairs, theory.ramp))
            fine = torch.cat([cuts, middle, torch.linspace(*VIEW, 200, dtype=torch.float64)]).unique()
            blurred = (fine, theory.blurred(fine, s, n, h, by=by))
            gap = float((blurred[1] - theory.ramp(fine, s, n)).abs().max())
        else:
            slope = torch.zeros_like(middle) if by == "x" else theory.stairs(middle, s, n) / s
            ramp_slope = declared(middle, s, bits, "clipped-relu", by)
            blurred = (at.repeat_interleave(2)[1:-1], steps.repeat_interleave(2))
            gap = float((steps - theory.ramp(at[:-1], s, n)).max())  # towards each jump from the right
        if by == "resolution":
            gap = float((steps - theory.ramp(at[:-1], s, n)).max())
        said = declared(middle, s, bits, P.SURROGATE, by)
        length, on = cuts.diff(), (middle > 0) & (middle < end)

        def mean(values: Tensor) -> float:
            return float((values * length)[on].sum() / end)

        corners = torch.tensor([VIEW[0], 0.0, min(end, VIEW[1]), VIEW[1]], dtype=torch.float64)
        return Seen(
            bits, s, h, P.SURROGATE, by, n, end, unit,
            stairs=_steps(at, steps),
            ramp=(corners.numpy(), theory.ramp(corners, s, n).numpy()),
            blurred=_clip(*(t.numpy() for t in blurred)),
            slope=_steps(cuts, slope / unit),
            declared=_steps(cuts, said / unit),
            spikes=_inside(jumps if by == "x" else jumps[1:]).numpy() if h == 0 else np.array([]),
            gap=gap,
            own=mean(slope),
            declared_mean=mean(said),
            ramp_mean=mean(ramp_slope),
            inside=(float(said[on].min()), float(said[on].max())),
            above=float(said[middle > end].max()),
        )  # fmt: skip

    def figure(self, data: Seen) -> Figure:
        s_mode = data.by == "resolution"
        tall = (0.0, BOTTOM[1]) if not s_mode else (BOTTOM[0], 0.0)
        document = 2 ** (data.bits - 1) / data.n if s_mode else 1.0
        words = (
            f"document: 2<sup>b−1</sup> = {2 ** (data.bits - 1)}"
            if s_mode
            else "document: 1 on 0 < x ≤ (2<sup>b</sup> − 1) s<sub>x</sub>"
        )
        left: dict[str, Any] = {"xaxis": "x2", "yaxis": "y2"}
        what = "∂σ/∂s<sub>x</sub> ÷ (2<sup>b</sup> − 1)" if s_mode else "∂σ/∂x"
        traces = [
            look.line(*data.ramp, color=ORANGE, dash="dash", width=2, name="ramp (clipped ReLU)", hoverinfo="skip"),
            look.line(*data.stairs, color=look.INK, width=1.2, name="staircase σ(x, s<sub>x</sub>)", hoverinfo="skip"),
            look.line(*data.blurred, color=look.MUTED, width=3, name="seen from the step back"),
            look.verticals(data.spikes if data.spikes.size else np.nan, *tall, dash="solid", **left),
            look.line(*data.slope, fill="tozeroy", fillcolor=look.tint(look.MUTED), **left),
            look.line(*data.declared, color=ORANGE, width=2.6, name="declared slope", **left),
            look.line(np.array([VIEW[1] - 0.14, VIEW[1]]), np.array([document] * 2), color=look.INK, width=2, **left),
            look.label(VIEW[1], document + 0.06, words, where="top left", **left),
            look.label(VIEW[0] + 0.01, BOTTOM[1] - 0.02, what, where="bottom right", color=look.INK, **left),
        ]  # fmt: skip
        x = look.axis("", VIEW, showticklabels=False, anchor="y", tickmode="linear", tick0=0, dtick=0.5)
        x2 = look.axis("input x", VIEW, anchor="y2", tickmode="linear", tick0=0, dtick=0.5)
        y = look.axis("output σ", TOP, lines=True, domain=[0.53, 1.0], tickmode="linear", tick0=0, dtick=1)
        y2 = look.axis(
            "slope", BOTTOM, lines=True, domain=[0.0, 0.45], anchor="x2", tickmode="linear", tick0=0, dtick=0.5
        )
        return {"data": traces, "layout": look.layout(x, y, xaxis2=x2, yaxis2=y2)}

    def keys(self, data: Seen) -> list[Key]:
        level = f"largest gap to the ramp (level {look.value(data.s)})"
        if data.by == "x":
            peak = 1 / data.h if data.h else 0.0
            own = Key(
                look.value(round(peak, 2)), "slope seen on a stair" if data.h else "slope of the staircase", look.MUTED
            )
            return [
                own,
                Key(look.value(data.inside[1]), "declared", ORANGE),
                Key(look.value(round(data.gap, 9)), level, look.INK),
            ]
        own = Key(look.fmt(data.own), "mean slope seen", look.MUTED)
        return [
            own,
            Key(look.fmt(data.declared_mean), "declared mean", ORANGE),
            Key(look.fmt(data.ramp_mean), "ramp", look.INK),
        ]

    def alt(self, data: Seen) -> str:
        return self._in_x(data) if data.by == "x" else self._in_s(data)

    def _in_x(self, data: Seen) -> str:
        end, gap = f"**{look.value(data.end)}**", f"**{look.value(round(data.gap, 9))}**"
        jumps = f"**{data.n}** jump{'s' if data.n > 1 else ''}"
        name = NAMES[data.surrogate]
        if data.inside[1] == 0:
            hands = f"the {name} derivative hands back **0** everywhere: nothing below this layer learns"
        else:
            hands = f"the {name} derivative declares **{look.value(data.inside[1])}** on 0 < x ≤ {end}"
        if data.h == 0:
            return (
                f"With {data.bits} bit{'s' if data.bits > 1 else ''} the staircase has {jumps} and slope **0** "
                f"everywhere else, though it is never more than one level, {gap}, above the ramp; {hands}."
            )
        if data.h == 1:
            return (
                f"Looking back over exactly one level, the {jumps} of {look.value(data.s)} "
                f"blur{'' if data.n > 1 else 's'} into the ramp "
                f"(gap {gap}), and the slope seen is **1** on 0 < x ≤ {end} and 0 elsewhere; {hands}."
            )
        return (
            f"Looking back over **{look.value(data.h)}** of a level, {'each of ' if data.n > 1 else ''}the {jumps} is "
            f"a slope of **{look.value(round(1 / data.h, 2))}**, 0 elsewhere, and what is seen stays within {gap} of "
            f"the ramp; {hands}."
        )

    def _in_s(self, data: Seen) -> str:
        low, high = (look.value(v) for v in data.inside)
        on = f"**{low}**" if low == high else f"**{low}** to **{high}**"
        hands = (
            f"the {NAMES[data.surrogate]} derivative declares {on} on 0 < x ≤ {look.value(data.end)}, "
            f"**{look.value(data.above)}** above"
        )
        if data.h == 0:
            own = f"**{look.value(round(data.own, 6))}**"
            stairs = f"the stairs have slopes 1 to {data.n}, on average" if data.n > 1 else "the one stair has slope"
            return f"In s_x {stairs} {own}; {hands}."
        falls = "the falls of the staircase count too" if data.n > 1 else "a single stair never falls"
        return (
            f"Over s_x ± {look.value(50 * data.h)} % {falls}: the mean slope seen on the ramp is "
            f"**{look.fmt(data.own, 3)}** (the ramp's own **{look.fmt(data.ramp_mean, 3)}**); {hands}."
        )


NAMES = {"ae": "a.e.", "3-valued": "3-valued", "2-valued": "2-valued", "clipped-relu": "clipped ReLU's"}


def _inside(x: Tensor) -> Tensor:
    return x[(x > VIEW[0]) & (x < VIEW[1])]


def _pieces(cuts: Tensor) -> tuple[Tensor, Tensor]:
    """The ends (k + 1,) and middles (k,) of the pieces into which the cuts divide the axis, the view and a bit more."""
    low, high = min(VIEW[0], float(cuts[0]) - 1), max(VIEW[1], float(cuts[-1]) + 1)
    ends = torch.cat([cuts.new_tensor([low]), cuts, cuts.new_tensor([high])])
    return ends, (ends[1:] + ends[:-1]) / 2


def _steps(ends: Tensor, values: Tensor) -> Curve:
    """A piecewise constant curve as a line with corners, as far as the view goes."""
    return _clip(ends.repeat_interleave(2)[1:-1].numpy(), values.repeat_interleave(2).numpy())


def _clip(x: np.ndarray, y: np.ndarray) -> Curve:
    """The part of a line in the view, cut off exactly at its edge."""
    keep = (x > VIEW[0]) & (x < VIEW[1])
    ends = np.interp(VIEW, x, y)
    return np.concatenate([[VIEW[0]], x[keep], [VIEW[1]]]), np.concatenate([ends[:1], y[keep], ends[1:]])
