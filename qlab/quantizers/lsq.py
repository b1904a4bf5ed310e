"""LSQ, a quantizer that learns its step size (Esser et al. 2020), for weights and activations."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from qlab.quantizers import checks
from qlab.quantizers.coarse import coarse
from qlab.quantizers.rounding import away

SMALLEST = 1e-4  # the module's floor under the scale, which must stay positive (ours)


def lsq(x: Tensor, scale: float | Tensor, bits: int, signed: bool = False, count: int | None = None) -> Tensor:
    """s round(clip(x/s, -Qn, Qp)) with declared derivatives;  Qn = 2^(b-1), Qp = 2^(b-1) - 1, unsigned: 0, 2^b - 1.

        z = x/s            z <= -Qn    -Qn < z < Qp      z >= Qp
        d/dx               0           1                 0
        d/ds · sqrt(N Qp)  -Qn         round(z) - z      Qp

    x: any shape, float; scale s > 0, a number or a tensor that broadcasts to x (its gradient is summed over the rest);
    count: N, the number of weights, or of the features of one example; by default all entries of x.
    Ties round away from zero, as everywhere in the suite. Raises TypeError, ValueError. Source: Esser et al. 2020.
    """
    checks.tensor(x, "x")
    checks.positive(scale, "scale")
    _bits(bits, signed)
    if count is not None:
        checks.count(count, "count")
    s = torch.as_tensor(scale, dtype=None if isinstance(scale, Tensor) else x.dtype, device=x.device)
    checks.broadcastable(s, x, "scale")
    return coarse_lsq(x, s, bits, signed, count)


def coarse_lsq(x: Tensor, s: Tensor, bits: int, signed: bool = False, count: int | None = None) -> Tensor:
    """`lsq` without checks."""
    low, high = bounds(bits, signed)
    z = (x / s.to(x.dtype)).detach()
    k = away(z.clamp(-low, high))
    inside = (z > -low) & (z < high)
    ds = torch.where(inside, k - z, k) / math.sqrt((count or x.numel()) * high)
    return coarse(s.to(x.dtype) * k, (x, inside), (s, ds))


def bounds(bits: int, signed: bool) -> tuple[int, int]:
    """(Qn, Qp)."""
    return (2 ** (bits - 1), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)


def lsq_start(x: Tensor, bits: int, signed: bool = False) -> float:
    """2 E|x| / sqrt(Qp), the authors' first scale for weights or a batch of activations x; 1e-4 if that is smaller."""
    checks.tensor(x, "x")
    _bits(bits, signed)
    return max(float(2 * x.detach().abs().mean() / math.sqrt(bounds(bits, signed)[1])), SMALLEST)


def _bits(bits: int, signed: bool) -> None:
    checks.bits(bits)
    if signed and bits < 2:
        raise ValueError("bits = 1 with signed=True has no positive level; allowed: from 2 bits, or signed=False")


class LSQ(nn.Module):
    """`lsq` as a module with a trainable scale s; N counts the features of one example (`per_example`), or all of x.

    bits 1 to 16 (signed: from 2); scale: the start, by default 1/Qp (top level 1), or `lsq_start` of a first batch.
    A scale that training drives below 1e-4 counts as 1e-4, with its gradient kept. Raises TypeError, ValueError.
    """

    def __init__(
        self, bits: int, scale: float | Tensor | None = None, signed: bool = False, per_example: bool = True
    ) -> None:
        super().__init__()
        _bits(bits, signed)
        scale = 1 / bounds(bits, signed)[1] if scale is None else scale
        checks.positive(scale, "scale")
        self.bits, self.signed, self.per_example = bits, signed, per_example
        self.scale = nn.Parameter(scale.detach().clone() if isinstance(scale, Tensor) else torch.tensor(float(scale)))

    def forward(self, x: Tensor) -> Tensor:
        s = coarse(self.scale.clamp(min=SMALLEST), (self.scale, 1.0))
        return coarse_lsq(x, s, self.bits, self.signed, x[0].numel() if self.per_example else None)

    def extra_repr(self) -> str:
        return f"bits={self.bits}, signed={self.signed}"
