"""Accuracy floors of stochastic rounding and BinaryConnect on mu-strongly convex losses (S1, Theorems 1 and 4).

With steps 1 / (mu (t + 1)), E|g|^2 <= G^2 (the second moment, not the variance), averages over the first T iterates:

    Theorem 1   SR   F(mean of w)        - F* <= (1 + log(T + 1)) G^2 / (2 mu T) + sqrt(d) spacing G / 2
    Theorem 4   BC   F(mean of w)        - F* <= the same first term             + D L2 d spacing^2 / 8
    (ours)      BC   mean of F(w_Q)      - F* <= Theorem 4                       + L d spacing^2 / 8

The last two for unbiased rounding, w_Q = Q_s(w): its error r has E r = 0 and E|r|^2 <= d spacing^2 / 4. L bounds the
Hessian, L2 its Lipschitz constant, D the distance of w to the minimizer. S1 prints Theorem 4's floor with the dimension
of D L2 w, which no loss can have: in other units of w it is below the true floor. Theorems 2 and 3 (convex losses,
steps c / sqrt(t)) are of the same kind, floors proportional to the spacing; their constants are not in S1.
"""

from __future__ import annotations

import math

from torch import Tensor


def transient(T: int, *, mu: float, G: float) -> float:
    """(1 + log(T + 1)) G^2 / (2 mu T): what is left of the start and of the noise after T iterations."""
    return (1 + math.log(T + 1)) * G**2 / (2 * mu * T)


def sr_floor(d: int, spacing: float, *, G: float) -> float:
    """sqrt(d) spacing G / 2 (Theorem 1): proportional to the spacing."""
    return math.sqrt(d) * spacing * G / 2


def bc_floor(d: int, spacing: float, *, D: float, L2: float) -> float:
    """D L2 d spacing^2 / 8 (Theorem 4, corrected): 0 for quadratics, else proportional to spacing^2."""
    return D * L2 * d * spacing**2 / 8


def deployed_floor(d: int, spacing: float, *, L: float) -> float:
    """L d spacing^2 / 8 (ours): what the rounded weights may lose against the latent ones."""
    return L * d * spacing**2 / 8


def dither(x: Tensor, slopes: Tensor) -> tuple[Tensor, Tensor]:
    """Where BC ends on convex coordinates: between which two levels, and how often on the upper one.

    x (K,): levels; slopes (..., K): f' on them, increasing. Returns (low, p), each (...): w_Q is low with share 1 - p
    and low + spacing with share p, such that the mean slope is 0: p = -f'(low) / (f'(low + spacing) - f'(low)).

    A latent weight only sees f' at levels. With Q_s its mean slope is the linear interpolation of f' between levels: w
    tends to the root low + p spacing. With Q_d w stays at the midpoint, and only the mean of w_Q tends to that root.
    Raises ValueError unless f' changes sign within x. Source: errata E4, the interpolation is ours.
    """
    if not ((slopes[..., 0] <= 0).all() and (slopes[..., -1] > 0).all()):
        raise ValueError(f"f' must change sign between the levels {x[0]:g} and {x[-1]:g}; take more levels")
    i = (slopes <= 0).sum(-1, keepdim=True) - 1
    below, above = slopes.gather(-1, i), slopes.gather(-1, i + 1)
    return x[i].squeeze(-1), (-below / (above - below)).squeeze(-1)


def sr_quadratic(x: Tensor, law: Tensor, centre: Tensor, *, mu: float) -> tuple[Tensor, Tensor]:
    """SR's exact limits on f(w) = mu (w - centre)^2 / 2, per coordinate: (mean of f(w), f(mean of w)), steps as above.

    law (..., K): the small-step law on the levels x (K,); centre (...,). Rounding is unbiased, so two iterates s < t
    have covariance Var(w) s / t, and the average keeps half of the variance: its floor is half of the deployed one, and

        mean of f(w) = spacing E|g| / 4          (balance of w^2: E (w - centre) f'(w) = spacing E|g| / 2)

    so the true floor is proportional to the spacing, like Theorem 1's. Source: ours.
    """
    variance = (law * (x - centre.unsqueeze(-1)) ** 2).sum(-1)
    return mu * variance / 2, mu * variance / 4
