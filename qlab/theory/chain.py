"""Rounding methods on the grid spacing * Z as Markov chains: exact laws at any step size (S1, "Stochastic Rounding as a
Markov Chain").

From level x the step goes to v = x - step_size g with g ~ N(m, noise^2), m = f'(x): v is Gaussian. Then it is rounded.
T is S1's letter for the transition matrix; lessons write P_eta.

    SR:  T(x, y) = E max(0, 1 - |v - y| / spacing)         (Q_s reaches y with exactly this probability)
    R:   T(x, y) = P( |v - y| < spacing / 2 )

Both have a closed form, with every jump included, not only those to a neighbour. The chain is cut to finitely many
levels (`levels`); what would leave lands on the outermost level, where a well that grows like w^2 leaves no mass.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from qlab.quantizers import checks

Gradient = Callable[[Tensor], Tensor]
_REACH = 10.0  # Gaussian mass beyond 10 standard deviations: 1e-23


def levels(spacing: float, low: float, high: float) -> Tensor:
    """The levels spacing * k within [low - spacing, high + spacing], float64. ValueError for a spacing <= 0."""
    checks.positive(spacing, "spacing")
    return spacing * torch.arange(math.floor(low / spacing), math.ceil(high / spacing) + 1, dtype=torch.float64)


def mean_excess(d: Tensor, s: Tensor) -> Tensor:
    """E (d + s z)_+ = s phi(d/s) + d Phi(d/s) for z ~ N(0, 1), s >= 0 (0-dim); (d)_+ for s = 0. Shape of d.

    Accurate in the tail too: d_+ plus the value at -|d|, where Phi is phi times Mills' ratio.
    """
    r = -d.abs() / s
    phi = torch.exp(-r * r / 2) / math.sqrt(2 * math.pi)
    mills = math.sqrt(math.pi / 2) * torch.special.erfcx(-r / math.sqrt(2))
    return d.clamp(min=0) + torch.where((s > 0) & (phi > 0), s * phi * (1 + r * mills), 0.0)


def rows(mean: Tensor, x: Tensor, *, step_size: float, noise: float, method: str = "sr") -> Tensor:
    """The law of Q(v), v ~ N(mean, (step_size noise)^2), on the levels x: (n,) and (K,) -> (n, K), each row sums to 1.

    ValueError unless step_size and noise > 0 and the method is "sr" or "r". What leaves the range lands on its end.
    """
    if not (step_size > 0 and noise > 0):
        raise ValueError(f"step_size={step_size}, noise={noise}; allowed: both > 0 (without noise there is no chain)")
    spacing, s = x[1] - x[0], torch.as_tensor(step_size * noise, dtype=x.dtype)
    d = mean.unsqueeze(1) - x
    if method == "sr":
        # (1 - |t|)_+ is a second difference of (.)_+, so its mean is one of the mean excess
        up, here, down = (mean_excess(d + k * spacing, s) for k in (1, 0, -1))
        out, reach = (up - 2 * here + down) / spacing, spacing
    elif method == "r":
        right, left = (torch.special.ndtr((k * spacing / 2 - d) / s) for k in (1, -1))
        out, reach = right - left, spacing / 2
    else:
        raise ValueError(
            f"method must be 'sr' or 'r', not {method!r}: BinaryConnect's latent weight is not on the grid"
        )
    out = torch.where(d.abs() < reach + _REACH * s, out, 0.0).clamp(min=0)
    missing = (1 - out.sum(1)).clamp(min=0)
    left_half = mean < (x[0] + x[-1]) / 2
    out[:, 0] += torch.where(left_half, missing, 0.0)
    out[:, -1] += torch.where(left_half, 0.0, missing)
    return out / out.sum(1, keepdim=True)


def transition(x: Tensor, gradient: Gradient, *, step_size: float, noise: float, method: str = "sr") -> Tensor:
    """T (K, K), rows = sources: T[i, j] = probability of a step of `method` ("sr", "r") from level x[i] to level x[j].

    x (K,): consecutive levels, float64; step_size and noise > 0, else ValueError. Rows sum to 1.
    Source: S1, the two update rules.
    """
    return rows(x - step_size * gradient(x), x, step_size=step_size, noise=noise, method=method)


def stationary(T: Tensor) -> Tensor:
    """pi (K,) with pi T = pi and sum 1: the linear system, one equation replaced by the sum.

    ValueError where it is not unique: more than one closed class (R at steps so small that no level is ever left).
    """
    K = len(T)
    A = (T - torch.eye(K, dtype=T.dtype)).T.clone()
    A[-1] = 1.0
    b = torch.zeros(K, dtype=T.dtype)
    b[-1] = 1.0
    pi, error = torch.linalg.solve_ex(A, b)
    if int(error) or not (pi > -1e-9).all():
        raise ValueError("the stationary law is not unique: some levels are never left, or never left for the others")
    return pi.clamp(min=0)


def occupation(law: Tensor, T: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """(mean of law T^t over t = 0 ... steps-1, law T^steps), from the law (K,) at t = 0.

    By doubling, S_2n = S_n + S_n T^n, so that the cost grows with log2(steps) matrix products. steps: at least 1.
    """
    checks.count(steps, "steps")
    total, left = torch.zeros_like(law), steps
    power, block = T, torch.eye(len(T), dtype=T.dtype)  # T^n and I + T + ... + T^(n-1) for n = 1, 2, 4, ...
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
