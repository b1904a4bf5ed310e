"""Exhaustive search: configurations per CPU second of `qlab.exact` against the naive loop.

    python benchmarks/exact.py [--rounds 5] [--weights 20] [--samples 200]

The naive loop takes itertools.product and one forward each; it is run on 2^13 of the 2^20 configurations. qlab searches
all of them, keeps the ten best and sorts all losses. One thread, CPU seconds of the process, the two alternate round by
round; the ratio is the median over the rounds of qlab / naive in the same round.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from qlab import exact
from qlab.problems.linear import Logistic
from qlab.problems.moons import Moons

TRIED = 2**13


def logistic_loop(problem: Logistic) -> float:
    """Configurations per CPU second of one matrix product and one softplus each, in float32."""
    z = (-problem.y[:, None] * problem.x).float()
    return loop(problem.d, lambda w: torch.nn.functional.softplus(z @ w).mean())


def net_loop(problem: Moons) -> float:
    """The same for the net: two matrix products, a ReLU and a softplus."""
    x, y, h = problem.x.float(), problem.y.float(), problem.sizes[1]

    def loss(w: Tensor) -> Tensor:
        hidden = torch.relu(x @ w[: 2 * h].view(h, 2).T + w[2 * h : 3 * h])
        return torch.nn.functional.softplus(-y * (hidden @ w[3 * h : 4 * h] + w[4 * h])).mean()

    return loop(problem.d, loss)


def loop(d: int, loss: Callable[[Tensor], Tensor]) -> float:
    best, start = float("inf"), time.process_time()
    for configuration in itertools.islice(itertools.product((-1.0, 1.0), repeat=d), TRIED):
        best = min(best, float(loss(torch.tensor(configuration))))
    return TRIED / (time.process_time() - start)


def fast(problem: Logistic | Moons) -> float:
    start = time.process_time()
    found = exact.exhaustive(problem)
    return found.count / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--weights", type=int, default=20)
    parser.add_argument("--samples", type=int, default=200)
    given = parser.parse_args()
    torch.set_num_threads(1)
    logistic = Logistic("hard", d=given.weights, n=given.samples)
    net = Moons(4, n=given.samples, bias=True)
    ratios: dict[str, list[float]] = {}
    speeds: dict[str, list[float]] = {}
    for number in range(given.rounds + 1):  # the first round warms up
        pairs = {
            f"logistic regression, {logistic.d} weights": (logistic_loop(logistic), fast(logistic)),
            f"two-layer net, {net.d} weights": (net_loop(net), fast(net)),
        }
        for name, (slow, quick) in pairs.items():
            if number:
                ratios.setdefault(name, []).append(quick / slow)
                speeds.setdefault(name, []).append(quick)
    print(f"configurations per CPU second against the naive loop; 1 thread; load average {os.getloadavg()[0]:.1f}")
    for name, values in ratios.items():
        spread = f"({min(values):.0f} .. {max(values):.0f})"
        print(
            f"{name:34s} {statistics.median(values):6.0f} {spread:16s} {statistics.median(speeds[name]):.2g} per second"
        )


if __name__ == "__main__":
    main()
