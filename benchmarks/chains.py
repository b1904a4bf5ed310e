"""Stochastic rounding on the three-well toy: samples per CPU second of qlab against a loop of torch scalars.

    python benchmarks/chains.py [--rounds 7] [--loop-steps 4000]

Both draw w+ = Q_s(w - step_size (F'(w) + noise z)) at step size 0.05, noise 3, spacing 0.5; qlab runs 1000 chains of
1000 steps, its random numbers drawn anew every round and counted in. The loop is what one writes first: 0-dim tensors,
one chain. It takes too long for 1e6 steps: its time is scaled from `--loop-steps`. A third line: the exact stationary
law, with no samples at all. One thread, CPU seconds of the process; all alternate round by round, the ratio is the
median over the rounds of loop / qlab in the same round. Before it is timed each is compared with the exact law.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

import torch

from qlab.experiments import wells as experiment
from qlab.problems import wells

STEP, NOISE, SPACING, START = 0.05, 3.0, 0.5, 4.0
CHAINS, STEPS = 1000, 1000
SAMPLES = CHAINS * STEPS


def loop(steps: int, seed: int) -> torch.Tensor:
    """The levels visited by one chain, a torch scalar at a time: (steps,), counted in spacings."""
    generator = torch.Generator().manual_seed(seed)
    w, seen = torch.tensor(START), torch.empty(steps)
    for t in range(steps):
        centre = wells.CENTRES[int(w >= wells.BORDERS[0]) + int(w >= wells.BORDERS[1])]
        g = 2 * (w - centre) + NOISE * torch.randn((), generator=generator)
        v = (w - STEP * g) / SPACING
        low = torch.floor(v)
        w = SPACING * (low + (torch.rand((), generator=generator) < v - low))
        seen[t] = w / SPACING
    return seen


def stacked(seed: int) -> experiment.Simulation:
    return experiment.simulate(
        "sr", step_size=STEP, noise=NOISE, start=START, spacing=SPACING, iterations=STEPS, runs=CHAINS, seed=seed
    )


def exact() -> experiment.Law:
    return experiment.stationary(step_size=STEP, noise=NOISE, spacing=SPACING)


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def check(steps: int) -> None:
    """Both sample the exact law: qlab to a total variation of 0.01, the short loop to 0.2 (it is one chain)."""
    law = exact()
    apart = experiment.distance(stacked(0).law, law)
    codes, counts = loop(steps, 0).long().unique(return_counts=True)
    share = torch.zeros_like(law.share)
    share[codes - round(float(law.levels[0]) / SPACING)] = counts.double() / steps
    rough = experiment.distance(experiment.Law(law.levels, share), law)
    if apart > 0.01 or rough > 0.2:
        raise RuntimeError(f"not the same chain: total variation {apart:.3f} and {rough:.3f} from the exact law")
    print(f"total variation from the exact law: qlab {apart:.4f} (1e6 samples), loop {rough:.3f} ({steps} samples)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--loop-steps", type=int, default=4000)
    given = parser.parse_args()
    torch.set_num_threads(1)
    check(given.loop_steps)
    names = ("qlab, 1000 chains", "qlab, exact law")
    ratios: dict[str, list[float]] = {name: [] for name in names}
    spent: dict[str, list[float]] = {name: [] for name in names}
    for number in range(given.rounds + 1):  # the first round warms up; each has its own seed, so nothing is cached
        base = seconds(lambda n=number: loop(given.loop_steps, n)) * SAMPLES / given.loop_steps
        for name, work in zip(names, (lambda n=number: stacked(n + 1), exact), strict=True):
            took = seconds(work)
            if number:
                ratios[name].append(base / took)
                spent[name].append(took)
    print(f"1e6 samples, a loop of torch scalars / qlab; 1 thread; load average {os.getloadavg()[0]:.1f}")
    for name, values in ratios.items():
        took = f"{1e3 * statistics.median(spent[name]):.2f} ms"
        print(f"{name:18s} {statistics.median(values):8.0f}  ({min(values):.0f} .. {max(values):.0f})   {took}")
    print(f"(the loop's time is scaled from {given.loop_steps} steps to 1e6)")


if __name__ == "__main__":
    main()
