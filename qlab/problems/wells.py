"""The three-well toy problem of S1's figure "Exploration-Exploitation Tradeoff": one weight, three quadratic wells.

    f(w) = w^2 + 2               for        w < 1       (local minimum 2    at 0)
           (w - 2.5)^2 + 0.75    for  1  <= w < 3.5     (local minimum 0.75 at 2.5)
           (w - 4.75)^2 + 0.19   for 3.5 <= w           (the minimum 0.19   at 4.75)

A reconstruction: S1 shows histograms of this problem but prints neither f nor the law of the gradient noise. The noise
is taken Gaussian, f is continuous at 1 (3 = 3) and almost so at 3.5 (1.75 against 1.7525).
"""

from __future__ import annotations

import torch
from torch import Tensor

from qlab.problems.base import Problem

LABEL = "reconstruction of S1's toy problem: S1 prints neither f nor the noise"
CENTRES = (0.0, 2.5, 4.75)
HEIGHTS = (2.0, 0.75, 0.19)
BORDERS = (1.0, 3.5)
MINIMIZER, MINIMUM = CENTRES[-1], HEIGHTS[-1]


def well(w: Tensor) -> Tensor:
    """Number 0, 1 or 2 of the well that each weight lies in; int64, shape of w."""
    return torch.bucketize(w.detach().contiguous(), torch.tensor(BORDERS, dtype=w.dtype, device=w.device), right=True)


def loss(w: Tensor) -> Tensor:
    """f(w), elementwise."""
    j = well(w)
    return (w - w.new_tensor(CENTRES)[j]) ** 2 + w.new_tensor(HEIGHTS)[j]


def gradient(w: Tensor) -> Tensor:
    """f'(w) = 2 (w - centre of its well), elementwise; at a border that of the well on the right."""
    return 2 * (w - w.new_tensor(CENTRES)[well(w)])


def stochastic_gradient(w: Tensor, noise: float | Tensor, z: Tensor) -> Tensor:
    """g = f'(w) + noise * z with z ~ N(0, 1): unbiased, with standard deviation `noise`."""
    return gradient(w) + noise * z


def next_to_minimizer(levels: Tensor) -> Tensor:
    """Which of equally spaced levels lie within one spacing of the minimizer: two, or three if it is one of them."""
    spacing = levels[1] - levels[0]
    return (levels - MINIMIZER).abs() <= spacing * (1 + 1e-9)


class Wells(Problem):
    """The toy as a problem of one weight on the levels 0.5 k: start 4.0 for every seed, noise 3, as in lesson 03."""

    slug, name = "wells", "Three wells"
    d = 1

    def __init__(self, noise: float = 3.0, spacing: float = 0.5, at: float = 4.0):
        super().__init__()
        self.noise, self.at = noise, at
        self.quantizer = {"family": "lattice", "spacing": spacing}
        self.w_star = torch.tensor([MINIMIZER], dtype=torch.float64)

    @property
    def levels(self) -> Tensor:
        """The levels of its lattice, which has no end, within 2 of the wells."""
        if self.quantizer["family"] != "lattice":
            return super().levels
        spacing = self.quantizer["spacing"]
        first, last = -int(2 / spacing), int((MINIMIZER + 2) / spacing)
        return torch.arange(first, last + 1, dtype=torch.float64) * spacing

    def start(self, seeds: int | Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        shape = tuple(seeds.shape) if isinstance(seeds, Tensor) else ()
        return torch.full((*shape, 1), self.at, dtype=dtype)

    def loss(self, w: Tensor, rows: Tensor | None = None) -> Tensor:
        return loss(w).squeeze(-1)

    def gradient(self, w: Tensor, rows: Tensor | None = None) -> Tensor:
        return gradient(w.detach())
