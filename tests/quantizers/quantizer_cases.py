"""What the tests of the quantizers share: random tensors with ties and zeros, the list of bounded grids, ulps."""

from __future__ import annotations

import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch import Tensor

from qlab.quantizers import Grid

few = settings(max_examples=25, deadline=None, derandomize=True)

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
BOUNDED = [Grid(b, family) for family in ("symmetric", "dorefa") for b in (1, 2, 3, 4)]

# Halves of small integers: many ties, zeros and equal magnitudes; and arbitrary float16 numbers.
numbers = st.one_of(st.integers(-8, 8).map(lambda i: i / 2), st.floats(-100, 100, width=16))


def vectors(most: int = 12, least: int = 1) -> st.SearchStrategy[Tensor]:
    """(N,) float64."""
    return st.lists(numbers, min_size=least, max_size=most).map(lambda v: torch.tensor(v, dtype=torch.float64))


def randn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def levels_of(grid: Grid, s: Tensor, dtype: torch.dtype) -> Tensor:
    """The floating-point levels s · codes, on a new last axis."""
    return s.unsqueeze(-1) * grid.levels().to(dtype)


def on_grid(values: Tensor, grid: Grid, s: Tensor) -> bool:
    return bool((values.unsqueeze(-1) == levels_of(grid, s, values.dtype)).any(-1).all())


def ulps(a: Tensor, b: Tensor) -> float:
    """The largest difference in units of the last place of the larger number."""
    size = torch.maximum(a.abs(), b.abs())
    ulp = torch.nextafter(size, torch.full_like(size, torch.inf)) - size
    return float(((a - b).abs() / ulp).max())


def error(w: Tensor, q: Tensor) -> float:
    return float(((w - q).double() ** 2).sum())
