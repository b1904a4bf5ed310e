"""Exhaustive search: every configuration of the weights, the best k and the losses of all."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from qlab.exact.cost import LIMIT, Progress, refuse, told
from qlab.exact.product import COLUMNS, search
from qlab.exact.result import Collector, Result
from qlab.exact.sides import Multisets, digits, linear_side, responses, states, units_side
from qlab.problems.base import Problem
from qlab.problems.linear import Logistic
from qlab.problems.moons import Moons
from qlab.quantizers import checks

BINARY = (-1.0, 1.0)
Levels = Tensor | tuple[float, ...]
CHUNK = 2**18  # entries of the weights evaluated at once by `enumerate_all`


def exhaustive(problem: Problem, k: int = 10, *, limit: float = LIMIT, progress: Progress = False) -> Result:
    """All K^d configurations of a problem's weights on its levels, by the fastest way that fits its structure.

    Logistic regression and two-layer nets without batch normalization: the product form; else one loss after the other.

    k: how many of the best are returned. limit: seconds; progress: True for a bar, or a function of (done, total).
    Raises TooLarge if time or memory would exceed the limits; ValueError for a problem of several instances (`each`).
    """
    if problem.instances:
        raise ValueError(f"{problem!r} has {problem.instances} instances; allowed: one (use `each`)")
    return _one(problem, None, k, limit, progress)


def each(problem: Problem, k: int = 10, *, limit: float = LIMIT) -> list[Result]:
    """`exhaustive` for every instance of a problem, in order; a list of one for a problem without instances."""
    return [_one(problem, c, k, limit, False) for c in range(problem.instances) or [None]]


def _one(problem: Problem, c: int | None, k: int, limit: float, progress: Progress) -> Result:
    """The search for instance c, or for the only one."""
    every: Any = ... if c is None else c
    how = _How(problem.levels, k, limit, progress)
    if isinstance(problem, Logistic):
        return logistic(problem.x[every], problem.y[every], **how._asdict())
    if isinstance(problem, Moons) and len(problem.sizes) == 3 and not problem.batch_norm:
        x, y = problem.x[every], problem.y[every]
        return two_layer(x, y, problem.sizes[1], bias=problem.bias, **how._asdict())

    def loss(w: Tensor) -> Tensor:
        if c is None:
            return problem.loss(w)
        return problem.loss(w.unsqueeze(-2).expand(*w.shape[:-1], problem.instances, problem.d))[..., c]

    return enumerate_all(loss, problem.d, **how._asdict())


class _How(NamedTuple):
    levels: Tensor
    k: int
    limit: float
    progress: Progress


def logistic(
    x: Tensor, y: Tensor, *, levels: Levels = BINARY, k: int = 10, limit: float = LIMIT, progress: Progress = False
) -> Result:
    """min over w in levels^d of mean_i log(1 + e^(-y_i x_i·w)): x (n, d), y (n,) of ±1.

    Raises TooLarge (see `exhaustive`); ValueError for other labels and shapes.
    """
    z, levels = _margins(x, y), as_levels(levels)
    d, base = z.shape[1], len(levels)
    low = min((d + 1) // 2, max(1, int(math.log(COLUMNS, base))))
    rows, columns = linear_side(z[:, : d - low], levels), linear_side(z[:, d - low :], levels)
    what = f"a search of {base}^{d} configurations"
    found = search(rows, columns, pool=_pool(k), limit=limit, progress=progress, what=what)
    weights = levels[digits(found.index, base, d)]
    return found.result(weights, torch.ones_like(found.index), lambda w: _mean_loss(w @ z.T), k, base**d)


def two_layer(
    x: Tensor,
    y: Tensor,
    hidden: int,
    *,
    activation: Callable[[Tensor], Tensor] = torch.relu,
    bias: bool = False,
    levels: Levels = BINARY,
    k: int = 10,
    limit: float = LIMIT,
    progress: Progress = False,
) -> Result:
    """min of mean_i log(1 + e^(-y_i f(x_i))), f(x) = sum_j v_j activation(u_j·x + b_j) + c, all weights on the levels.

    Hidden units are exchangeable: only multisets of unit states (u_j, b_j, v_j) are tried, half of the units against
    the other half. The k best differ by more than the order of units; `copies` counts the orders. Weights are
    listed as in `problems.Moons`: all u row by row, all b (with `bias`), v, c (with `bias`).
    Raises TooLarge (see `exhaustive`); ValueError for other labels and shapes.
    """
    y, levels = as_labels(x, y), as_levels(levels)
    x = x.double()
    if hidden < 1:
        raise ValueError(f"hidden={hidden}; allowed: at least 1 unit")
    part = responses(x, levels, activation, bias) * -y
    offset = -y * levels[:, None] if bias else None
    first = hidden // 2
    rows, columns = units_side(part, hidden - first, offset), units_side(part, first)
    d = hidden * (x.shape[1] + 1 + bias) + bias
    what = f"a search of {len(levels)}^{d} configurations of {hidden} hidden units"
    pool = _pool(k) * math.comb(hidden, first)
    found = search(rows, columns, pool=pool, limit=limit, progress=progress, what=what)
    members, number = _distinct(found, hidden, first, len(part), 1 if offset is None else len(levels), columns.count)
    incoming, b, outgoing = states(levels, x.shape[1], bias)
    blocks = [incoming[members].flatten(1), outgoing[members]]
    if bias:
        blocks = [blocks[0], b[members], blocks[1], levels[number, None]]
    copies = Multisets(len(part), hidden).orders(members)

    def exact(_: Tensor) -> Tensor:
        return _mean_loss(part[members].sum(1) + (offset[number] if offset is not None else 0))

    return found.result(torch.cat(blocks, 1), copies, exact, k, len(levels) ** d)


def _distinct(found: Collector, hidden: int, first: int, kinds: int, K: int, columns: int) -> tuple[Tensor, Tensor]:
    """The units' states (m, hidden), ascending, and the numbers of the output bias, of the distinct configurations
    found; the collector is reduced to them."""
    p, q = found.index // columns, found.index % columns
    left = Multisets(kinds, hidden - first).members(p // K)
    right = Multisets(kinds, first).members(q)
    key = torch.cat([torch.cat([left, right], 1).sort(1).values, (p % K)[:, None]], 1)
    _, where = torch.unique(key, dim=0, return_inverse=True)
    kept = torch.full((int(where.max()) + 1,), len(key)).scatter_reduce(0, where, torch.arange(len(key)), "amin")
    kept = kept.sort().values
    found.losses, found.index, key = found.losses[kept], found.index[kept], key[kept]
    return key[:, :-1], key[:, -1]


def enumerate_all(
    loss: Callable[[Tensor], Tensor],
    d: int,
    *,
    levels: Levels = BINARY,
    k: int = 10,
    limit: float = LIMIT,
    progress: Progress = False,
) -> Result:
    """All K^d configurations of any loss >= 0: w (C, d) float64 -> (C,), called on blocks of them.

    Raises TooLarge (see `exhaustive`).
    """
    levels = as_levels(levels)
    base, chunk = len(levels), max(1, CHUNK // (64 * d))
    total, what = base**d, f"a search of {base}^{d} configurations, one by one,"
    few = torch.arange(min(total, chunk))
    seconds = 0.0
    for _ in range(2):
        start = time.perf_counter()
        sample = loss(levels[digits(few, base, d)])
        seconds = time.perf_counter() - start
    refuse(what, seconds * (min(total, 10**300) / len(few)), Collector.elements(total), limit)
    highest = float(sample.max()) * 2
    found = Collector(total, min(_pool(k), total), highest)
    with told(progress, total, what) as advance:
        for first in range(0, total, chunk):
            index = torch.arange(first, min(first + chunk, total))
            found.add(loss(levels[digits(index, base, d)]), first)
            advance(int(index[-1]) + 1)
    weights = levels[digits(found.index, base, d)]
    return found.result(weights, torch.ones_like(found.index), loss, k, total)


def _pool(k: int) -> int:
    """Candidates kept in float32, of which the k best in float64 are returned."""
    checks.count(k, "k")
    return 2 * k + 64


def as_levels(levels: Levels) -> Tensor:
    """The levels as an increasing float64 tensor (K,); ValueError if they are not."""
    values = torch.as_tensor(levels, dtype=torch.float64)
    if values.dim() != 1 or len(values) < 2 or not bool((values.diff() > 0).all() & values.isfinite().all()):
        raise ValueError(f"levels={levels}; allowed: at least two increasing numbers")
    return values


def as_data(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """x and y as float64; ValueError unless x is (n, d) and y (n,), all finite: a search among NaN finds anything."""
    if x.dim() != 2 or y.shape != x.shape[:1]:
        raise ValueError(f"x {tuple(x.shape)}, y {tuple(y.shape)}; allowed: (n, d) and (n,)")
    x, y = x.double(), y.double()
    checks.tensor(x, "x")
    checks.tensor(y, "y")
    return x, y


def as_labels(x: Tensor, y: Tensor) -> Tensor:
    """y as float64; ValueError unless x is (n, d) and y (n,) of -1 and 1, all finite."""
    y = as_data(x, y)[1]
    if not bool((y.abs() == 1).all()):
        raise ValueError("labels other than -1 and 1; 0 and 1 become 2 y - 1")
    return y


def _margins(x: Tensor, y: Tensor) -> Tensor:
    return -as_labels(x, y)[:, None] * x.double()


def _mean_loss(s: Tensor) -> Tensor:
    return torch.nn.functional.softplus(s).mean(-1)
