"""Why blended gradient descent descends, when, and what that is worth (S2, "sufficient descent property").

    w = proj_Q(w_f),   w_f+ = (1 - rho) w_f + rho w - step g,   w+ = proj_Q(w_f+),   g = grad f(w),   d = w+ - w

For any closed set Q, with exact projections, and f with L-Lipschitz gradient:

    (1) w is nearest to w_f        2 <d, w_f - w> <= |d|²
    (2) w+ is nearest to w_f+      |d|² <= 2 <d, w_f+ - w> = 2 (1 - rho) <d, w_f - w> - 2 step <d, g>
    (3) (1) put into (2)           <g, d> <= -rho/(2 step) |d|²
    (4) f is smooth                f(w+) - f(w) <= <g, d> + L/2 |d|² <= -c |d|²,   c = rho/(2 step) - L/2

S2 says "for some c > 0 at a small enough step": c > 0 means step < rho/L. No step is small enough for rho = 0
(BinaryConnect). With a projection that is not exact (Lloyd's step, b >= 3) f may rise below rho/L too. The constant
cannot be better: with w_f and w_f+ both half way between two levels of a quadratic, every inequality is an equality.
"""

from __future__ import annotations

import torch
from torch import Tensor

Number = float | Tensor


def descent_constant(rho: Number, step_size: Number, smoothness: Number) -> Number:
    """c = rho/(2 step_size) - L/2: f falls by at least c |w+ - w|² in every step; no promise where c <= 0."""
    return rho / (2 * step_size) - smoothness / 2


def largest_step(rho: Number, smoothness: Number) -> Number:
    """rho/L: descent is guaranteed for smaller steps."""
    return rho / smoothness


def largest_smoothness(rho: Number, step_size: Number) -> Number:
    """rho/step_size: the gradient's Lipschitz constant up to which rho and step guarantee descent (S2: 1e-5/1e-2)."""
    return rho / step_size


def effective_step(step_size: Number, rho: Number) -> Tensor:
    """step_size/rho: while w stands still, w_f -> w - (step_size/rho) g; infinite for rho = 0, with a step above 0."""
    step_size, rho = (torch.as_tensor(v, dtype=torch.float64) for v in (step_size, rho))
    return step_size / rho


def leash(gradient: Number, step_size: Number, rho: Number) -> Tensor:
    """(step_size/rho) |g|: how far from a level its latent weight can go while the level stays deployed."""
    gradient = torch.as_tensor(gradient, dtype=torch.float64).abs()
    return torch.where(gradient == 0, 0.0, effective_step(step_size, rho) * gradient)


def grip(levels: Tensor, gradient: Tensor) -> Tensor:
    """The effective step up to which each level holds the weight: (half the gap on the side of -g) / |g|.

    levels (K,) increasing; gradient (K,) at each of them. A level is a resting point of one weight (or of each weight
    of a separable f) if and only if step_size/rho <= its grip: w_f - w runs to -(step_size/rho) g without turning back,
    and rests if that lies in the cell of w. Infinite for g = 0, and for an outer level that g pushes outwards.
    """
    half = levels.diff() / 2
    far = torch.full((1,), torch.inf, dtype=levels.dtype)
    down, up = torch.cat([far, half]), torch.cat([half, far])
    room = torch.where(gradient > 0, down, up)
    return torch.where(gradient == 0, torch.inf, room / gradient.abs())


def inequalities(
    w_f: Tensor, w: Tensor, w_f_next: Tensor, w_next: Tensor, g: Tensor, rise: Number, rho, step_size, smoothness
) -> dict[str, tuple[Number, Number]]:
    """(left, right) of (1) to (4) for one step, left <= right, by name. Vectors (n,); rise = f(w+) - f(w)."""
    d = w_next - w
    square = d @ d
    return {
        "(1) w is nearest": (2 * d @ (w_f - w), square),
        "(2) w+ is nearest": (square, 2 * d @ (w_f_next - w)),
        "(3) (1) put into (2)": (g @ d, -rho / (2 * step_size) * square),
        "(4) f is smooth": (rise, g @ d + smoothness / 2 * square),
        "(4) descent": (rise, -descent_constant(rho, step_size, smoothness) * square),
    }
