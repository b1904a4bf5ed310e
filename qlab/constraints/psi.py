"""The interval constraint psi >= 0 and its slope, on a list of levels and on a grid.

    psi(u) = eps - (u - c_1)²                       u < c_1
             eps - (u - c_j)² (u - c_{j+1})²        c_j <= u < c_{j+1}
             eps - (u - c_K)²                       u >= c_K

psi >= 0 on an island around each level. psi is C¹; its slope is zero at every level and, where psi is smallest, at
every midpoint. Source: S0 3 (which writes j for the coordinate and the level), corrected in errata E22.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from qlab.quantizers import checks
from qlab.quantizers.grids import Grid
from qlab.quantizers.rounding import wide

Number = float | Tensor


def psi(u: Tensor, levels: Tensor, eps: Number) -> Tensor:
    """psi(u), the three cases above: >= 0 on the feasible islands, at most eps, at least eps - gap⁴/16 between levels.

    u: any shape, in the units of the levels (K >= 2,), which increase; eps > 0: a number or what broadcasts to u.
    Raises TypeError or ValueError for levels that are not a strictly increasing list, and for u that is not floating.
    """
    return _cases(u, *_cell(u, levels), eps)[0]


def slope(u: Tensor, levels: Tensor) -> Tensor:
    """psi'(u) = 2 (c_1 - u) | -2 (u - a)(u - b)(2u - a - b) between a and b | -2 (u - c_K). Arguments: as `psi`."""
    return _cases(u, *_cell(u, levels), 0.0)[1]


def on_grid(w: Tensor, s: Tensor, grid: Grid, eps_hat: Number) -> tuple[Tensor, Tensor]:
    """(psi, psi') of w in code units u = w/s, with eps = eps_hat gap⁴/16: what rules call. No checks, no sync.

    s > 0 broadcasts to w. The lattice has only inner cells. With eps_hat = 1, psi >= 0 exactly, also in floating point,
    up to the outermost islands: no constraint between the levels.
    """
    lo, hi = (wide(code) for code in grid.neighbours(w, s))
    eps = eps_of(eps_hat, hi - lo)
    return _cases(wide(w) / wide(s), lo, hi, -grid.top / grid.den, grid.top / grid.den, eps)


def eps_of(eps_hat: Number, gap: Number) -> Number:
    """eps = eps_hat gap⁴/16: 0 < eps_hat < 1 is admissible, strictly (errata E6); at 1 neighbouring islands touch."""
    return eps_hat * ((gap * gap) * (gap * gap)) / 16


def _cases(u: Tensor, lo: Tensor, hi: Tensor, first: Number, last: Number, eps: Number) -> tuple[Tensor, Tensor]:
    """psi and psi' from the cell lo <= u < hi and the outer levels.

    With x = u - midpoint and p = -(u - lo)(u - hi) = (gap/2)² - x²: psi = eps - p², psi' = 4 p x. Written so, p is
    never rounded above (gap/2)², and psi' is 0 at a midpoint, not nearly 0.
    """
    half, x = (hi - lo) / 2, u - (lo + hi) / 2
    p = half * half - x * x
    value, d = eps - p * p, 4 * p * x
    if last == math.inf:
        return value, d
    e = u - torch.where(u < first, first, last)
    outer = (u < first) | (u >= last)
    return torch.where(outer, eps - e * e, value), torch.where(outer, -2 * e, d)


def _cell(u: Tensor, levels: Tensor) -> tuple[Tensor, Tensor, float, float]:
    """The levels on either side of u (outside: the outermost pair), and the outer levels."""
    checks.levels(levels)
    checks.floating(u, "u")
    if len(levels) < 2:
        raise ValueError(f"levels has {len(levels)} entry; allowed: at least two, c_1 < ... < c_K")
    levels = levels.to(u)
    j = torch.bucketize(u.detach().contiguous(), levels, right=True).clamp(1, len(levels) - 1)
    return levels[j - 1], levels[j], float(levels[0]), float(levels[-1])
