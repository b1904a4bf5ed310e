"""`grid`: every combination of settings, trained as stacks, as one labelled table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from qlab.grid.loop import DECAYS, Block
from qlab.grid.plan import Stack, plan, seeds_of, slugs
from qlab.grid.record import VARIABLES, WINDOW, Optimum, optima, record, with_levels
from qlab.grid.table import Table
from qlab.problems import Problem
from qlab.problems import problem as problem_of
from qlab.quantizers import checks

if TYPE_CHECKING:
    import xarray as xr

CACHE = 2**21
"""So many activations of a block are in use at once: 8 MB in float32, a share of a core's last cache."""
LOOP = {"step_size": True, "noise": True, "batch": False, "decay": False}  # True: a number, may vary within a stack


def grid(
    problem: str | Problem,
    rule: Any = "bc",
    *,
    seeds: int | Sequence[int] | Tensor = 10,
    steps: int = 200,
    step_size: Any = 0.1,
    base: Any = "sgd",
    noise: Any = None,
    batch: Any = 0,
    decay: Any = "constant",
    start: Tensor | None = None,
    every: int | None = None,
    measure: Sequence[str] = tuple(VARIABLES),
    weights: bool = False,
    optimum: Optimum = None,
    dtype: torch.dtype = torch.float32,
    progress: Callable[[int, int], None] | None = None,
    **settings: Any,
) -> xr.Dataset:
    """Trains every combination of the settings that are given as lists, each with every seed: an `xarray.Dataset` with
    a dimension for each of them and `seed`, and, with `every`, `step`.

        qlab.grid("moons", "askew", step_size=[.01, .1, 1], eps_hat=[.1, .5], free_phase=.5, seeds=10, steps=300)

    problem     a slug of `PROBLEMS` or a Problem; one with C instances needs C seeds, instance i going with seed i
    rule        the method's slug, or several; a setting that one of them does not have leaves its results as they are
    settings    of `QuantOptimizer`: bits (default: the problem's grid), the method's and base's numbers, its options
    seeds       how many, or which: they decide start, batches, noise and rounding, alike for all combinations
    batch       samples per step, drawn without replacement within an epoch; 0: all
    noise       standard deviation of normal noise on each entry of the gradient (default: the problem's)
    decay       of the step size over the run: "constant", "linear", "cosine"
    start       (d,) or (seeds, d): where the runs start (default: `problem.start`)
    every       also record at steps 0, every, 2 every, ...; the last step is always recorded
    measure     names of `grid.VARIABLES`; weights: also w and w_Q; optimum: a result of `qlab.exact` made before, None:
                searched if that is quick, False: none
    progress    called with (runs done, runs in all)

    Variables are float64 (losses of deployed weights are evaluated in it). A run that diverges is NaN in all of them;
    attrs["diverged"] counts them. Raises ValueError for unknown and impossible settings before anything is trained.
    """
    problem, seeds = problem_of(problem), seeds_of(seeds)
    loop = {"step_size": step_size, "noise": problem.noise if noise is None else noise, "batch": batch, "decay": decay}
    given = {"rule": slugs(rule), "base": base, **loop, **problem.quantizer, **settings}
    dims, stacks = plan(given, LOOP)
    _check(problem, seeds, steps, every, measure, dims.get("batch", [batch]), dims.get("decay", [decay]))
    at, begin = _records(steps, every), _start(problem, seeds, start, dtype)
    names = [*measure, *(("w", "w_Q") if weights else ())]
    table = Table(dims, seeds.tolist(), at, problem.d)
    blocks = [[*_blocks(stack, problem, seeds, begin, steps)] for stack in stacks]  # all settings are checked here
    best = _optima(problem, stacks, optimum if {"gap", "rank"} & {*measure} else False)
    done, total, diverged = 0, sum(map(len, stacks)) * len(seeds), 0
    for stack, own, optimal in zip(stacks, blocks, best, strict=True):
        parts = []
        for block in own:
            parts.append(_trained(block, at, names, optimal))
            done += block.shape[0] * len(seeds)
            if progress is not None:
                progress(done, total)
        values = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        diverged += int((~values.pop("alive")[..., -1]).sum())
        table.write(values, stack)
    fixed = {name: value for name, value in given.items() if name not in dims}
    described = {name: value if isinstance(value, str | int) else float(value) for name, value in fixed.items()}
    attrs = {"problem": repr(problem), "steps": steps, "runs": total, "diverged": diverged, **described}
    return table.dataset(attrs, every is not None)


