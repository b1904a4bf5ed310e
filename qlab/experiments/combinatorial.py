"""A combinatorial task, one of the poster's open questions (S0 8): quantized least squares against its exact optimum.

    min |y - x w|^2 / n over w in {-1, 1}^d,     y = x w* + noise

with correlated features and real w*, so that rounding the real minimizer fails. No method sees the structure; the
optimum comes from the sphere decoder, which does, for sizes that no enumeration reaches (2^40).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qlab import exact
from qlab.grid import grid
from qlab.problems.base import Problem
from qlab.problems.linear import features, true_weights
from qlab.uniforms import normal

METHODS = (
    *("full", "bc", "ste", "sr", "pgd", "bcgd", "proxquant", "binaryrelax", "parq", "md", "bop", "dampening"),
    *("freezing", "mj", "askew", "askew-modified", "sgda"),
)
STEP_SIZES = (0.01, 0.03, 0.1, 0.3, 1.0)
OPTIONS: dict[str, dict[str, Any]] = {
    "ste": {"derivative": "hardtanh"},
    **{slug: {"free_phase": 0.5, "eps_hat": 0.3} for slug in ("mj", "askew", "askew-modified", "sgda")},
}


class LeastSquares(Problem):
    """F(w) = mean_i (x_i·w - y_i)^2, one instance for each seed: x (C, n, d) entries correlated at .9, w* normal.

    spread: standard deviation of the noise in y.
    """

    slug, name = "least-squares", "Quantized least squares"

    def __init__(self, seeds: Tensor, d: int = 40, n: int = 120, spread: float = 1.0):
        super().__init__()
        self.d, self.n, self.instances = d, n, len(seeds)
        self.x, self.w_star = features("hard", seeds, n, d), true_weights("hard", seeds, d)
        noise = normal(seeds, 0, 5, (n,), stream="data", dtype=torch.float64)
        self.y = torch.einsum("cnd,cd->cn", self.x, self.w_star) + spread * noise

    def residual(self, w: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        x = self.data("x", w, rows)
        return torch.einsum("cnd,...cd->...cn", x, w) - self.data("y", w, rows), x

    def loss(self, w: Tensor, rows: Tensor | None = None) -> Tensor:
        return (self.residual(w, rows)[0] ** 2).mean(-1)

    def gradient(self, w: Tensor, rows: Tensor | None = None) -> Tensor:
        r, x = self.residual(w.detach(), rows)
        return torch.einsum("...cn,cnd->...cd", r, x) * (2 / x.shape[1])


@lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], d: int = 40, n: int = 120) -> tuple[LeastSquares, np.ndarray, int]:
    """(one instance for each seed, the optimum of each (seeds,), the most nodes that a decoding took)."""
    problem = LeastSquares(torch.tensor(seeds), d, n)
    found = [exact.sphere(x, y) for x, y in zip(problem.x, problem.y, strict=True)]
    return problem, np.array([f.loss / n for f in found]), max(f.nodes for f in found)


def gaps(
    seeds: Sequence[int],
    methods: Sequence[str] = METHODS,
    *,
    d: int = 40,
    n: int = 120,
    steps: int = 300,
    step_sizes: Sequence[float] = STEP_SIZES,
    batch: int = 0,
) -> dict[str, np.ndarray]:
    """{method: (F(w_Q) - F*)/F* for (step size, seed)}, step size falling to 0 (cosine); infinite where it diverged."""
    problem, optimum, _ = instances(tuple(seeds), d, n)
    out = {}
    for method in methods:
        how: dict[str, Any] = {"step_size": list(step_sizes), "steps": steps, "decay": "cosine", "batch": batch}
        found = grid(problem, method, seeds=list(seeds), measure=("quantized_loss",), **how, **OPTIONS.get(method, {}))[
            "quantized_loss"
        ]
        values = found.transpose("step_size", "seed").values
        out[method] = np.where(np.isnan(values), np.inf, (values - optimum) / optimum)
    return out


def tuned(
    tuning: Sequence[int], seeds: Sequence[int], methods: Sequence[str] = METHODS, **how
) -> dict[str, np.ndarray]:
    """{method: gap on `seeds`} at the step size with the least median gap on other seeds, `tuning`."""
    chosen, judged = gaps(tuning, methods, **how), gaps(seeds, methods, **how)
    return {m: judged[m][int(np.median(chosen[m], axis=1).argmin())] for m in methods}
