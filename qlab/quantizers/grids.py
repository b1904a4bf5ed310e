"""A grid s · {codes}: its scale, its nearest point, its stochastic rounding.

One description fits every family. With integers gap, top and den the codes are

    {-top, -top + gap, ..., top} / den

    symmetric, 1 bit    gap 2  top 1            den 1          {-1, +1}
    symmetric, b bits   gap 1  top 2^(b-1) - 1  den 1          {-top, ..., -1, 0, 1, ..., top}      b = 2: ternary
    dorefa, k bits      gap 2  top 2^k - 1      den 2^k - 1    odd integers / (2^k - 1), no zero
    lattice             gap 1  no top           den 1          all integers; the scale is the spacing

The methods below check nothing and never wait for the device: NaN stays NaN and never becomes a level.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import torch
from torch import Tensor

from qlab.quantizers import checks
from qlab.quantizers.rounding import away, upward, wide

FAMILIES = ("symmetric", "dorefa", "lattice")
SCALES = ("least-squares", "mean", "one", "max")


@dataclass(frozen=True)
class Grid:
    """The level set s · {codes}; it holds no tensor of the weights.

    bits         1 to 16 (ignored by "lattice")
    family       "symmetric" | "dorefa" | "lattice"
    scale        "least-squares": argmin_s |s q - w|² with q nearest; exact for 1 and 2 symmetric bits and 1 dorefa bit,
                 else `lloyd_steps` Lloyd steps | "mean": mean |w| | "one": 1 | "max": max |w| becomes the top level
    spacing      the lattice's Δ, a number or a tensor over the leading (kept) axes; in the units of the weights
    lloyd_steps  s-updates per call of `scale_of` for the grids without an exact solution

    Raises TypeError or ValueError naming the argument. A spacing given as a tensor is not read, hence not checked.
    Source: S2 (projections), S3 section 4 (DoReFa), S1 (Δℤ).
    """

    bits: int = 1
    family: str = "symmetric"
    scale: str = "least-squares"
    spacing: float | Tensor = 1.0
    lloyd_steps: int = 1

    def __post_init__(self) -> None:
        checks.bits(self.bits)
        checks.choice(self.family, "family", FAMILIES)
        checks.choice(self.scale, "scale", SCALES)
        checks.count(self.lloyd_steps, "lloyd_steps")
        if not isinstance(self.spacing, Tensor):
            checks.positive(self.spacing, "spacing")

    # ------------------------------------------------------------------ what the grid is
    @property
    def gap(self) -> int:
        """Distance of neighbouring codes, times `den`."""
        return 2 if self.family == "dorefa" or (self.family == "symmetric" and self.bits == 1) else 1

    @property
    def top(self) -> float:
        """The largest code, times `den`."""
        if self.family == "lattice":
            return math.inf
        return 2**self.bits - 1 if self.gap == 2 else 2 ** (self.bits - 1) - 1

    @property
    def den(self) -> int:
        """The denominator of the codes."""
        return 2**self.bits - 1 if self.family == "dorefa" else 1

    @property
    def iterative(self) -> bool:
        """True where the scale comes from Lloyd's iteration, so that a stored scale is worth starting from."""
        exact = self.bits == 1 or (self.family == "symmetric" and self.bits == 2)
        return self.scale == "least-squares" and self.family != "lattice" and not exact

    def levels(self) -> Tensor:
        """The codes (K,) as float64, increasing; times s they are the levels. ValueError for the unbounded lattice."""
        if self.family == "lattice":
            raise ValueError("the lattice spacing·ℤ has no finite list of levels; allowed: symmetric, dorefa")
        return torch.arange(-self.top, self.top + 1, self.gap, dtype=torch.float64) / self.den

    def describe(self) -> str:
        """The level set in words of one line, as a comparison prints it: `{−1, 0, +1} · s`."""
        if self.family == "lattice":
            return f"{self.spacing:g} · ℤ" if not isinstance(self.spacing, Tensor) else "spacing · ℤ"
        top = int(self.top)
        codes = [_signed(Fraction(m, self.den)) for m in range(-top, top + 1, self.gap)]
        if len(codes) > 7:
            codes = [*codes[:2], "…", *codes[-2:]]
        return f"{{{', '.join(codes)}}}" + ("" if self.scale == "one" else " · s")

    # ------------------------------------------------------------------ its points (inner: no checks, no sync)
    def neighbours(self, w: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        """The codes on either side of w, lo <= w/s < hi inside the grid and the outermost pair outside it."""
        lo = self._below(self._units(w, s))
        return self._code(lo, w), self._code(lo + self.gap, w)

    def codes(self, w: Tensor, s: Tensor) -> Tensor:
        """The code of the level nearest to each weight, in w's dtype; `nearest(w, s) == s * codes(w, s)` bitwise."""
        return self._code(away(self._units(w, s).clamp(-self.top, self.top), self.gap), w)

    def nearest(self, w: Tensor, s: Tensor) -> Tensor:
        """Q(w) = s q, q = argmin |s q - w|; ties away from zero, between -s and +s to +s. s broadcasts against w."""
        return s * self.codes(w, s)

    def stochastic(self, w: Tensor, s: Tensor, u: Tensor) -> Tensor:
        """Q_s(w): the level above with probability (w - lo)/(hi - lo), i.e. where u < it; E Q_s(w) = w inside the grid.

        It saturates outside the grid; a point of the grid never moves. u: uniform in [0, 1), of w's shape.
        """
        lo, hi = self.neighbours(w, s)
        return s * torch.where(upward(w, s * lo, s * hi, u), hi, lo)

    def _units(self, w: Tensor, s: Tensor) -> Tensor:
        """den · w/s, so that codes are integers `gap` apart; s = 0 (an all-zero tensor) counts as 1."""
        s = wide(s)
        y = wide(w) / torch.where(s == 0, 1, s)
        return y * self.den if self.den > 1 else y

    def _below(self, y: Tensor) -> Tensor:
        """The integer of the grid at or below y, never the top one. Made from y, so NaN stays NaN."""
        if self.family == "lattice":
            return y.floor()
        lo = y.floor() if self.gap == 1 else 2 * ((y - 1) / 2).floor() + 1
        return lo.clamp(-self.top, self.top - self.gap)

    def _code(self, m: Tensor, w: Tensor) -> Tensor:
        return (m / self.den if self.den > 1 else m).to(w.dtype)

    # ------------------------------------------------------------------ its scale (inner: no checks, no sync)
    def scale_of(self, w: Tensor, keep: int = 0, init: Tensor | None = None) -> Tensor:
        """The scale s >= 0 of the tensor, shape w.shape[:keep] + (1, ..., 1), in w's dtype; 0 where w is all zero.

        keep: number of leading axes that own a scale (0 per tensor; 1 per channel, or a stack of runs; 2 both).
        init: a scale to start Lloyd's steps from (of the returned shape); one that is 0, or beyond 2 max |w| where
        every code would be 0, is replaced by the usual start.
        Computed on w / max |w|, in float32 for float16 and bfloat16: no sum overflows.
        """
        shape = w.shape[:keep] + (1,) * (w.ndim - keep)
        if self.family == "lattice":
            return _over_leading_axes(self.spacing, w, shape)
        if self.scale == "one":
            return w.new_ones(shape)
        v = wide(w.detach()).reshape(*w.shape[:keep], math.prod(w.shape[keep:])).contiguous()  # one order of summation
        largest = v.abs().amax(-1, keepdim=True)
        v = v / torch.where(largest == 0, 1, largest)
        if self.scale == "max":
            s = torch.ones_like(largest) / (self.top / self.den)
        elif self.scale == "mean" or self.bits == 1:
            s = v.abs().mean(-1, keepdim=True)
        elif self.family == "symmetric" and self.bits == 2:
            s = ternary_scale(v)
        else:
            s = self._start(v, None if init is None else wide(init).reshape(largest.shape) / largest)
            for _ in range(self.lloyd_steps):
                s = self.lloyd_step(v, s)
        return (s * largest).reshape(shape).to(w.dtype)

    def converged_scale(self, w: Tensor, keep: int = 0) -> Tensor:
        """`scale_of` after enough Lloyd steps: what a fixed grid is given once, at the start of a run."""
        return replace(self, lloyd_steps=30).scale_of(w, keep) if self.iterative else self.scale_of(w, keep)

    def lloyd_step(self, v: Tensor, s: Tensor) -> Tensor:
        """One step of Lloyd's algorithm for v (..., N), s (..., 1): q nearest to v/s, then s = q'v / |q|².

        The error |s q - v|² never rises. Source: S2, "iterative solutions by Lloyd algorithm".
        """
        q = self.codes(v, s)
        norm = (q * q).sum(-1, keepdim=True)
        return (q * v).sum(-1, keepdim=True) / torch.where(norm == 0, 1, norm)

    def _start(self, v: Tensor, init: Tensor | None) -> Tensor:
        """s0 for v with max |v| = 1: it lies half a gap beyond the top level. Symmetric: 2/(2^b - 1), as in S2."""
        s0 = torch.full_like(v[..., :1], 2 * self.den / (2 * self.top + self.gap))
        return s0 if init is None else torch.where((init > 0) & (init <= 2), init, s0)


def ternary_scale(v: Tensor) -> Tensor:
    """The exact least-squares scale of codes {-1, 0, +1} for v (..., N): (..., 1), in O(N log N).

        s = |v_[t*]|_1 / t*,   t* = argmax_t |v_[t]|_1² / t,   v_[t]: the t largest entries in magnitude

    Its nearest codes are the sign on the t* largest: an optimal code is nearest for its own scale. Source: S2,
    ternarization (Yin, Zhang, Qi, Xin 2016).
    """
    c = v.abs().sort(-1, descending=True).values.cumsum(-1)
    t = torch.arange(1, v.shape[-1] + 1, dtype=v.dtype, device=v.device)
    best = (c * c / t).argmax(-1, keepdim=True)
    return c.gather(-1, best) / (best + 1)


def _over_leading_axes(spacing: float | Tensor, w: Tensor, shape: tuple[int, ...]) -> Tensor:
    if not isinstance(spacing, Tensor):
        return w.new_full(shape, spacing)
    return spacing.to(w.dtype).reshape(spacing.shape + (1,) * (w.ndim - spacing.ndim)).expand(shape)


def _signed(code: Fraction) -> str:
    return f"{'+' if code > 0 else '−' if code < 0 else ''}{abs(code)}"
