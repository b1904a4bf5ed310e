"""The error of a grid as a function of its scale: exact for every scale, its split, Lloyd's path, the global optimum.

For symmetric codes the nearest level depends on a = |w| alone. With magnitudes m_1 < ... < m_M of the codes and
midpoints t_j = (m_j + m_{j+1})/2 the weights a >= s t_j have a code above m_j, so with sums over sorted tails

    b(s) = q'w = m_1 sum(a) + sum_j (m_{j+1} - m_j) sum(a: a >= s t_j),     c(s) = |q|²  likewise, with m² and counts,

    |s q - w|² = |w|² - 2 s b(s) + s² c(s):   O(M log N) for a scale, after one sort of the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qlab.quantizers import Grid

SWEEP = 20_000  # breakpoints swept at once
CUTS = 128  # parts of one narrowing round


@dataclass(frozen=True)
class Split:
    """Errors relative to |w|²: `clipping` of weights beyond the outer levels, `rounding` of all others."""

    rounding: np.ndarray
    clipping: np.ndarray

    @property
    def total(self) -> np.ndarray:
        return self.rounding + self.clipping


class ScaleError:
    """|s q - w|² / |w|² of one tensor for every scale s > 0, q nearest to w/s on the grid's codes.

    w: any shape, finite, not all zero (ValueError). grid: its codes matter, its scale kind does not.
    Source: S2, "Projection: solving least squares problem".
    """

    def __init__(self, w: np.ndarray, grid: Grid) -> None:
        a = np.sort(np.abs(np.asarray(w, dtype=np.float64)).ravel())
        if not (a.size and np.isfinite(a).all() and a[-1] > 0):
            raise ValueError("w must be finite and not all zero: there is no scale to look for")
        self.grid, self.a, self.n = grid, a, a.size
        self.largest, self.mean = float(a[-1]), float(a.mean())
        self._sum, self._square = _tails(a), _tails(a * a)
        self.norm = float(self._square[0])

    def _codes(self, s: np.ndarray) -> np.ndarray:
        """The magnitudes of the codes, times `den`: integers; for the lattice as many as the smallest scale reaches."""
        g = self.grid
        top = int(np.ceil(self.largest / s.min())) + 1 if np.isinf(g.top) else int(g.top)
        return np.arange(top % g.gap, top + 1, g.gap, dtype=np.float64)

    def _above(self, s: np.ndarray, m: np.ndarray) -> np.ndarray:
        """How many weights lie below each midpoint, (len(s), M - 1): those from there on have the code above it."""
        return np.searchsorted(self.a, s[:, None] / self.grid.den * ((m[1:] + m[:-1]) / 2))

    def moments(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """b = q'w and c = |q|² at each scale s (k,)."""
        s = np.asarray(s, dtype=np.float64)
        m = self._codes(s)
        p = self._above(s, m)
        b = m[0] * self._sum[0] + self._sum[p] @ np.diff(m)
        c = m[0] ** 2 * self.n + (self.n - p) @ np.diff(m * m)
        return b / self.grid.den, c / self.grid.den**2

    def split(self, s: np.ndarray | float) -> Split:
        """Rounding and clipping error at each scale: weights up to s m_M are rounded, those beyond are clipped."""
        s = np.atleast_1d(np.asarray(s, dtype=np.float64))
        b, c = self.moments(s)
        top = self.grid.top / self.grid.den
        if np.isinf(top):
            return Split(np.maximum(self.norm - 2 * s * b + s * s * c, 0.0) / self.norm, np.zeros_like(s))
        edge = s * top
        p = np.searchsorted(self.a, edge, side="right")
        count, tail = self.n - p, self._sum[p]
        clipped = self._square[p] - 2 * edge * tail + edge**2 * count
        rounded = (self.norm - self._square[p]) - 2 * s * (b - top * tail) + s * s * (c - top**2 * count)
        return Split(np.maximum(rounded, 0.0) / self.norm, np.maximum(clipped, 0.0) / self.norm)

    def total(self, s: np.ndarray | float) -> np.ndarray:
        """|s q - w|² / |w|² at each scale."""
        return self.split(s).total

    @property
    def start(self) -> float:
        """S2's first scale s0: max|w| lies half a gap above the top level, 2 max|w| / (2^b - 1) for integer codes."""
        g = self.grid
        return self.largest * 2 * g.den / (2 * g.top + g.gap)

    @property
    def maximum(self) -> float:
        """The scale kind "max": max|w| is the top level, nothing is clipped."""
        return self.largest * self.grid.den / self.grid.top

    def lloyd(self, steps: int) -> np.ndarray:
        """s0, s1, ..., s_steps with s_{i+1} = b(s_i)/c(s_i); it stays where it stands still. Empty for the lattice."""
        if np.isinf(self.grid.top):
            return np.empty(0)
        path = [self.start]
        for _ in range(steps):
            b, c = self.moments(np.array(path[-1:]))
            path.append(float(b[0] / c[0]) if c[0] else 0.0)
            if path[-1] == path[-2]:
                break
        return np.array(path + path[-1:] * (steps + 1 - len(path)))

    @cached_property
    def optimum(self) -> float:
        """The global minimizer over s > 0; ValueError for the lattice, whose error falls to 0 with s.

        The best s for codes q is b/c and leaves |w|² - b²/c, so the best codes are found by a sweep over the
        breakpoints s = a_i/t_j where a code changes. Before it, most of the axis is discarded: between s1 and s2 a
        weight that changes its code gains at most s2 (s2 - s1) (m_{j+1}² - m_j²), so that there

            |s q - w|² >= min_s (|w|² - 2 s b(s1) + s² c(s1)) - s2 (s2 - s1) (c(s1) - c(s2)).
        """
        g = self.grid
        if np.isinf(g.top):
            raise ValueError("the lattice spacing·ℤ has no best scale: its error falls to 0 with the spacing")
        smallest = max(float(self._codes(np.ones(1))[0]), float(g.gap % 2))  # the smallest code that is not 0
        low, high = self.mean * g.den / g.top, self.largest * g.den / smallest
        while self._breakpoints(low, high) > SWEEP:
            s = np.geomspace(low, high, CUTS + 1)
            b, c = self.moments(s)
            best = (self.norm - 2 * s * b + s * s * c).min()
            v = np.clip(b[:-1] / c[:-1], s[:-1], s[1:])
            least = self.norm - 2 * v * b[:-1] + v * v * c[:-1] - s[1:] * np.diff(s) * (c[:-1] - c[1:])
            kept = np.flatnonzero(least <= best + 1e-12 * self.norm)
            narrow = s[kept[0]], s[kept[-1] + 1]
            if narrow[1] - narrow[0] > 0.9 * (high - low):
                break
            low, high = narrow
        return self._sweep(low, high)

    def _breakpoints(self, low: float, high: float) -> int:
        ends = np.array([low, high])
        p = self._above(ends, self._codes(ends))
        return int((p[1] - p[0]).sum())

    def _sweep(self, low: float, high: float) -> float:
        """The best scale of all codes met between `low` and `high`."""
        ends = np.array([low, high])
        m, (b, c) = self._codes(ends), self.moments(ends)
        p, t = self._above(ends, m), (m[1:] + m[:-1]) / 2
        count = p[1] - p[0]
        j = np.repeat(np.arange(len(t)), count)
        first = np.repeat(p[0] - (count.cumsum() - count), count)
        a = self.a[first + np.arange(len(j))]
        order = np.argsort(a / t[j], kind="stable") if len(j) else j
        a, j, den = a[order], j[order], self.grid.den
        b = np.append(b[0], b[0] - np.cumsum(np.diff(m)[j] * a) / den)
        c = np.append(c[0], c[0] - np.cumsum(np.diff(m * m)[j]) / den**2)
        with np.errstate(divide="ignore", invalid="ignore"):
            best = int(np.nanargmax(np.where(c > 0, b * b / c, np.nan)))
        s = np.array([b[best] / c[best]])
        b, c = self.moments(s)  # the same codes, summed anew: one rounding instead of many
        return float(b[0] / c[0])


def _tails(x: np.ndarray) -> np.ndarray:
    """Sums of the tails: entry p is x[p] + x[p+1] + ... (0 at the end)."""
    return np.append(x[::-1].cumsum()[::-1], 0.0)
