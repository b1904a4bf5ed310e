"""Blending on three scales: one weight, random quadratics, and a network on digits with quantized activations (S2).

One weight     f(w) = (w - 0.1)²/2 on the levels {-1, -1/3, 1/3, 1}: four starts, any blend and step
Quadratics     f(w) = (w - b)'A(w - b)/2 on {-1, +1}^d, largest eigenvalue 1: all 2^d points are known
Digits         64 - 32 - 10, weights of `bits` bits, activations of 4: one stack of blends times seeds
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from qlab import data, uniforms
from qlab.data.loader import Loader, normalise
from qlab.devices import device as find_device
from qlab.models import MLP
from qlab.optim import QuantOptimizer, groups
from qlab.quantizers import QuantReLU

# ------------------------------------------------------------------------------------------------------- one weight

CENTRE = 0.1
LEVELS = np.array([-1.0, -1 / 3, 1 / 3, 1.0])
BORDERS = (LEVELS[1:] + LEVELS[:-1]) / 2
STARTS = (0.9, 0.2, -0.2, -0.9)
BEST = int(np.abs(LEVELS - CENTRE).argmin())
OSCILLATES = -1


def loss(w: np.ndarray | float) -> np.ndarray:
    """f(w) = (w - 0.1)²/2, L = 1."""
    return np.square(np.asarray(w) - CENTRE) / 2


def slope(w: np.ndarray | float) -> np.ndarray:
    """f'(w) = w - 0.1."""
    return np.asarray(w) - CENTRE


