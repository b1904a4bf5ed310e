"""ASkewSGD under the steps of its theorem: does the loss converge, and the distance to stationarity vanish? (S0 5)

    step_k = first k^-delta,   delta in (1/2, 1]: non-increasing, not summable, square-summable (Assumption 4)

on logistic regression with stochastic gradients. S0 Theorem 2 says: the loss converges and d(w_k, Z) -> 0; it gives no
rate. delta = 0, a constant step, is outside Assumption 4. Watched is how far w is from Z, in a measure that is
continuous (whether a weight is *on* the edge of its island is not):

    residual = |w - clip(w - F'(w), island of w)|, zero exactly on Z
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from qlab.constraints import eps_of, intervals
from qlab.optim import QuantOptimizer
from qlab.problems.linear import Logistic
from qlab.uniforms import uniform


@dataclass(frozen=True)
class Rates:
    """steps (T,): after how many steps; loss, residual, outside (T, seeds), float64: F(w), how far w is from Z, and how
    far (largest entry) from C."""

    steps: Tensor
    loss: Tensor
    residual: Tensor
    outside: Tensor

    def between(self, start: float, end: float) -> Tensor:
        """(seeds,): the mean residual over the measurements after the share `start` of the run and up to `end`."""
        share = self.steps / self.steps[-1]
        return self.residual[(share > start) & (share <= end)].mean(0)

    def slope(self, start: float = 0.1) -> Tensor:
        """(seeds,): d log(residual) / d log(steps), least squares over the measurements after the share `start`."""
        late = self.steps > start * self.steps[-1]
        x, y = self.steps[late].double().log(), self.residual[late].clamp(min=1e-300).log()
        x = (x - x.mean()).unsqueeze(-1)
        return (x * y).sum(0) / (x * x).sum()


def step_size(k: int, first: float, delta: float) -> float:
    """first k^-delta at step k = 1, 2, ..."""
    return first * k**-delta


def island(w: Tensor, levels: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """(left, right) end of the island nearest to each weight: that of the nearest level, ties to the lower one."""
    ends = intervals(levels, eps)
    j = torch.bucketize(w.contiguous(), (levels[1:] + levels[:-1]) / 2)
    return ends[j, 0], ends[j, 1]


def residual(w: Tensor, g: Tensor, levels: Tensor, eps: float) -> Tensor:
    """|w - clip(w - g, island of w)| over the last axis: w, g (..., d) -> (...)."""
    left, right = island(w, levels, eps)
    return (w - torch.minimum(torch.maximum(w - g, left), right)).norm(dim=-1)


def run(
    delta: float,
    seeds: Sequence[int],
    *,
    first: float = 2.0,
    kind: str = "hard",
    steps: int = 2000,
    eps_hat: float = 0.5,
    batch: int = 10,
    n: int = 500,
    d: int = 10,
    checkpoints: int = 40,
) -> Rates:
    """One stack, an instance of the problem and a start for each seed; measured at steps spaced geometrically."""
    seed = torch.tensor(list(seeds))
    problem = Logistic(kind, d, n, seed)
    levels = problem.levels
    eps = float(eps_of(eps_hat, 2.0))
    w = nn.Parameter(problem.start(seed, torch.float64))
    opt = QuantOptimizer([("w", w)], "askew", runs=len(seed), eps_hat=eps_hat, bits=1, scale="one", seed=seed)
    at = sorted({round(float(k)) for k in torch.logspace(0, torch.tensor(steps).log10(), checkpoints)})
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    for k in range(1, steps + 1):
        rows = (uniform(seed, k, 0, (batch,), stream="data") * n).long()
        w.grad = problem.gradient(w, rows)
        opt.param_groups[0]["lr"].fill_(step_size(k, first, delta))
        opt.step()
        if k in at:
            v = w.detach().clone()
            left, right = island(v, levels, eps)
            off = torch.maximum(left - v, v - right).clamp(min=0).amax(-1)
            found.append((problem.loss(v), residual(v, problem.gradient(v), levels, eps), off))
    loss, far, off = (torch.stack(x).double() for x in zip(*found, strict=True))
    return Rates(torch.tensor(at), loss, far, off)
