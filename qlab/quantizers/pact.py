"""PACT, a clipped ReLU that learns where to clip (Choi et al. 2018): S2's 2-valued coarse derivative."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from qlab.quantizers import checks
from qlab.quantizers.coarse import coarse
from qlab.quantizers.rounding import away

ROUNDINGS = ("nearest", "up")
SMALLEST = 1e-4  # the module's floor under the clip, which must stay positive (ours)


def pact(x: Tensor, clip: float | Tensor, bits: int, rounding: str = "nearest") -> Tensor:
    """s round(clip(x, 0, c)/s) with s = c/(2^b - 1) and the derivatives of the clipped ReLU clip(x, 0, c):

        d/dx   1{0 < x <= c}          d/dc   1{x > c}

    rounding "up" is ceil: then it is S2's quantized ReLU with its 2-valued derivative, whose resolution is c/(2^b - 1).
    x: any shape, float; clip c > 0, a number or a tensor that broadcasts to x (its gradient is summed over the rest).
    Raises TypeError, ValueError. Source: Choi et al. 2018 (which counts x = c as clipped); S2.
    """
    checks.tensor(x, "x")
    checks.positive(clip, "clip")
    checks.bits(bits)
    checks.choice(rounding, "rounding", ROUNDINGS)
    c = torch.as_tensor(clip, dtype=None if isinstance(clip, Tensor) else x.dtype, device=x.device)
    checks.broadcastable(c, x, "clip")
    return coarse_pact(x, c, bits, rounding)


def coarse_pact(x: Tensor, c: Tensor, bits: int, rounding: str = "nearest") -> Tensor:
    """`pact` without checks."""
    top, bound = 2**bits - 1, c.to(x.dtype)
    z = (x / (bound / top)).detach().clamp(0, top)
    k = away(z) if rounding == "nearest" else z.ceil()
    return coarse(bound / top * k, (x, (x > 0) & (x <= bound)), (c, x > bound))


class PACT(nn.Module):
    """`pact` as a module with a trainable clip c.

    bits 1 to 16; clip: the start, a number > 0 or a tensor that broadcasts to the input, by default 6; rounding
    "nearest" | "up". A clip that training drives below 1e-4 counts as 1e-4, with its gradient kept.
    Raises TypeError, ValueError.
    """

    def __init__(self, bits: int, clip: float | Tensor = 6.0, rounding: str = "nearest") -> None:
        super().__init__()
        checks.bits(bits)
        checks.positive(clip, "clip")
        checks.choice(rounding, "rounding", ROUNDINGS)
        self.bits, self.rounding = bits, rounding
        self.clip = nn.Parameter(clip.detach().clone() if isinstance(clip, Tensor) else torch.tensor(float(clip)))

    def forward(self, x: Tensor) -> Tensor:
        c = coarse(self.clip.clamp(min=SMALLEST), (self.clip, 1.0))
        return coarse_pact(x, c, self.bits, self.rounding)

    def extra_repr(self) -> str:
        return f"bits={self.bits}, rounding={self.rounding!r}"
