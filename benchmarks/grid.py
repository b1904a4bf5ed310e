"""A grid of runs: qlab.grid against the loop one writes, an nn.Module trained by autograd for each configuration.

    python benchmarks/grid.py [--rounds 5] [--runs 100] [--steps 200]

Both train every configuration (step size x seed) of a problem, full batch. One thread, CPU seconds of the process; the
two alternate round by round, and the ratio is the median over the rounds of loop / grid in the same round. The loop
trains a tenth of the configurations and counts tenfold. Rows: logistic regression (d = 20, n = 1000), two moons with
n = 200 (the net 2-3-1 of the lessons, and 2-16-16-1), with BinaryConnect and ASkewSGD.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from qlab.grid import grid
from qlab.problems import Problem, problem

EPS_HAT, PUSH = 0.5, 1.0


def bc(w: Tensor, g: Tensor, lr: float) -> Tensor:
    return w - lr * g


def askew(w: Tensor, g: Tensor, lr: float) -> Tensor:
    """As in the authors' notebook, levels ±1."""
    psi, slope = EPS_HAT - (w**2 - 1) ** 2, -4 * w * (w**2 - 1)
    push = -PUSH * psi / torch.where(slope == 0, torch.ones_like(slope), slope)
    free = (psi >= 0) | (-slope * g >= -PUSH * psi)
    return w + lr * torch.where(free, -g, push.clamp(-5, 5))


class Network(nn.Module):
    """x -> linear -> relu -> ... -> linear, no bias: one layer is logistic regression."""

    def __init__(self, sizes: tuple[int, ...], w: Tensor):
        super().__init__()
        self.sizes, self.layers = sizes, nn.ModuleList()
        for i, o in pairwise(sizes):
            layer = nn.Linear(i, o, bias=False)
            layer.weight.data = w[: i * o].view(o, i).clone()
            w = w[i * o :]
            self.layers.append(layer)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = layer(x).relu()
        return self.layers[-1](x).squeeze(-1)


def loop(p: Problem, sizes: tuple[int, ...], rule: str, lrs: list[float], seeds: int, steps: int) -> list[float]:
    """The final quantized losses, one configuration after the other."""
    x, y, out = p.x.float(), p.y.float(), []
    loss, update = nn.SoftMarginLoss(), {"bc": bc, "askew": askew}[rule]
    for lr in lrs:
        for seed in range(seeds):
            net = Network(sizes, p.start(seed))
            params = list(net.parameters())
            latent = [q.detach().clone() for q in params]
            for _ in range(steps):
                for q, w in zip(params, latent, strict=True):
                    q.data = torch.where(w >= 0, 1.0, -1.0) if rule == "bc" else w
                grads = torch.autograd.grad(loss(net(x), y), params)
                latent = [update(w, g, lr) for w, g in zip(latent, grads, strict=True)]
            for q, w in zip(params, latent, strict=True):
                q.data = torch.where(w >= 0, 1.0, -1.0)
            out.append(loss(net(x), y).item())
    return out


def stacked(p: Problem, rule: str, lrs: list[float], seeds: int, steps: int) -> list[float]:
    own = {"eps_hat": EPS_HAT, "push": PUSH} if rule == "askew" else {}
    table = grid(p, rule, step_size=lrs, seeds=seeds, steps=steps, measure=["quantized_loss"], **own)
    return table.quantized_loss.values.ravel().tolist()


def seconds(work: Callable[[], list[float]]) -> tuple[float, list[float]]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--steps", type=int, default=200)
    given = parser.parse_args()
    torch.set_num_threads(1)
    seeds, few = 10, max(1, given.runs // 100)
    lrs = torch.logspace(-2, 0, given.runs // seeds).tolist()
    tasks = {
        "logistic regression": (problem("logistic-planted", d=20, n=1000), (20, 1)),
        "two moons 2-3-1": (problem("moons", hidden=3, n=200), (2, 3, 1)),
        "two moons 2-16-16-1": (problem("moons", hidden=(16, 16), n=200), (2, 16, 16, 1)),
    }
    what = f"{given.runs} runs x {given.steps} steps, loop / grid in CPU seconds"
    print(f"{what}; 1 thread; load average {os.getloadavg()[0]:.1f}")
    for name, (p, sizes) in tasks.items():
        for rule in ("bc", "askew"):
            ratios, apart = [], 0
            for number in range(given.rounds + 1):  # the first round warms up
                ours, all_losses = seconds(partial(stacked, p, rule, lrs, seeds, given.steps))
                theirs, losses = seconds(partial(loop, p, sizes, rule, lrs[:few], seeds, given.steps))
                share = len(losses) / len(all_losses)
                apart = sum(abs(a - b) > 1e-5 for a, b in zip(losses, all_losses, strict=False))
                if number:
                    ratios.append(theirs / share / ours)
            print(
                f"{name:22s} {rule:6s} {statistics.median(ratios):6.1f}  ({min(ratios):.1f} .. {max(ratios):.1f})"
                f"   {apart} of {len(losses)} final losses differ"
            )


if __name__ == "__main__":
    main()