@dataclass(frozen=True)
class Trace:
    """latent (T+1, ...): w_f before each step and after the last; level (T+1, ...): the number of its level, 0 to 3."""

    latent: np.ndarray
    level: np.ndarray

    @property
    def ends(self) -> np.ndarray:
        """The level on which each run rests over its last quarter; OSCILLATES (-1) where it flips in that time."""
        late = self.level[3 * len(self.level) // 4 :]
        return np.where((late == late[-1]).all(0), late[-1], OSCILLATES)

    @property
    def flips(self) -> np.ndarray:
        """Flips per step over the second half."""
        late = self.level[len(self.level) // 2 :]
        return (late[1:] != late[:-1]).mean(0)

    @property
    def loss(self) -> np.ndarray:
        """Mean loss of the deployed weight over the second half. (Not the loss of its mean.)"""
        return loss(LEVELS[self.level[len(self.level) // 2 :]]).mean(0)


def simulate(rho: np.ndarray | float, step_size: float, start: np.ndarray | float, iterations: int) -> Trace:
    """w_f+ = (1 - rho) w_f + rho w - step f'(w), w the level nearest to w_f (between -1/3 and 1/3: to 1/3).

    rho and start broadcast; equal to `qlab.step("bcgd", ...)` on the grid dorefa, 2 bits, scale 1.
    """
    rho, w_f = np.broadcast_arrays(np.asarray(rho, dtype=np.float64), np.asarray(start, dtype=np.float64))
    w_f = w_f.copy()
    latent, level = np.empty((iterations + 1, *w_f.shape)), np.empty((iterations + 1, *w_f.shape), dtype=np.int64)
    pull = (np.multiply.outer(LEVELS, rho) - step_size * slope(LEVELS).reshape(4, *[1] * rho.ndim)).ravel()
    keep, run = 1 - rho, np.arange(w_f.size).reshape(w_f.shape)
    for t in range(iterations + 1):
        latent[t], at = w_f, level[t]
        # ties go away from zero: downwards at -2/3, upwards at 0 and 2/3
        np.add(w_f > BORDERS[0], w_f >= BORDERS[1], out=at, dtype=np.int64)
        at += w_f >= BORDERS[2]
        w_f *= keep
        w_f += pull.take(at * w_f.size + run)
    return Trace(latent, level)


# ------------------------------------------------------------------------------------------------------- quadratics


@dataclass(frozen=True)
class Descended:
    """One setting on a stack of random quadratics; every tensor (seeds,), float64.

    gap: mean over the second half of f(w) - min f over {-1, +1}^d; best: the smallest one met; rises: steps in which f
    rose; flips: steps in which w changed.
    """

    gap: Tensor
    best: Tensor
    rises: Tensor
    flips: Tensor


def quadratics(seeds: Sequence[int], d: int = 10, condition: float = 50.0) -> tuple[Tensor, Tensor, Tensor]:
    """A (seeds, d, d), eigenvalues 1/condition to 1 in random directions; b and the start w_f, uniform in [-1, 1]."""
    seed = torch.tensor(list(seeds))
    basis = torch.linalg.qr(uniforms.normal(seed, 0, 0, (d, d), stream="data", dtype=torch.float64)).Q
    eigenvalues = torch.logspace(0, -np.log10(condition), d, dtype=torch.float64)
    a = basis * eigenvalues @ basis.mT
    b, start = (2 * uniforms.uniform(seed, 0, i, (d,), stream="data", dtype=torch.float64) - 1 for i in (1, 2))
    return a, b, start


def descend(seeds: Sequence[int], *, rho: float, step_size: float, iterations: int = 1500, d: int = 10) -> Descended:
    """Blended gradient descent on the quadratics of `seeds`, levels ±1, exact gradients."""
    a, b, w_f = quadratics(seeds, d)

    points = ((torch.arange(2**d).unsqueeze(1) >> torch.arange(d)) & 1).double() * 2 - 1
    x = points - b.unsqueeze(1)
    least = ((x @ a * x).sum(-1) / 2).min(-1).values
    losses, w = [], torch.where(w_f >= 0, 1.0, -1.0).double()
    flips = torch.zeros(len(seeds), dtype=torch.float64)
    for _ in range(iterations):
        g = (a @ (w - b).unsqueeze(-1)).squeeze(-1)
        losses.append((g * (w - b)).sum(-1) / 2)
        w_f = (1 - rho) * w_f + rho * w - step_size * g
        last, w = w, torch.where(w_f >= 0, 1.0, -1.0).double()
        flips += (last != w).any(-1)
    f = torch.stack(losses) - least
    return Descended(f[len(f) // 2 :].mean(0), f.min(0).values, (f.diff(dim=0) > 1e-12).double().sum(0), flips)


# ----------------------------------------------------------------------------------------------------------- digits


@dataclass(frozen=True)
class Trained:
    """Of each blend and seed, (blends, seeds): test accuracy of the deployed weights, share that flips in a step."""

    accuracy: Tensor
    flips: Tensor


def train(
    blends: Sequence[float],
    seeds: Sequence[int],
    *,
    bits: int = 1,
    act_bits: int = 4,
    steps: int = 300,
    step_size: float = 0.1,
    batch: int = 32,
    device: str = "auto",
) -> Trained:
    """BCGD with each blend (0: BinaryConnect) and seed, all in one stack; the resolution learns with 0.01 step_size.

    The step falls to a tenth for the last third, as in S2. Every blend sees the same start and the same batches.
    """
    place = find_device(device)
    seed = torch.tensor(list(seeds)).repeat(len(blends))
    rho = torch.tensor(list(blends), dtype=torch.float64).repeat_interleave(len(seeds))
    runs, dataset = len(seed), data.load("digits").to(place)
    resolution = torch.full((runs, 1, 1), 4 / (2**act_bits - 1))
    model = MLP((64, 32, 10), runs=runs, seed=seed, act=lambda: QuantReLU(act_bits, resolution)).to(place)
    loader = Loader(dataset, batch, seed=seed, drop_last=True)
    slow = {"*resolution": {"lr": 0.01 * step_size}}
    chosen = groups(model, "bcgd", first_last=True, quiet=True, bits=bits, rho=rho, apart=slow)
    opt = QuantOptimizer(chosen, "bcgd", lr=step_size, runs=runs)
    falls = torch.optim.lr_scheduler.MultiStepLR(opt, [2 * steps // 3], gamma=0.1)

    def codes() -> Tensor:
        return torch.cat([c.flatten(1) for c, _ in opt.codes().values()], 1)

    before, flips = codes(), torch.zeros(runs, dtype=torch.float64, device=place)
    for t in range(steps):
        x, y = loader.batch(t)
        logits = functional_call(model, opt.weights(), (x.flatten(2),))
        opt.zero_grad()
        (F.cross_entropy(logits.flatten(0, 1), y.flatten()) * runs).backward()
        opt.step()
        falls.step()
        after = codes()
        flips, before = flips + (after != before).double().mean(1), after
    with torch.no_grad():
        images, labels = dataset.part("test")
        x = normalise(images, dataset.mean, dataset.std, torch.float32).flatten(1)
        right = functional_call(model, opt.quantized(), (x,)).argmax(-1) == labels
    shape = len(blends), len(seeds)
    return Trained(right.double().mean(1).cpu().view(shape), (flips / steps).cpu().view(shape))


def curvature(seeds: Sequence[int], iterations: int = 20, device: str = "auto") -> Tensor:
    """(seeds,): a lower bound on L of the training loss of the same network with ReLU: |largest Hessian eigenvalue| at
    the quantized start, by power iteration on the quantized weights."""
    place, seed = find_device(device), torch.tensor(list(seeds))
    dataset = data.load("digits").to(place)
    model = MLP((64, 32, 10), runs=len(seed), seed=seed).to(place)
    opt = QuantOptimizer(groups(model, "bcgd", first_last=True, quiet=True), "bcgd", runs=len(seed))
    images, labels = dataset.part("train")
    x = normalise(images, dataset.mean, dataset.std, torch.float32).flatten(1)
    weights = {name: w.requires_grad_() for name, w in opt.quantized().items()}
    chosen = [w for name, w in weights.items() if name.endswith("weight")]
    logits = functional_call(model, weights, (x,))
    y = labels.expand(len(seed), -1)
    total = F.cross_entropy(logits.flatten(0, 1), y.flatten()) * len(seed)
    slopes = torch.autograd.grad(total, chosen, create_graph=True)
    v = [uniforms.normal(seed, 0, i, w.shape[1:], stream="data").to(place) for i, w in enumerate(chosen)]
    size = torch.ones(len(seed))
    for _ in range(iterations):
        norm = torch.stack([(u * u).flatten(1).sum(1) for u in v]).sum(0).sqrt().view(-1, 1, 1)
        v = list(torch.autograd.grad(slopes, chosen, [u / norm for u in v], retain_graph=True))
        size = torch.stack([(u * u).flatten(1).sum(1) for u in v]).sum(0).sqrt()
    return size.double().cpu()
