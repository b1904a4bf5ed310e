"""Stochastic rounding of two weights on a tilted quadratic valley: exact laws, the 2-D chain of Theorem 5 (S1).

    F(w) = (w - c)' A (w - c) / 2,    A has curvature 1 along (1, 1) and `valley` across it; spacing 1/2

A move of one weight has probability of order step_size, a move of both of order step_size^2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from qlab.theory import chain, chain2d, chain_limit

SPACING, REACH = 0.5, 4.5
CENTRE = torch.tensor([0.25, 0.25], dtype=torch.float64)
X = chain.levels(SPACING, -REACH, REACH)


def hessian(valley: float) -> Tensor:
    """A (2, 2), eigenvalues 1 along (1, 1) and `valley` along (1, -1)."""
    same, cross = (1 + valley) / 2, (1 - valley) / 2
    return torch.tensor([[same, cross], [cross, same]], dtype=torch.float64)


def loss(w: Tensor, valley: float) -> Tensor:
    """F (...,) of w (..., 2)."""
    x = w - CENTRE
    return ((x @ hessian(valley)) * x).sum(-1) / 2


@dataclass(frozen=True)
class Plane:
    """Exact, on the levels X of both weights. law, limit (K, K): stationary law and its small-step limit.

    both: share of the moves that change both weights; wait: mean time between two moves, in steps; loss: its mean.
    """

    law: Tensor
    limit: Tensor
    both: float
    wait: float
    loss: float

    @property
    def apart(self) -> float:
        """Total variation between the law and its limit."""
        return float(chain.total_variation(self.law.ravel(), self.limit.ravel()))


def solve(*, step_size: float, noise: float, valley: float) -> Plane:
    """The chain of both weights at this step size. ValueError unless step_size, noise > 0."""
    A, K = hessian(valley), len(X)
    T = chain2d.transition(X, lambda w: (w - CENTRE) @ A, step_size=step_size, noise=noise)
    pi = chain.stationary(T)
    wait = 1 / float(pi @ (T.sum(1) - T.diagonal()))
    mean = float(pi @ loss(chain2d.points(X), valley))
    both = float(chain2d.both_share(T, pi))
    return Plane(pi.reshape(K, K), _limit(noise, valley), both, wait, mean)


@lru_cache(maxsize=8)
def _limit(noise: float, valley: float) -> Tensor:
    A = hessian(valley)
    U = chain2d.rate_matrix(X, lambda w: (w - CENTRE) @ A, noise=noise)
    return chain_limit.limit_law(U).reshape(len(X), len(X))


@lru_cache(maxsize=8)
def both_over_steps(*, noise: float, valley: float) -> tuple[np.ndarray, np.ndarray]:
    """(step sizes 1e-4 ... 0.1, two a decade; the share of moves that change both weights at each)."""
    steps = np.logspace(-4, -1, 7)
    return steps, np.array([solve(step_size=float(a), noise=noise, valley=valley).both for a in steps])
