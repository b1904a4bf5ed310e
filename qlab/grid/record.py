"""What is recorded of a block of runs, and the exact optimum that it is compared with."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from qlab import exact, metrics
from qlab.grid.loop import Block
from qlab.problems import Problem

VARIABLES = {
    "loss": "F(w), latent weights",
    "quantized_loss": "F(w_Q), deployed weights",
    "gap": "(F(w_Q) - F*) / |F*|, F* the exact optimum; F(w_Q) where F* = 0",
    "rank": "1 + number of configurations better than w_Q",
    "gradient_norm": "|dF/dw| over all samples, at what the network sees",
    "distance": "|w - w*|",
    "quantized_distance": "|w_Q - w*|",
    "grid_distance": "|w - w_Q| / |w|",
    "flips": "share of weights that change their level, per step",
    "sign_changes": "share of weights whose sign differs from the start's",
}
WINDOW = 20  # flips are counted over so many steps before a record
SECONDS = 5.0  # an exact search that takes longer is left out
Optimum = exact.Result | Sequence[exact.Result] | bool | None


def with_levels(problem: Problem, fixed: Mapping[str, Any]) -> Problem:
    """The problem on the grid of a stack, whose levels an exact search goes through."""
    changed = copy.copy(problem)
    changed.quantizer = {name: fixed[name] for name in ("bits", "family", "scale", "spacing") if name in fixed}
    return changed


def optima(problem: Problem, given: Optimum = None) -> list[exact.Result] | None:
    """The exact optimum of the problem, or of each of its instances; None without one: no fixed levels, too many
    configurations, or not wanted (False). A result that was computed before is taken, if it belongs here."""
    if given is False:
        return None
    if given is not None and given is not True:
        results = [given] if isinstance(given, exact.Result) else [*given]
        if len(results) != max(1, problem.instances):
            raise ValueError(f"{len(results)} optima for {max(1, problem.instances)} instances of {problem!r}")
        if not _belong(results, problem):
            raise ValueError(f"optimum= is that of another problem, instance or grid than {problem!r}; leave it out")
        return results
    lattice = problem.quantizer.get("family") == "lattice"
    if not lattice and problem.quantizer.get("scale") != "one":
        return None
    try:
        return exact.each(problem, k=1, limit=SECONDS)
    except ValueError:  # too many configurations, or a lattice without an end
        if given:
            raise
        return None


def _belong(results: list[exact.Result], problem: Problem) -> bool:
    """Whether results are of this problem: as many configurations, and the same losses at the weights they hold."""
    if any(r.best.shape != (problem.d,) for r in results):
        return False
    if problem.quantizer.get("family") != "lattice" and results[0].count != len(problem.levels) ** problem.d:
        return False
    w = torch.stack([r.best.double() for r in results])
    found = torch.tensor([r.optimum for r in results], dtype=torch.float64)
    return torch.allclose(problem.loss(w).reshape(-1), found, rtol=1e-6, atol=1e-9)


@torch.no_grad()
def record(
    block: Block, names: Sequence[str], best: list[exact.Result] | None, history: list[Tensor]
) -> dict[str, Tensor]:
    """{name: (configurations, seeds)}, float64, or (configurations, seeds, d) for "w" and "w_Q", of the runs as they
    are now: NaN where a run has diverged; and "alive", where it has not. history: the codes of the last steps."""
    problem, shape, w = block.problem, block.shape, block.w.double()
    w_Q = block.deployed().double()
    loss, quantized = problem.loss(w.view(shape)), problem.loss(w_Q.view(shape))
    out = {"loss": loss, "quantized_loss": quantized, "w": w, "w_Q": w_Q}
    out["flips"] = metrics.flips_per_step(torch.stack(history), runs=1)  # NaN at the start: a mean over no step
    if best is not None:
        out["gap"] = _each(best, quantized, "gap")
        out["rank"] = _each(best, quantized, "rank")
    if "gradient_norm" in names:
        out["gradient_norm"] = block.gradient(block.view()).double().norm(dim=-1)
    if problem.w_star is not None:
        target = problem.data("w_star", w)
        out["distance"] = (w.view(shape) - target).norm(dim=-1)
        out["quantized_distance"] = (w_Q.view(shape) - target).norm(dim=-1)
    out["grid_distance"] = metrics.distance_to_grid(w, w_Q, runs=1)
    out["sign_changes"] = metrics.sign_changes(block.start, block.w, runs=1)
    alive = loss.isfinite() & w.view(shape).isfinite().all(-1)
    kept = {}
    for name in (name for name in names if name in out):
        values = out[name].view(*shape[:2], -1)
        kept[name] = torch.where(alive.unsqueeze(-1), values, torch.nan).squeeze(-1) if name[0] != "w" else values
    return kept | {"alive": alive}


def _each(best: list[exact.Result], loss: Tensor, what: str) -> Tensor:
    """gap or rank of losses (configurations, seeds): one optimum for all seeds, or one for each."""
    columns = loss.split(1, dim=1) if len(best) > 1 else [loss]
    return torch.cat([getattr(b, what)(c).double() for b, c in zip(best, columns, strict=True)], dim=1)
