"""Small steps of stochastic rounding: its Markov chain as the step size shrinks (S1, Theorem 5, corrected).

To first order in the step size only neighbours are reached, at rates per unit of step_size

    U(x, x + spacing) = E(-g)_+ / spacing,     U(x, x - spacing) = E(g)_+ / spacing,     U(x, y) = rate from x to y,

    (T - I) / step_size -> U - diag(U 1),      T~ = I - a0 diag(U 1) + a0 U,      pi~ T~ = pi~ = lim pi(step_size).

The step size scales all rates alike: it decides when the chain moves, not where it is found.
S1 prints the rates with the density of the gradient (a step goes against it) and diag(1'U)
(whose rows do not sum to 1).
"""

from __future__ import annotations

import torch
from torch import Tensor

from qlab.theory.chain import Gradient, mean_excess, stationary


def rates(x: Tensor, gradient: Gradient, *, noise: float) -> tuple[Tensor, Tensor]:
    """SR's jump rates per unit of step_size, for small steps: up(x) = E(-g)_+ / spacing, down(x) = E(g)_+ / spacing.

    x (K,): consecutive levels; g ~ N(gradient(x), noise^2), gradient(x) (..., K) for several losses. Both (..., K).
    """
    spacing, s, m = x[1] - x[0], torch.as_tensor(noise, dtype=x.dtype), gradient(x)
    return mean_excess(-m, s) / spacing, mean_excess(m, s) / spacing


def right_given_moved(up: Tensor, down: Tensor) -> Tensor:
    """The probability that a move goes up, E(-g)_+ / E|g|: no step size in it (S1, the "squished" perturbation)."""
    return up / (up + down)


def rate_matrix(up: Tensor, down: Tensor) -> Tensor:
    """U (K, K), U(x, y) = rate from x to y: neighbours only, diagonal 0. No rate leads out of the K levels."""
    return torch.diag(up[:-1], 1) + torch.diag(down[1:], -1)


def generator(U: Tensor) -> Tensor:
    """U - diag(U 1), the limit of (T - I) / step_size: rows sum to 0."""
    return U - torch.diag(U.sum(1))


def limit_chain(U: Tensor) -> Tensor:
    """T~ = I - a0 diag(U 1) + a0 U, rows = sources, a0 the largest that keeps it non-negative: a0 = 1 / max U 1."""
    return torch.eye(len(U), dtype=U.dtype) + generator(U) / U.sum(1).max()


def limit_law(U: Tensor) -> Tensor:
    """pi~ with pi~ T~ = pi~, for any rate matrix (any dimension), by the linear system. ValueError if not unique."""
    return stationary(limit_chain(U))


def small_step_law(x: Tensor, gradient: Gradient, *, noise: float) -> Tensor:
    """pi~ in one dimension, in closed form: pi(x) up(x) = pi(x + spacing) down(x + spacing).

    Only neighbours are reached, so that detailed balance holds and pi is a product of ratios, positive on every level.
    Shape (..., K) as gradient(x). Raises ValueError where a rate underflows.
    """
    up, down = rates(x, gradient, noise=noise)
    up, down = up[..., :-1], down[..., 1:]
    if not (up > 0).all() or not (down > 0).all():
        raise ValueError(f"noise {noise} is too small for levels from {x[0]:g} to {x[-1]:g}: a rate is zero in float64")
    logs = (up.log() - down.log()).cumsum(-1)
    return torch.softmax(torch.cat([torch.zeros_like(logs[..., :1]), logs], -1), -1)
