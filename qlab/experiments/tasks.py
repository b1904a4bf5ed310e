"""S0's tasks I and II with every method, against the exact optimum: training loss, batch-gradient norm, quantized
training loss, distance to w*, over the run; each seed with its own instance.

    planted   S0's task I: logistic regression, n = 6000, d = 10, w* a vertex: rounding the trained weights solves it
    hard      ours: correlated features and real w*, where rounding does not
    moons     S0's task II: two moons, a 2-3-1 network without biases, 9 weights; moons-bn: with batch normalization

S0 prints no constants. Here the step size falls linearly to 0; its first value is chosen for each method by `tune`, on
other seeds; the methods' own numbers are `OWN`, the same for all tasks. Levels ±1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from qlab import exact
from qlab.grid import grid
from qlab.messages import unknown
from qlab.methods import METHODS
from qlab.problems import Problem, problem
from qlab.problems.linear import Logistic

if TYPE_CHECKING:
    import xarray as xr


class Task(NamedTuple):
    slug: str
    n: int
    batch: int
    steps: int


TASKS = {
    "planted": Task("logistic-planted", 6000, 1000, 300),
    "hard": Task("logistic-hard", 6000, 1000, 300),
    "moons": Task("moons", 1000, 100, 500),
    "moons-bn": Task("moons-bn", 1000, 100, 500),
}
"""50 epochs each, as in S0's source (Leconte et al. 2023): 6 steps an epoch, or 10."""

_ISLANDS = {"eps_hat": 0.1, "free_phase": 0.5, "anneal": "geometric"}
OWN: dict[str, dict[str, Any]] = {
    "ste": {"derivative": "hardtanh"},
    "bcgd": {"rho": 1e-5},
    "mj": _ISLANDS,
    "askew": _ISLANDS,
    "askew-modified": _ISLANDS,
    "sgda": {**_ISLANDS, "dual_step": 0.03},
    "proxquant": {"reg": 0.03, "schedule": "linear", "hard_after": 2 / 3},
    "binaryrelax": {"relax_rate": 1.01},
    "parq": {"steepness": 30.0},
    "md": {"beta_rate": 1.01},
    "bop": {"adaptivity": 0.01},
    "dampening": {"damping": 0.01, "schedule": "cosine"},
    "freezing": {"schedule": "cosine"},
}
"""The numbers of the methods; not named: the defaults."""

CANDIDATES = {"step_size": (0.03, 0.1, 0.3, 1.0, 3.0)}
BOP = {"threshold": (0.0003, 0.001, 0.003, 0.01, 0.03)}  # it has no step size
TUNING = tuple(range(100, 110))
_CHOSEN: dict[str, dict[float, str]] = {
    "planted": {
        0.003: "bop",
        0.03: "r",
        0.1: "full bc bc-stochastic ste bcgd sgda binaryrelax parq md dampening freezing",
        0.3: "mj askew askew-modified proxquant",
        3.0: "sr pgd",
    },
    "hard": {
        0.03: "r bop",
        1.0: "bc ste bcgd md",
        3.0: "full bc-stochastic sr pgd mj askew askew-modified sgda proxquant binaryrelax parq dampening freezing",
    },
    "moons": {
        0.001: "bop",
        0.1: "bc ste",
        0.3: "freezing",
        1.0: "full mj askew askew-modified sgda binaryrelax parq md",
        3.0: "bc-stochastic r sr pgd bcgd proxquant dampening",
    },
    "moons-bn": {
        0.0003: "bop",
        0.1: "sr",
        0.3: "bc ste bcgd",
        1.0: "sgda binaryrelax dampening freezing",
        3.0: "full bc-stochastic r pgd mj askew askew-modified proxquant parq md",
    },
}
CHOSEN = {task: {r: x for x, rules in table.items() for r in rules.split()} for task, table in _CHOSEN.items()}
"""What `tune` chose: the step size; for bop the threshold."""


