"""Two moons: two half circles of radius 1 that reach into each other."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from qlab.data.dataset import Dataset
from qlab.uniforms import normal, uniform


def moons(
    n: int,
    *,
    noise: float = 0.2,
    seed: int | Tensor = 0,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, Tensor]:
    """n points of the plane and their class, alternately 0 and 1:

        class 0: (cos t, sin t),   class 1: (1 - cos t, 1/2 - sin t),   t = pi u,   plus noise z

    with u uniform and z standard normal. Returns points (n, 2) and labels int64 (n,). A seed of shape (runs,) gives
    points (runs, n, 2), run i those of seed[i] alone; the labels are shared.

    Raises ValueError for n < 2 or noise < 0.
    """
    if n < 2:
        raise ValueError(f"n={n!r}; allowed: at least 2 points, one of each class")
    if not noise >= 0:
        raise ValueError(f"noise={noise!r}; allowed: a standard deviation >= 0")
    t = math.pi * uniform(seed, 0, 0, (n,), stream="data", device=device, dtype=dtype)
    label = torch.arange(n, device=t.device) % 2
    x = torch.where(label == 0, t.cos(), 1 - t.cos())
    y = torch.where(label == 0, t.sin(), 0.5 - t.sin())
    z = normal(seed, 0, 0, (n, 2), stream="noise", device=device, dtype=dtype)
    return torch.stack((x, y), dim=-1) + noise * z, label


def moons_dataset(n: int = 2000, *, noise: float = 0.2, seed: int = 0) -> Dataset:
    """Features float (n, 2): the first half for training, a quarter each for validation and test."""
    points, labels = moons(n, noise=noise, seed=seed)
    rows, half, quarter = torch.arange(n), n // 2, n // 4
    splits = {"train": rows[:half], "validation": rows[half : half + quarter], "test": rows[half + quarter :]}
    provenance = {"source": "computed: two moons", "n": n, "noise": noise, "seed": seed}
    return Dataset.of("two moons", points, labels, ["upper moon", "lower moon"], splits, provenance)
