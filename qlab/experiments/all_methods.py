"""Every method of the library on S0's tasks I and II, each at its own tuned step size, against the exact optimum.

    python -m qlab.experiments.all_methods [planted] [hard] [moons]

The instances, batches and length of a run are those of `exact_tasks` (lesson 13), which compares S0's own methods at
one step size. S0 prints no constants: here the step size, whose fall to 0 is a cosine, is chosen for each method by
`tune` on other seeds; the methods' own numbers are `OWN`, the same for all tasks. Levels ±1.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qlab.experiments import exact_tasks
from qlab.methods import METHODS

if TYPE_CHECKING:
    import xarray as xr

OWN: dict[str, dict[str, Any]] = {
    "proxquant": {"reg": 0.03, "schedule": "linear", "hard_after": 2 / 3},
    "binaryrelax": {"relax_rate": 1.01},
    "parq": {"steepness": 30.0},
    "md": {"beta_rate": 1.01},
    "bop": {"adaptivity": 0.01},
    "dampening": {"damping": 0.01, "schedule": "cosine"},
    "freezing": {"schedule": "cosine"},
    "mj": {"anneal": "geometric"},
    "askew": {"anneal": "geometric"},
    "askew-modified": {"anneal": "geometric"},
    "sgda": {"anneal": "geometric", "dual_step": 0.03},
}
"""The numbers of the methods that are not those of `exact_tasks.settings` or the defaults."""

STEP_SIZES = (0.03, 0.1, 0.3, 1.0, 3.0)
THRESHOLDS = (0.0003, 0.001, 0.003, 0.01, 0.03)  # of bop, which has no step size
TUNING, SEEDS = tuple(range(100, 110)), tuple(range(10))
_CHOSEN: dict[str, dict[float, str]] = {
    "planted": {
        0.01: "bop",
        0.03: "r",
        0.1: "full bc bc-stochastic ste bcgd mj askew askew-modified sgda proxquant binaryrelax parq md dampening",
        1.0: "sr",
        3.0: "pgd freezing",
    },
    "hard": {
        0.03: "bop",
        1.0: "bc ste bcgd mj askew askew-modified parq md dampening",
        3.0: "full bc-stochastic r sr pgd sgda proxquant binaryrelax freezing",
    },
    "moons": {
        0.003: "bop",
        0.1: "ste",
        0.3: "binaryrelax parq md freezing",
        1.0: "bc-stochastic proxquant",
        3.0: "full bc r sr pgd bcgd mj askew askew-modified sgda dampening",
    },
}
CHOSEN = {task: {r: x for x, rules in table.items() for r in rules.split()} for task, table in _CHOSEN.items()}
"""What `tune` chose: the step size; for bop the threshold."""


def _varied(rule: str, value: Any) -> dict[str, Any]:
    return {**OWN.get(rule, {}), "threshold" if rule == "bop" else "step_size": value}


def tune(kind: str, rule: str, seeds: Sequence[int] = TUNING) -> float:
    """The step size (bop: the threshold) with the smallest mean gap at the end; a diverged run rules it out."""
    values = THRESHOLDS if rule == "bop" else STEP_SIZES
    gap = exact_tasks.run(kind, [rule], seeds, measure=["gap"], **_varied(rule, values))[rule].gap
    mean = gap.mean("seed", skipna=False)
    return float(mean.idxmin())


def run(kind: str, rules: Sequence[str] = tuple(METHODS), seeds: Sequence[int] = SEEDS, **more: Any) -> xr.Dataset:
    """Each method at its chosen step size, an instance per seed: the variables of `qlab.grid` over rule and seed.

    `full`'s quantized loss is post-training quantization. more: as in `exact_tasks.run`, e.g. every=10.
    """
    import xarray as xr

    ran = [exact_tasks.run(kind, [r], seeds, **{**_varied(r, CHOSEN[kind][r]), **more})[r] for r in rules]
    return xr.concat(ran, xr.Variable("rule", [*rules]), combine_attrs="drop").assign_attrs(
        task=kind, diverged=sum(one.attrs["diverged"] for one in ran)
    )


def table(found: xr.Dataset) -> str:
    """One line per method: gap (mean, largest), how often exactly optimal, the losses, the gradient norm."""
    lines = [f"{'method':16s} {'gap':>7s} {'largest':>8s} {'optimal':>8s} {'F(w)':>8s} {'F(w_Q)':>8s} {'|g|':>7s}"]
    seeds = found.sizes["seed"]
    for rule in found.rule.values:
        one = found.sel(rule=rule)
        gap, hits = 100 * one.gap, int((one["rank"] == 1).sum())
        means = [float(one[name].mean()) for name in ("loss", "quantized_loss", "gradient_norm")]
        lines.append(
            f"{rule:16s} {float(gap.mean()):6.1f}% {float(gap.max()):7.1f}% {hits:5d}/{seeds}"
            f" {means[0]:8.3f} {means[1]:8.3f} {means[2]:7.3f}"
        )
    return "\n".join(lines)


def main(kinds: Sequence[str]) -> None:
    for kind in kinds or [*exact_tasks.KINDS]:
        found = run(kind)
        sys.stdout.write(
            f"{exact_tasks.KINDS[kind]}, {found.sizes['seed']} instances, {found.attrs['diverged']} diverged"
        )
        sys.stdout.write(f"\n{table(found)}\n\n")


if __name__ == "__main__":
    main(sys.argv[1:])