def make(task: str, seeds: Sequence[int] | Tensor) -> Problem:
    """The task with an instance for each seed. ValueError for an unknown task."""
    if task not in TASKS:
        raise ValueError(unknown("task", task, TASKS))
    return problem(TASKS[task].slug, n=TASKS[task].n, seed=torch.as_tensor(seeds))


def candidates(rule: str) -> dict[str, tuple[float, ...]]:
    """{name: values} that `tune` chooses from."""
    return BOP if rule == "bop" else CANDIDATES


def tune(task: str, rule: str, seeds: Sequence[int] = TUNING, instances: Problem | None = None, optimum=None) -> float:
    """The candidate with the smallest mean gap at the end of the run."""
    instances = make(task, seeds) if instances is None else instances
    (name,) = own = candidates(rule)
    table = _grid(task, instances, rule, seeds, {**own}, measure=["gap"], optimum=optimum)
    return float(table.gap.mean("seed", skipna=False).idxmin(name))


def run(
    task: str,
    rules: Sequence[str] = tuple(METHODS),
    seeds: Sequence[int] = tuple(range(10)),
    *,
    every: int | None = None,
    optimum: list[exact.Result] | None = None,
    **settings: Any,
) -> xr.Dataset:
    """Every method on its instance per seed: dims rule, seed, and step with `every`; variables of `qlab.grid`.

    `full`'s quantized loss is post-training quantization. settings replace those chosen, for all methods that have
    them. optimum: of the instances, made before (`exact.each(make(task, seeds), k=1)`).
    """
    import xarray as xr

    instances = make(task, seeds)
    best = exact.each(instances, k=1) if optimum is None else optimum
    tables = []
    for rule in rules:
        (name,) = candidates(rule)
        given = {name: CHOSEN[task][rule], **settings}
        tables.append(_grid(task, instances, rule, seeds, given, every=every, optimum=best))
    together = xr.concat(tables, xr.Variable("rule", [*rules]), combine_attrs="drop")
    lost = sum(table.attrs["diverged"] for table in tables)
    return together.assign_attrs(task=task, problem=repr(instances), **TASKS[task]._asdict(), diverged=lost)


def _grid(task: str, instances: Problem, rule: str, seeds, given: dict[str, Any], **how: Any) -> xr.Dataset:
    batch, steps = TASKS[task].batch, TASKS[task].steps
    settings = {"batch": batch, "steps": steps, "decay": "linear", **OWN.get(rule, {}), **given}
    return grid(instances, rule, seeds=seeds, **settings, **how)


def minimizer(p: Logistic, steps: int = 30) -> Tensor:
    """The real minimizer of each instance of logistic regression, float64 (C, d), by Newton's method."""
    a = p.a
    w = torch.zeros(*a.shape[:-2], p.d, dtype=a.dtype)
    for _ in range(steps):
        sigma = (a @ w.unsqueeze(-1)).sigmoid()
        hessian = a.mT @ (sigma * (1 - sigma) * a) / p.n
        w = w - torch.linalg.solve(hessian, p.gradient(w))
    return w


def rounding(kind: str, seeds: Sequence[int] = tuple(range(20)), **settings: Any) -> Tensor:
    """Relative gap of the rounded real minimizer, (seeds,): 0 where rounding finds the exact optimum."""
    p = problem(f"logistic-{kind}", seed=torch.as_tensor(seeds), **settings)
    w_Q = torch.where(minimizer(p) >= 0, 1.0, -1.0)
    losses = p.loss(w_Q.double())
    return torch.stack([best.gap(loss) for best, loss in zip(exact.each(p, k=1), losses, strict=True)])


def area(table: xr.Dataset, tolerance: float = 0.05) -> xr.DataArray:
    """Share of the configurations whose mean gap over the seeds is at most `tolerance`, for each rule: how much room a
    method leaves in step size, epsilon and noise. A diverged run counts as outside."""
    inside = table.gap.mean("seed", skipna=False) <= tolerance
    return inside.mean([dim for dim in inside.dims if dim != "rule"])
