"""Rounding: the tie rule, the coin of stochastic rounding, and the roundings of a number made of them.

The tie rule of the suite: away from zero; between -s and +s to +s. `away` is its one place for codes (every grid, Q_d,
DoReFa), `closer` states it for an arbitrary list of levels. `upward` is the one place that tosses the coin.
"""

from __future__ import annotations

import torch
from torch import Tensor

from qlab.quantizers import checks


def wide(x: Tensor) -> Tensor:
    """x in the precision computed in: float32 for float16 and bfloat16, its own otherwise."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def away(y: Tensor, gap: int = 1) -> Tensor:
    """The nearest integer (gap 1) or odd integer (gap 2) to y: ties away from zero, and from 0 to +1 for odd integers.

        gap 1   sign(y) floor(|y| + 1/2)              computed as trunc(y + frac y)
        gap 2   sign(y) (2 floor(|y|/2) + 1),  sign(0) = +1

    Both are exact: with the fraction f of y, |y| + f passes the next integer iff f >= 1/2, and it needs no more digits
    than y has (|y| + 1/2 does: at 0.49999997 it rounds to 1). NaN stays NaN; so does an infinite y for gap 1.
    """
    if gap == 1:
        return y.frac().add_(y).trunc_().add_(0.0)  # + 0.0: no -0.0
    return torch.copysign(y.abs().div_(2).trunc_().mul_(2).add_(1), y + 0.0)  # + 0.0: -0.0 counts as 0


def closer(x: Tensor, lo: Tensor, hi: Tensor) -> Tensor:
    """The nearer of two neighbouring levels lo < hi; a tie goes away from zero, and between -s and +s to +s."""
    below, above = x - lo, hi - x
    return torch.where(torch.where(x >= 0, above <= below, above < below), hi, lo)


def upward(w: Tensor, lo: Tensor, hi: Tensor, u: Tensor) -> Tensor:
    """True where w between the levels lo < hi goes up: u < (w - lo)/(hi - lo), strictly, for u uniform in [0, 1).

    The levels are those of the floating-point grid, so w == lo has probability exactly 0 and w == hi exactly 1: a
    grid point never moves. (With u <= p it would move at u = 0.) w outside [lo, hi] saturates; NaN gives False.
    """
    w, lo, hi = wide(w), wide(lo), wide(hi)
    return u < (w - lo) / (hi - lo)


def nearest_level(w: Tensor, levels: Tensor) -> Tensor:
    """`nearest` without checks: levels (K,) sorted, of w's dtype. NaN stays NaN, infinities saturate."""
    if len(levels) == 1:
        return torch.where(w.isnan(), w, levels[0])
    j = torch.bucketize(w.detach().contiguous(), levels, right=True).clamp(1, len(levels) - 1)
    lo, hi = levels[j - 1], levels[j]
    return torch.where(w.isnan(), w, closer(wide(w), wide(lo), wide(hi)).to(w.dtype))


def round_half_away(x: Tensor) -> Tensor:
    """The nearest integer, ties away from zero: sign(x) floor(|x| + 1/2), exactly.

    The printed formula fails in floating point: at 0.49999997 (float32) the sum |x| + 1/2 rounds to 1. `torch.round`
    takes ties to even. Here the exact fraction decides.

    x: any shape, any float dtype; returns the same. Raises TypeError (not a float tensor), ValueError (empty,
    non-finite). Source: S1, Q_d.
    """
    checks.tensor(x, "x")
    return away(x)


def nearest(w: Tensor, levels: Tensor) -> Tensor:
    """Q(w) = argmin_c |w - c| over the levels c_1 < ... < c_K; ties away from zero, between -s and +s to +s.

    w: any shape and float dtype; levels: (K,), strictly increasing, in w's units. Every returned value `==` a level
    (in w's dtype). Raises TypeError, ValueError: empty, integer or non-finite input, unsorted or duplicate levels.
    Source: S2, projection ("minimize component by component"); S0 1.
    """
    checks.tensor(w, "w")
    checks.levels(levels)
    levels = levels.to(w.dtype)
    checks.levels(levels, f"levels in {w.dtype}")
    return nearest_level(w, levels)


def q_d(w: Tensor, spacing: float | Tensor) -> Tensor:
    """Q_d(w) = sign(w) Δ floor(|w|/Δ + 1/2): deterministic rounding onto Δℤ, ties away from zero.

    w: any shape; spacing Δ > 0: a number or a tensor that broadcasts to w, in w's units. Raises TypeError, ValueError.
    Source: S1, Q_d (the brackets of the print are a floor).
    """
    spacing = _spacing(w, spacing)
    return (wide(spacing) * away(wide(w) / wide(spacing))).to(w.dtype)  # a float16 has no room for codes above 65504


def q_s(w: Tensor, spacing: float | Tensor, u: Tensor) -> Tensor:
    """Q_s(w) = Δ (floor(w/Δ) + 1{u < frac(w/Δ)}): stochastic rounding onto Δℤ, E Q_s(w) = w.

    w: any shape; spacing Δ > 0 (number or tensor that broadcasts to w); u: uniform numbers in [0, 1) that broadcast to
    w. Strictly `<`: a grid point never moves. Raises TypeError, ValueError. Source: S1, Q_s (which prints p <= frac).
    """
    spacing = _spacing(w, spacing)
    checks.uniforms(u, w)
    k = (wide(w) / wide(spacing)).floor()
    lo, hi = (wide(spacing) * code for code in (k, k + 1))
    lo, hi = lo.to(w.dtype), hi.to(w.dtype)
    return torch.where(upward(w, lo, hi, u), hi, lo)


def stochastic_binarize(w: Tensor, u: Tensor, scale: float | Tensor = 1.0) -> Tensor:
    """+s with probability hs(w/s) = clip((w/s + 1)/2, 0, 1), else -s; E = clip(w, -s, s): unbiased only for |w| <= s.

    w: any shape; u: uniform numbers in [0, 1) that broadcast to w; scale s > 0 (number or tensor that broadcasts to w).
    Raises TypeError, ValueError. Source: S0 2.I (stochastic BinaryConnect), S1.
    """
    scale = _spacing(w, scale, "scale")
    checks.uniforms(u, w)
    return torch.where(upward(w, -scale, scale, u), scale, -scale)


def _spacing(w: Tensor, spacing: float | Tensor, name: str = "spacing") -> Tensor:
    checks.tensor(w, "w")
    checks.positive(spacing, name)
    spacing = torch.as_tensor(spacing, dtype=w.dtype, device=w.device)
    checks.positive(spacing, f"{name} in {w.dtype}")
    checks.broadcastable(spacing, w, name)
    return spacing
