"""The poster's tasks I and II (S0 7) against the exact optimum: every method on the same instances, starts and batches.

    planted   logistic regression as the poster has it, n = 6000, d = 10, w* in {-1, 1}^d
    hard      the same with correlated features and real w* (ours)
    moons     two moons, a 2 - hidden - 1 ReLU net, n = 200

Each seed is an instance of its own: data, start, batches. All 2^d configurations of each are searched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch

from qlab import exact
from qlab.grid import grid
from qlab.messages import unknown
from qlab.problems import Logistic, Problem, problem

if TYPE_CHECKING:
    import xarray as xr

KINDS = {"planted": "task I, planted", "hard": "task I, hard", "moons": "task II, two moons"}
POSTER = ("full", "bc", "ste", "askew", "askew-modified", "sgda")
"""What S0 compares. `full` is deployed rounded: post-training quantization (PTQ)."""
CONSTRAINED = ("askew", "askew-modified", "mj", "sgda")
WITHIN = 0.05


def settings(method: str, eps_hat: Any = 0.3, free_phase: float = 0.5) -> dict[str, Any]:
    """What `grid` is given for a method: the constraint's width and free phase, STE's hardtanh (else it is BC)."""
    if method in CONSTRAINED:
        return {"eps_hat": eps_hat, "free_phase": free_phase}
    return {"derivative": "hardtanh"} if method == "ste" else {}


@lru_cache(maxsize=8)
def task(kind: str, seeds: tuple[int, ...], n: int = 0, hidden: int = 3) -> tuple[Problem, list[exact.Result]]:
    """One instance for each seed, and the exhaustive search of each. n: samples (0: the poster's number)."""
    if kind not in KINDS:
        raise ValueError(unknown("task", kind, KINDS))
    given: dict[str, Any] = {"seed": torch.tensor(seeds)} | ({"n": n} if n else {})
    own = problem("moons", hidden=hidden, **given) if kind == "moons" else problem(f"logistic-{kind}", **given)
    return own, exact.each(own)


def run(
    kind: str,
    methods: Sequence[str],
    seeds: Sequence[int],
    *,
    step_size: float | Sequence[float] = 1.0,
    steps: int = 300,
    batch: int = 50,
    decay: str = "cosine",
    eps_hat: float = 0.3,
    free_phase: float = 0.5,
    hidden: int = 3,
    every: int | None = None,
    **more: Any,
) -> Mapping[str, xr.Dataset]:
    """{method: what `grid` returns}: loss, quantized_loss, gap, rank, gradient_norm, distance, flips over the seeds."""
    own, optima = task(kind, tuple(seeds), hidden=hidden)
    how: dict[str, Any] = {"step_size": step_size, "steps": steps, "decay": decay, "every": every, **more}
    how |= {"batch": min(batch, own.n), "seeds": list(seeds), "optimum": optima}
    return {method: grid(own, method, **how, **settings(method, eps_hat, free_phase)) for method in methods}


def real_minimizer(problem: Logistic, steps: int = 50) -> torch.Tensor:
    """argmin F over real weights, by Newton's method w - H^-1 g from 0: (C, d), for C instances.

    RuntimeError if it has not arrived (the classes can be separated, and there is no minimizer).
    """
    a = problem.a
    w = a.new_zeros(problem.instances, problem.d)
    for _ in range(steps):
        q = torch.einsum("cnd,cd->cn", a, w).sigmoid()
        H = torch.einsum("cn,cnd,cne->cde", q * (1 - q), a, a) / problem.n
        w = w - torch.linalg.solve(H, problem.gradient(w).unsqueeze(-1)).squeeze(-1)
    if not float(problem.gradient(w).abs().max()) < 1e-9:
        raise RuntimeError(f"{problem!r}: Newton's method did not reach a minimizer in {steps} steps")
    return w


def rounding_gap(kind: str, seeds: Sequence[int]) -> torch.Tensor:
    """(F(Q(w)) - F*)/F* of the exact real minimizer w of task I, rounded to ±1, for each seed: (seeds,)."""
    own, optima = task(kind, tuple(seeds))
    if not isinstance(own, Logistic):
        raise ValueError(f"kind={kind!r}; allowed: planted, hard (convex, so that there is one minimizer)")
    w = real_minimizer(own)
    rounded = own.loss(torch.where(w >= 0, 1.0, -1.0).to(w.dtype))
    return torch.stack([best.gap(loss) for best, loss in zip(optima, rounded, strict=True)])
