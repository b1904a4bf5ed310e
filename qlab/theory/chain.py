"""Rounding methods on the grid spacing * Z as Markov chains: exact laws at any step size (S1, "Stochastic Rounding as a
Markov Chain", Theorem 5).

From level x the step goes to v = x - step_size g with g ~ N(m, noise^2), m = f'(x): v is Gaussian. Then it is rounded.

    SR:  T(x, y) = E max(0, 1 - |v - y| / spacing)         (Q_s reaches y with exactly this probability)
    R:   T(x, y) = P( |v - y| < spacing / 2 )

Both have a closed form, with every jump included, not only those to a neighbour. The chain is cut to finitely many
levels (`Levels`); what would leave lands on the outermost level, where a well that grows like w^2 leaves no mass.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Gradient = Callable[[Tensor], Tensor]
_REACH = 10.0  # Gaussian mass beyond 10 standard deviations: 1e-23


def levels(spacing: float, low: float, high: float) -> Tensor:
    """The levels spacing * k within [low - spacing, high + spacing], float64."""
    return spacing * torch.arange(math.floor(low / spacing), math.ceil(high / spacing) + 1, dtype=torch.float64)


def _mean_excess(d: Tensor, s: Tensor) -> Tensor:
    """E (d + s z)_+ = s phi(d/s) + d Phi(d/s) for z ~ N(0, 1); (d)_+ for s = 0."""
    r = d / s
    phi = torch.exp(-r * r / 2) / math.sqrt(2 * math.pi)
    return torch.where(s > 0, s * phi + d * torch.special.ndtr(r), d.clamp(min=0))


def transition(x: Tensor, gradient: Gradient, *, step_size: float, noise: float, method: str = "sr") -> Tensor:
    """T (K, K), rows = sources: T[i, j] = probability of a step of `method` ("sr", "r") from level x[i] to level x[j].

    x (K,): consecutive levels, float64; step_size and noise > 0, else ValueError. Rows sum to 1.
    Source: S1, the two update rules.
    """
    if not (step_size > 0 and noise > 0):
        raise ValueError(f"step_size={step_size}, noise={noise}; allowed: both > 0 (without noise there is no chain)")
    spacing = x[1] - x[0]
    mean = (x - step_size * gradient(x)).unsqueeze(1)
    s = torch.as_tensor(step_size * noise, dtype=x.dtype)
    edges = x.unsqueeze(0)
    if method == "sr":
        # (|t| - 1)_- is a second difference of (.)_+, so its mean is one of the mean excess
        up, here, down = (_mean_excess(mean - edges + k * spacing, s) for k in (1, 0, -1))
        rows = (up - 2 * here + down) / spacing
        near = (mean - edges).abs() < spacing + _REACH * s
    elif method == "r":
        right, left = (torch.special.ndtr((edges + k * spacing / 2 - mean) / s) for k in (1, -1))
        rows = right - left
        near = (mean - edges).abs() < spacing / 2 + _REACH * s
    else:
        raise ValueError(
            f"method must be 'sr' or 'r', not {method!r}: BinaryConnect's latent weight is not on the grid"
        )
    rows = torch.where(near, rows, 0.0).clamp(min=0)
    # whatever leaves the range lands on its end
    missing = (1 - rows.sum(1)).clamp(min=0)
    middle = (x[0] + x[-1]) / 2
    rows[:, 0] += torch.where(mean.squeeze(1) < middle, missing, 0.0)
    rows[:, -1] += torch.where(mean.squeeze(1) >= middle, missing, 0.0)
    return rows / rows.sum(1, keepdim=True)


def stationary(T: Tensor) -> Tensor:
    """pi (K,) with pi T = pi and sum 1: the linear system, one equation replaced by the sum. T has one closed class."""
    K = len(T)
    A = (T - torch.eye(K, dtype=T.dtype)).T.clone()
    A[-1] = 1.0
    b = torch.zeros(K, dtype=T.dtype)
    b[-1] = 1.0
    return torch.linalg.solve(A, b).clamp(min=0)


def rates(x: Tensor, gradient: Gradient, *, noise: float) -> tuple[Tensor, Tensor]:
    """SR's jump rates per unit of step_size, for small steps: up(x) = E(-g)_+ / spacing, down(x) = E(g)_+ / spacing.

    Corrected Theorem 5 (S1): the printed U integrates the gradient's density over z > 0 for the jump UP, but a step
    goes against the gradient; and its left integral is negative without |z|.
    """
    spacing, s, m = x[1] - x[0], torch.as_tensor(noise, dtype=x.dtype), gradient(x)
    return _mean_excess(-m, s) / spacing, _mean_excess(m, s) / spacing


def small_step_law(x: Tensor, gradient: Gradient, *, noise: float) -> Tensor:
    """The limit of SR's stationary law as step_size -> 0: pi(x) up(x) = pi(x + spacing) down(x + spacing).

    Only neighbours are reached, so that detailed balance holds and pi is a product of ratios, positive on every level.
    Source: S1, Theorem 5, corrected. Raises ValueError where a rate underflows.
    """
    up, down = rates(x, gradient, noise=noise)
    if not (up[:-1] > 0).all() or not (down[1:] > 0).all():
        raise ValueError(f"noise {noise} is too small for levels from {x[0]:g} to {x[-1]:g}: a rate is zero in float64")
    logs = torch.cat([x.new_zeros(1), (up[:-1].log() - down[1:].log()).cumsum(0)])
    return torch.softmax(logs, 0)


def limit_chain(x: Tensor, gradient: Gradient, *, noise: float) -> Tensor:
    """T~ = I - a0 diag(U 1) + a0 U (K, K), rows = sources, a0 the largest that keeps it non-negative. pi~ T~ = pi~.

    Corrected: S1 prints diag(1'U), whose rows do not sum to 1.
    """
    up, down = rates(x, gradient, noise=noise)
    U = torch.diag(up[:-1], 1) + torch.diag(down[1:], -1)
    out = U.sum(1)
    a0 = 1 / out.max()
    return torch.eye(len(x), dtype=x.dtype) - a0 * torch.diag(out) + a0 * U


def occupation(law: Tensor, T: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """(mean of law T^t over t = 0 ... steps-1, law T^steps), from the law (K,) at t = 0.

    By doubling, S_2n = S_n + S_n T^n, so that the cost grows with log2(steps) matrix products.
    """
    total = torch.zeros_like(law)
    power, block, left = (
        T,
        torch.eye(len(T), dtype=T.dtype),
        steps,
    )  # T^n and I + T + ... + T^(n-1) for n = 1, 2, 4, ...
    while left:
        if left & 1:
            total = total + law @ block
            law = law @ power
        left >>= 1
        if left:
            block = block + block @ power
            power = power @ power
    return total / steps, law


def total_variation(p: Tensor, q: Tensor) -> Tensor:
    """TV(p, q) = 1/2 sum |p - q|: the largest difference of the probability of any event."""
    return (p - q).abs().sum(-1) / 2