def _optima(problem: Problem, stacks: list[Stack], given: Optimum) -> list[Any]:
    """The exact optimum on the grid of each stack, searched once for each grid."""
    found: dict[str, Any] = {}
    grids = [with_levels(problem, stack.fixed) for stack in stacks]
    keys = [repr(on.quantizer) for on in grids]
    if given not in (None, True, False) and len({*keys}) > 1:
        raise ValueError(f"one optimum for {len({*keys})} grids, {' and '.join(sorted({*keys}))}; leave it out")
    for stack, on, key in zip(stacks, grids, keys, strict=True):
        if key not in found:
            found[key] = optima(on, False if "spacing" in stack.numbers else given)
    return [found[key] for key in keys]


def _blocks(stack: Stack, problem: Problem, seeds: Tensor, start: Tensor, steps: int) -> Iterator[Block]:
    """The configurations of a stack in blocks whose activations stay in the cache, each with all seeds."""
    fixed, columns = dict(stack.fixed), stack.columns()
    work = problem.activations(int(fixed["batch"]) or problem.n) * len(seeds)
    size = max(1, CACHE // work)
    count = -(-len(stack) // size)  # blocks of equal size
    for part in torch.arange(len(stack)).tensor_split(count):
        settings = {**fixed, **{name: column[part] for name, column in columns.items()}}
        lr = settings.pop("step_size")
        yield Block(problem, seeds, len(part), lr=lr, steps=steps, start=start, **settings)


def _trained(block: Block, at: list[int], names: Sequence[str], best: Any) -> dict[str, Tensor]:
    """{name: (configurations, seeds, records[, d])} of a block trained to the last record."""
    records = []
    for now in at:
        while block.t < now - WINDOW:
            block.step()
        history = [block.codes()]
        while block.t < now:
            block.step()
            history.append(block.codes())
        records.append(record(block, names, best, history))
    return {name: torch.stack([r[name] for r in records], dim=2) for name in records[0]}


def _records(steps: int, every: int | None) -> list[int]:
    return [steps] if every is None else [*range(0, steps, every), steps]


def _start(problem: Problem, seeds: Tensor, start: Tensor | None, dtype: torch.dtype) -> Tensor:
    if start is None:
        return problem.start(seeds, dtype)
    if start.shape not in ((problem.d,), (len(seeds), problem.d)):
        raise ValueError(
            f"start has shape {tuple(start.shape)}; allowed: ({problem.d},) or ({len(seeds)}, {problem.d})"
        )
    return start.to(dtype).expand(len(seeds), problem.d)


def _check(
    problem: Problem, seeds: Tensor, steps: int, every: int | None, measure: Sequence[str], batches: list, decays: list
) -> None:
    """ValueError or TypeError for what cannot be run, before anything is."""
    checks.count(steps, "steps")
    if every is not None:
        checks.count(every, "every")
    for name in measure:
        checks.choice(name, "measure", VARIABLES)
    for decay in decays:
        checks.choice(decay, "decay", DECAYS)
    if problem.instances not in (0, len(seeds)):
        raise ValueError(f"{len(seeds)} seeds for {problem!r}; allowed: as many seeds as instances")
    for batch in batches:
        if batch and not (isinstance(batch, int) and 0 < batch <= problem.n):
            raise ValueError(f"batch={batch!r}; allowed: 0 (all samples), or 1 to {problem.n} of {problem!r}")
