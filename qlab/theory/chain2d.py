"""Stochastic rounding of two weights: the chain on the plane grid, and what Theorem 5 says of it (S1).

The coordinates are rounded independently, and their gradient noise is independent here, so that a row is a product

    T((x1, x2), (y1, y2)) = T1(y1 | v1) T2(y2 | v2),        v = x - step_size gradient(x) + noise.

A move of one coordinate has probability of order step_size, a move of both of order step_size^2: for small steps the
chain moves along the axes only, which is why U of Theorem 5 joins points that differ at one coordinate.
"""

from __future__ import annotations

import torch
from torch import Tensor

from qlab.theory.chain import Gradient, mean_excess, rows


def points(x: Tensor) -> Tensor:
    """The K^2 points (x_i, x_j) of the plane grid, float64 (K^2, 2), number i K + j."""
    return torch.cartesian_prod(x, x)


def transition(x: Tensor, gradient: Gradient, *, step_size: float, noise: float) -> Tensor:
    """T (K^2, K^2), rows = sources, exact, every jump included. x (K,): the levels of both coordinates.

    gradient: (..., 2) -> (..., 2); each coordinate's noise is N(0, noise^2). ValueError unless step_size, noise > 0.
    """
    p = points(x)
    v = p - step_size * gradient(p)
    first, second = (rows(v[:, k], x, step_size=step_size, noise=noise) for k in (0, 1))
    return (first.unsqueeze(2) * second.unsqueeze(1)).reshape(len(p), len(p))


def rate_matrix(x: Tensor, gradient: Gradient, *, noise: float) -> Tensor:
    """U (K^2, K^2) of Theorem 5: rate E(-g_k)_+ / spacing up and E(g_k)_+ / spacing down along coordinate k, else 0.

    Only the law of each g_k alone enters: noise that the coordinates share gives the same U.
    """
    K, spacing = len(x), x[1] - x[0]
    g, s = gradient(points(x)), torch.as_tensor(noise, dtype=x.dtype)
    up, down = mean_excess(-g, s) / spacing, mean_excess(g, s) / spacing
    U = torch.zeros(K, K, K, K, dtype=x.dtype)
    i, j = torch.meshgrid(torch.arange(K), torch.arange(K - 1), indexing="ij")
    up, down = up.reshape(K, K, 2), down.reshape(K, K, 2)
    U[i, j, i, j + 1], U[i, j + 1, i, j] = up[i, j, 1], down[i, j + 1, 1]
    U[j, i, j + 1, i], U[j + 1, i, j, i] = up[j, i, 0], down[j + 1, i, 0]
    return U.reshape(K * K, K * K)


def both_share(T: Tensor, law: Tensor) -> Tensor:
    """Of all moves, the share that changes both coordinates, under the law (K^2,): of order step_size."""
    K = round(len(T) ** 0.5)
    c = torch.arange(K * K)
    one, two = c // K, c % K
    both = (one.unsqueeze(1) != one) & (two.unsqueeze(1) != two)
    moved = ~torch.eye(K * K, dtype=torch.bool)
    return (law @ (T * both).sum(1)) / (law @ (T * moved).sum(1))
