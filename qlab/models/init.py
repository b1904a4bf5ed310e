"""Kaiming initialization from the counter-based numbers: a pure function of (seed, layer), no generator."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from qlab.uniforms import normal


def seeds_of(seed: int | Tensor, runs: int) -> int | Tensor:
    """The seed of each member of a stack: (runs,) as given, or seed, seed + 1, ... for one number."""
    if isinstance(seed, Tensor) and seed.dim() == 1:
        if seed.shape != (runs,):
            raise ValueError(
                f"seed has shape {tuple(seed.shape)}; a stack of runs={runs} takes one number or ({runs},)"
            )
        return seed
    return int(seed) + torch.arange(runs) if runs else int(seed)


def kaiming(seed: int | Tensor, number: int, shape: tuple[int, ...]) -> Tensor:
    """w ~ N(0, 2 / fan_in), fan_in = shape[1] · shape[2] · ...: He et al. 2015, for layers before a ReLU.

    `shape` is that of one run; a `seed` of shape (runs,) gives (runs, *shape), member i equal to that of seed[i] alone.
    """
    fan_in = math.prod(shape[1:])
    return normal(seed, 0, number, shape, stream="init") * math.sqrt(2.0 / fan_in)


@torch.no_grad()
def initialize(model: nn.Module, seed: int) -> None:
    """Kaiming weights and zero biases for the convolutions and linear layers of one run, in order of appearance."""
    layers = (m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear))
    for number, layer in enumerate(layers):
        layer.weight.copy_(kaiming(seed, number, tuple(layer.weight.shape)))
        if layer.bias is not None:
            layer.bias.zero_()
