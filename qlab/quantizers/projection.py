"""Projection onto s · {codes} with a free scale: the least-squares problem of S2."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from qlab.quantizers import checks
from qlab.quantizers.grids import Grid
from qlab.quantizers.rounding import wide

MOST_STEPS = 10_000  # Lloyd ends long before: the error falls strictly and there are finitely many codes


class Projection(NamedTuple):
    """values == scale * codes, bitwise."""

    values: Tensor  # w's shape and dtype
    scale: Tensor  # broadcasts against w, w's dtype
    codes: Tensor  # w's shape, integers: int8 up to 8 bits, else int32


def project(
    w: Tensor, bits: int, axis: int | None = None, steps: int | None = 1, init: Tensor | None = None
) -> Projection:
    """(s, q) = argmin |s q - w|² over s >= 0 and integer codes q of the symmetric grid.

        1 bit      s = |w|_1 / N,           q = sign(w), sign(0) = +1                          exact
        2 bits     s = |w_[t*]|_1 / t*,     q = sign on the t* largest, 0 elsewhere            exact, O(N log N)
                   t* = argmax_t |w_[t]|_1² / t
        b >= 3     Lloyd: q nearest to w/s, s = q'w / |q|², from s0 = 2 max|w| / (2^b - 1)     a local minimum in s

    w: any shape, float dtype and memory layout. axis: the axis whose slices own a scale (None: one scale).
    steps (b >= 3 only): the number of s-updates, each followed by the nearest codes, so the result is s1 q(s1), never
    worse than the document's s0 q(s0); None: until the codes stand still. init (b >= 3 only): scales >= 0 to start
    from instead of s0, of the returned scale's shape (a warm start); a 0 in it means s0.
    An all-zero slice gets scale 0 and values 0. Raises TypeError or ValueError naming the argument.
    Source: S2, "Projection: solving least squares problem" (both slides; integer codes, see its s0).
    """
    checks.tensor(w, "w")
    checks.bits(bits)
    checks.axis(axis, w)
    if steps is not None:
        checks.count(steps, "steps")
    grid = Grid(bits, lloyd_steps=steps or 1)
    keep = 0 if axis is None else 1
    v = w.detach() if axis is None else w.detach().movedim(axis, 0)
    if init is not None:
        checks.non_negative(init, "init")
        shape = [n if axis is not None and i == axis % w.ndim else 1 for i, n in enumerate(w.shape)]
        checks.shape(init, shape, "init")
        init = init if axis is None else init.movedim(axis, 0)
    s = converged(grid, wide(v), keep, init) if steps is None else grid.scale_of(v, keep, init)
    s = s.to(w.dtype)
    q = grid.codes(wide(v), wide(s))  # float32 holds every integer code, bfloat16 those up to 256
    if axis is not None:
        s, q = s.movedim(0, axis), q.movedim(0, axis)
    return Projection(s * q.to(w.dtype), s, q.to(torch.int8 if bits <= 8 else torch.int32))


def converged(grid: Grid, w: Tensor, keep: int = 0, init: Tensor | None = None) -> Tensor:
    """The scale where Lloyd's codes stand still. It looks at the codes after every step, so it waits for the device."""
    s = grid.scale_of(w, keep, init)
    q = grid.codes(w, s)
    for _ in range(MOST_STEPS):
        s = grid.scale_of(w, keep, s)
        last, q = q, grid.codes(w, s)
        if torch.equal(last, q):
            break
    return s
