"""The velocity of a weight under its interval constraint, in closed form: -g, unless g fights the push too hard."""

from __future__ import annotations

import torch
from torch import Tensor

from qlab.constraints.psi import Number


def velocity(g: Tensor, psi: Tensor, slope: Tensor, push: Number, push_max: Number | None = None) -> Tensor:
    """v = argmin ½(v + g)² over {v: psi' v >= -push psi where psi < 0}, its push clipped to ±push_max:

        v = -g                                       psi >= 0   or   -psi' g >= -push psi
            +push_max                                psi < 0 and psi' = 0: a midpoint, where no v is allowed (E5)
            clip(-push psi/psi', push_max)           otherwise

    g, psi, slope = psi': of one shape, elementwise; push > 0, push_max > 0: numbers or tensors that broadcast.
    push_max None or infinite: no clip, and -g at a midpoint (the authors' code). A NaN stays NaN; no checks, no sync.
    Source: S0 5, whose print lost the condition after "or" (errata E7).
    """
    middle = slope == 0
    v = -push * psi / torch.where(middle, torch.ones_like(slope), slope)
    if push_max is None:
        v = torch.where(middle, -g, v)
    else:
        m = torch.as_tensor(push_max, dtype=v.dtype, device=v.device)
        v = torch.where(middle, torch.where(m.isinf(), -g, m), v.clamp(-m, m))
    return torch.where(pushed(g, psi, slope, push), v, -g)


def pushed(g: Tensor, psi: Tensor, slope: Tensor, push: Number) -> Tensor:
    """Where -g is not allowed: psi < 0 and -psi' g < -push psi, the constraint outweighs the gradient."""
    return (psi < 0) & (-slope * g < -push * psi)


def cases(g: Tensor, psi: Tensor, slope: Tensor, push: Number) -> Tensor:
    """The three cases of S0 5 as integers: 0 plain descent (psi >= 0), 1 descent that mends the constraint fast enough,
    2 descent that fights the push. psi NaN counts as 0."""
    return (psi < 0).to(torch.int64) + pushed(g, psi, slope, push)
