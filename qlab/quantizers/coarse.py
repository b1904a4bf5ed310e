"""The one gradient primitive: a value with a declared derivative."""

from __future__ import annotations

import torch
from torch import Tensor

Derivative = Tensor | float


def coarse(value: Tensor, *partials: tuple[Tensor, Derivative]) -> Tensor:
    """Exactly `value`, with the declared derivative d with respect to each x of the pairs (x, d).

        forward   value
        backward  dx = sum over broadcast axes of (upstream gradient · d)

    Every straight-through estimator and coarse gradient of the suite is this one line; nothing is ever differentiated
    through `clamp`, whose gradient at its bounds changed between torch versions.

    Shapes: x and d broadcast to the shape of `value`; d may be a number, a float or a bool tensor (a mask).
    A non-finite x leaves the value as it is (no inf - inf) and gets derivative 0. Nothing is checked or raised.
    Where gradients are off the result carries the pairs as its attribute `declared`, for loops that do without a graph.
    Source: S0 II (straight-through estimator), S2 (coarse gradient).
    """
    out = value.detach()
    if not torch.is_grad_enabled():
        if not torch.compiler.is_compiling():
            out.declared = partials  # type: ignore[attr-defined]
        return out
    for x, d in partials:
        d = d.detach().to(x.dtype) if isinstance(d, Tensor) else d  # declared, not differentiated; summed in x's dtype
        zero = torch.nan_to_num((x - x.detach()) * d, nan=0.0, posinf=0.0, neginf=0.0)
        out = out + zero.to(value.dtype)
    return out
