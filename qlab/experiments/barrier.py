"""ASkewSGD and its barrier: one weight on a line, and S0's first task with its three cases watched (S0 5 and 7).

All levels are ±1, so eps = eps_hat, and the islands of width eps_hat are b <= |w| <= 1 + sqrt(eps_hat) with
b = sqrt(1 - sqrt(eps_hat)): the barrier, half as wide as the forbidden middle. A weight changes its sign only by a
step longer than b.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

import qlab
from qlab import devices, uniforms
from qlab.constraints import cases, eps_hat_at, intervals, on_grid
from qlab.problems import Problem
from qlab.quantizers.grids import Grid

LEVELS = torch.tensor([-1.0, 1.0], dtype=torch.float64)
MINIMIZER = 0.3
DESCENT, AGREES, PUSHED = range(3)
CASES = ("descent", "descent mends the constraint", "pushed")


def edges(eps_hat: float) -> tuple[float, float]:
    """Inner and outer end of the island around 1: b = sqrt(1 - sqrt(eps_hat)), 1 + sqrt(eps_hat)."""
    return math.sqrt(max(1 - math.sqrt(eps_hat), 0.0)), 1 + math.sqrt(eps_hat)


def loss(w):
    """F(w) = (w - .3)²/2: the better level is +1, with .245; -1 has .845."""
    return (w - MINIMIZER) ** 2 / 2


@dataclass(frozen=True)
class Path:
    """w (steps + 1,), case (steps,) of 0, 1, 2 and eps_hat (steps,): where a weight was and why it moved."""

    w: np.ndarray
    case: np.ndarray
    eps_hat: np.ndarray

    @property
    def longest(self) -> float:
        """The longest step that was not a push: only such a step can cross."""
        own = np.abs(np.diff(self.w))[self.case != PUSHED]
        return float(own.max()) if own.size else 0.0

    @property
    def crossed(self) -> bool:
        """Whether the weight ends on the other side of the midpoint than it began."""
        return bool((self.w[0] >= 0) != (self.w[-1] >= 0))


def path(
    start: float,
    *,
    step_size: float,
    eps_hat: float,
    free_phase: float = 0.0,
    anneal: str = "constant",
    push: float = 1.0,
    push_max: float = 5.0,
    noise: float = 0.0,
    steps: int = 200,
    seed: int = 0,
) -> Path:
    """One weight on F, equal to `qlab.step("askew", ...)` with levels ±1; push_max infinite: without the clip (`mj`).

    The gradient is F'(w) + noise z_t, z_t = uniforms.normal(seed, t, 0, ()). In plain numbers: for a drag.
    """
    widths = eps_hat_at(torch.arange(1, steps + 1), steps, eps_hat, free_phase, anneal).tolist()
    z = uniforms.normal(seed, torch.arange(steps), 0, (1,), dtype=torch.float64)[:, 0].tolist() if noise else None
    w, kept, why = float(start), [float(start)], []
    for t, eps in enumerate(widths):
        g = w - MINIMIZER + (noise * z[t] if z else 0.0)
        if abs(w) < 1 or w == -1:
            p = 1 - w * w
            value, d = eps - p * p, 4 * p * w
        else:
            e = w - math.copysign(1, w)
            value, d = eps - e * e, -2 * e
        v, case = -g, int(value < 0)
        if value < 0 and -d * g < -push * value:
            case = PUSHED
            if d:
                v = min(max(-push * value / d, -push_max), push_max)
            elif push_max < math.inf:
                v = push_max
        w += step_size * v
        kept.append(w)
        why.append(case)
    return Path(np.array(kept), np.array(why), np.array(widths))


@dataclass(frozen=True)
class Watched:
    """A stack of runs, watched step by step; all float64.

    cases (steps, 3): share of the weights in each case; distance (steps, runs): of the farthest weight to the islands
    of that step; stripe (steps,): share of weights outside them by at most eps; w (runs, d): at the end.
    """

    cases: Tensor
    distance: Tensor
    stripe: Tensor
    w: Tensor


def watch(
    problem: Problem,
    method: str,
    seeds: Sequence[int],
    *,
    step_size: float,
    eps_hat: float,
    free_phase: float = 0.0,
    anneal: str = "constant",
    push: float = 1.0,
    steps: int = 300,
    batch: int = 100,
    decay: bool = False,
    device: str = "cpu",
    **own: Any,
) -> Watched:
    """One run per seed of "mj", "askew" or "askew-modified" on a problem with levels ±1.

    The case of a weight is that of the gradient it moves by, on `batch` random rows. decay: step_size/sqrt(1 + 99 x),
    x the share of the run that is over. own: further settings of the method.
    """
    seed = torch.as_tensor(list(seeds), device=devices.device(device))
    w, codes = problem.start(seed, dtype=torch.float64), Grid(1)
    one, step = w.new_ones(()), torch.arange(steps, device=w.device)[:, None]
    u = uniforms.uniform(seed, step, 0, (batch,), stream="order", dtype=torch.float64)
    rows = (u * problem.n).long()
    width = eps_hat_at(torch.arange(1, steps + 1), steps, eps_hat, free_phase, anneal)
    setting = {"eps_hat": eps_hat, "free_phase": free_phase, "anneal": anneal, "push": push, "steps": steps, **own}
    shares, farthest, stripe = [], [], []
    for t, eps in enumerate(width.tolist()):
        g = problem.gradient(w, rows[t])
        kind, away = cases(g, *on_grid(w, one, codes, eps), push), distance(w, eps)
        shares.append(torch.bincount(kind.ravel(), minlength=3) / kind.numel())
        farthest.append(away.amax(-1))
        stripe.append(((away > 0) & (away <= eps)).double().mean())
        lr = step_size / math.sqrt(1 + 99 * t / steps) if decay else step_size
        w = qlab.step(method, w, g, lr=lr, t=t, bits=1, scale="one", **setting)
    kept = [torch.stack(x).double().cpu() for x in (shares, farthest, stripe)]
    return Watched(kept[0], kept[1], kept[2], w.cpu())


def distance(w: Tensor, eps: float) -> Tensor:
    """Of each weight to the feasible set C = {psi >= 0} of the levels ±1."""
    ends = intervals(LEVELS.to(w.device), eps)
    return torch.maximum(ends[:, 0] - w[..., None], w[..., None] - ends[:, 1]).clamp(min=0).amin(-1)


def stationarity(w: Tensor, g: Tensor, eps: float) -> Tensor:
    """max |w - P(w - g)|, P the projection onto the island nearest to each weight: (runs,), 0 exactly at the KKT points
    of min F on C, the set Z of S0's Theorem 2."""
    ends = intervals(LEVELS.to(w.device), eps)
    own = ends[(w >= 0).long()]
    return (w - torch.minimum(torch.maximum(w - g, own[..., 0]), own[..., 1])).abs().amax(-1)
