"""The quantized ReLU seen from further away: blurred over a width, and the slope of what is then seen (S2).

    σ(x, s) = s clip(ceil(x/s), 0, n),   n = 2^b - 1 levels above zero,      ramp(x, s) = clip(x, 0, n s)

    in x, looking back over h levels      B(x) = 1/(h s) ∫ σ over (x - h s, x],    B'(x) = (σ(x) - σ(x - h s)) / (h s)
    in s, over s (1 ± h/2)                B(s) = 1/(h s) ∫ σ over that window,     B'(s) = (σ(x, s₂) - σ(x, s₁)) / (h s)

At h = 1 the first pair is exact: B is the ramp, B' = 1{0 < x <= n s}, end points included.
Source: S2, "Differentiate a Staircase Function over Large Scale" (the step-back view); the identity at h = 1 is ours.
"""

from __future__ import annotations

import torch
from torch import Tensor


def stairs(x: Tensor, s: float | Tensor, n: int) -> Tensor:
    """σ(x, s): x of any shape, s > 0 broadcasts against it."""
    return s * (x / s).ceil().clamp(0, n)


def ramp(x: Tensor, s: float | Tensor, n: int) -> Tensor:
    """The clipped ReLU: 0 <= σ - ramp < s."""
    return torch.minimum(x.relu(), torch.as_tensor(n * s, dtype=x.dtype))


def area_in_x(x: Tensor, s: float, n: int) -> Tensor:
    """∫ σ(t, s) dt from 0 to x: s² (k (k + 1)/2 + (u - k)(k + 1)) on stair k = floor(u) of u = x/s."""
    u = (x / s).relu()
    k = u.floor().clamp(max=n)
    return s**2 * (k * (k + 1) / 2 + (u - k) * (k + 1).clamp(max=n))


def area_in_s(x: Tensor, s: float, n: int) -> Tensor:
    """∫ σ(x, t) dt from 0 to s: (s² + Σ_{k=1}^{n-1} min(s, x/k)²) / 2 for x > 0 (the sawtooth, summed by parts)."""
    k = torch.arange(1, n, dtype=x.dtype, device=x.device)
    total = s**2 + torch.minimum(x.unsqueeze(-1) / k, torch.as_tensor(s, dtype=x.dtype)).square().sum(-1)
    return torch.where(x > 0, total / 2, 0.0)


def blurred(x: Tensor, s: float, n: int, h: float, *, by: str = "x") -> Tensor:
    """B: the mean of σ over a width of h > 0 levels behind x (`by` "x"), or over s (1 ± h/2) ("resolution")."""
    if by == "x":
        return (area_in_x(x, s, n) - area_in_x(x - h * s, s, n)) / (h * s)
    return (area_in_s(x, s * (1 + h / 2), n) - area_in_s(x, s * (1 - h / 2), n)) / (h * s)


def slope(x: Tensor, s: float, n: int, h: float, *, by: str = "x", of=stairs) -> Tensor:
    """B': the difference quotient of σ over the width h > 0 (of=ramp: of the ramp)."""
    if by == "x":
        return (of(x, s, n) - of(x - h * s, s, n)) / (h * s)
    return (of(x, s * (1 + h / 2), n) - of(x, s * (1 - h / 2), n)) / (h * s)


def bends(s: float, n: int, h: float, *, by: str = "x") -> Tensor:
    """Where B' jumps, increasing, float64: the jumps of σ and, for h > 0, those at the other end of the width."""
    k = torch.arange(n + 1, dtype=torch.float64)
    if h == 0:
        return k * s if by == "resolution" else k[:-1] * s
    if by == "x":
        return torch.cat([k[:-1] * s, (k[:-1] + h) * s]).unique()
    return torch.cat([k * s * (1 - h / 2), k * s * (1 + h / 2)]).unique()
