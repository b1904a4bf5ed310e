"""SGDA's two step sizes on one weight (S0's open question): where does it converge, where cycle, where diverge?

    F(w) = (curvature/2) (w - target)²,  levels ±1,  started right of the midpoint with target < w_b: descent is blocked
    at the island's inner end w_b = sqrt(1 - sqrt(eps_hat)), psi(w_b) = 0, with λ_b = F'(w_b) / psi'(w_b) > 0.

Linearised there, with p = psi'(w_b), k = F'' - λ_b psi''(w_b), the simultaneous update is (w, λ) -> J (w, λ),

    J = [[1 - η k, η p], [-η_λ p, 1]],   trace 2 - η k,   determinant 1 - η k + η η_λ p²

and both |eigenvalues| < 1 iff  η_λ p² < k  and  2 η k - η η_λ p² < 4. So there is a largest dual step, k / p², which no
small step size raises; beyond it the pair circles. In the alternating update λ sees the new w: the determinant is
1 - η k, the trace 2 - η k - η η_λ p²; the first condition becomes η k > 0 (always), the second 2 η k + η η_λ p² < 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from qlab.grid import grid
from qlab.problems import Quadratic

if TYPE_CHECKING:
    import xarray as xr

CONVERGES, CYCLES, DIVERGES = 0, 1, 2
PHASES = ("converges", "cycles", "diverges")
FAR = 10.0  # a weight that leaves [-10, 10] has left the problem
STILL = 1e-3  # a run whose weight moves less over its last quarter has converged


class Point(NamedTuple):
    """The KKT point on the side of +1: weight, multiplier, psi' and psi'' there, F'' of the problem."""

    w: float
    lam: float
    p: float
    psi2: float
    curvature: float

    @property
    def k(self) -> float:
        """F'' - λ psi'': the curvature of the Lagrangian."""
        return self.curvature - self.lam * self.psi2


def blocked(target: float = 0.3, curvature: float = 1.0, eps_hat: float = 0.1) -> Point:
    """The point at which descent to `target` is blocked. ValueError unless 0 < target < w_b: else nothing blocks it."""
    w = math.sqrt(1 - math.sqrt(eps_hat))
    if not 0 < target < w:
        raise ValueError(f"target={target:g}; allowed: between the midpoint 0 and the island's end {w:.3g}")
    p = 4 * w * (1 - w * w)
    return Point(w, curvature * (w - target) / p, p, 4 - 12 * w * w, curvature)


def stable(point: Point, step_size, dual_step, update: str = "simultaneous"):
    """Whether both eigenvalues of J lie inside the unit circle; arrays broadcast."""
    turn = np.asarray(step_size) * np.asarray(dual_step) * point.p**2
    pull = np.asarray(step_size) * point.k
    if update == "alternating":
        return (pull > 0) & (2 * pull + turn < 4)
    return (turn < pull) & (2 * pull - turn < 4)


def largest_dual_step(point: Point) -> float:
    """k / p²: beyond it the simultaneous update does not converge, however small the step size."""
    return point.k / point.p**2


def diagram(
    step_size: Sequence[float],
    dual_step: Sequence[float],
    *,
    target: float = 0.3,
    curvature: float = 1.0,
    eps_hat: float = 0.1,
    update: str | Sequence[str] = "simultaneous",
    start: float = 1.0,
    noise: float = 0.0,
    seeds: int | Sequence[int] = 1,
    steps: int = 2000,
) -> xr.Dataset:
    """`phase` (step_size, dual_step, seed): 0 converges, 1 cycles, 2 diverges, what a run of `steps` does; `swing`: how
    far its weight still moves over the last quarter; `end`: the mean weight there."""
    p = Quadratic(spectrum=[curvature], rotate=False)
    p.w_star = torch.tensor([target], dtype=torch.float64)
    table = grid(
        p,
        "sgda",
        step_size=[*step_size],
        dual_step=[*dual_step],
        eps_hat=eps_hat,
        update=update if isinstance(update, str) else [*update],
        noise=noise,
        seeds=seeds,
        steps=steps,
        every=1,
        start=torch.tensor([start]),
        measure=["loss"],
        weights=True,
        dtype=torch.float64,
    )
    w = table.w.isel(weight=0)
    tail = w.isel(step=slice(-max(2, steps // 4), None))
    swing = tail.max("step", skipna=False) - tail.min("step", skipna=False)
    lost = (np.abs(w).max("step", skipna=False) > FAR) | swing.isnull()
    phase = swing.copy(data=np.where(lost, DIVERGES, np.where(swing < STILL, CONVERGES, CYCLES)))
    return table[[]].assign(phase=phase, swing=swing, end=tail.mean("step"))
