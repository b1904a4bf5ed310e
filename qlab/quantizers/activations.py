"""The quantized ReLU of S2 with its coarse derivatives, and modules for it and DoReFa's activation.

Each activation has two forms with identical values and derivatives: `coarse`, which reads like the equations, and a
fused autograd.Function, which keeps only x and needs a fifth of the time; modules use the fused one.
All of it is computed in x's own precision.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

from qlab.quantizers import checks, dorefa
from qlab.quantizers.coarse import coarse
from qlab.quantizers.rounding import wide
from qlab.quantizers.ste import ACTIVATIONS

DERIVATIVES = ("ae", "3-valued", "2-valued")
SMALLEST = 1e-4  # the module's floor under the resolution, which must stay positive (ours; the authors' code has 1e-3)


def quant_relu(
    x: Tensor, resolution: float | Tensor, bits: int, derivative: str = "3-valued", surrogate: str = "clipped-relu"
) -> Tensor:
    """σ(x, s_x) = s_x clip(ceil(x/s_x), 0, 2^b - 1), with declared derivatives; top = (2^b - 1) s_x.

        dσ/dx     1{0 < x <= top}    (surrogate "clipped-relu"; "relu": 1{x > 0}, "identity": 1)

        dσ/ds_x                0 < x <= top        x > top
          "ae"                 ceil(x/s_x)         2^b - 1      the almost-everywhere derivative
          "3-valued"           2^(b-1)             2^b - 1      its mean over the levels
          "2-valued"           0                   2^b - 1      that of the clipped ReLU

    x: any shape, float; resolution s_x > 0, a number or a tensor that broadcasts to x (its gradient is summed over the
    rest). ceil(x/s_x) at x = k s_x is k where the quotient is exact, as for s_x a power of two.
    Raises TypeError, ValueError. Source: S2, activation quantization and "Differentiate a Staircase Function".
    """
    checks.tensor(x, "x")
    checks.positive(resolution, "resolution")
    checks.bits(bits)
    checks.choice(derivative, "derivative", DERIVATIVES)
    checks.choice(surrogate, "surrogate", ACTIVATIONS)
    s = torch.as_tensor(resolution, dtype=None if isinstance(resolution, Tensor) else x.dtype, device=x.device)
    checks.broadcastable(s, x, "resolution")
    return coarse_quant_relu(x, s, bits, derivative, surrogate)


def coarse_quant_relu(
    x: Tensor, s: Tensor, bits: int, derivative: str = "3-valued", surrogate: str = "clipped-relu"
) -> Tensor:
    """`quant_relu` without checks, in the `coarse` form."""
    top = 2**bits - 1
    z = x / s.to(x.dtype)
    k = z.ceil().clamp(0, top)
    ramp, above = (z > 0) & (z <= top), z > top
    ds = {"ae": k, "3-valued": 2 ** (bits - 1) * ramp + top * above, "2-valued": top * above}[derivative]
    return coarse(s.to(x.dtype) * k, (x, ACTIVATIONS[surrogate].derivative(z, top)), (s, ds))


class FusedQuantReLU(Function):
    """`coarse_quant_relu` with the clipped ReLU's ramp, as one autograd node. Call `.apply(x, s, bits, derivative)`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, s: Tensor, bits: int, derivative: str) -> Tensor:
        s = s.to(x.dtype)
        return (x / s).ceil_().clamp(0, 2**bits - 1).mul_(s)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        x, s, ctx.bits, ctx.derivative = inputs
        ctx.save_for_backward(x, s)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (g,), (x, s), top = grads, ctx.saved_tensors, 2**ctx.bits - 1
        z = x / s.to(x.dtype)
        dx, ds = ramp_backward(g, z, ctx.bits), None
        if ctx.needs_input_grad[1]:
            above = torch.ops.aten.threshold_backward(g, z, top)  # g where z > top
            if ctx.derivative == "ae":
                ds = _sum(g * z.ceil().clamp(0, top), s)
            elif ctx.derivative == "3-valued":
                ds = 2 ** (ctx.bits - 1) * _sum(dx, s) + top * _sum(above, s)
            else:
                ds = top * _sum(above, s)
            ds = ds.to(s.dtype)
        return dx, ds, None, None


class FusedDoReFa(Function):
    """`dorefa.activation` as one autograd node. Call `.apply(x, bits)`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, bits: int) -> Tensor:
        return dorefa.rounded(x.clamp(0, 1), bits)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        x, _ = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (x,) = ctx.saved_tensors
        return ramp_backward(grads[0], x, 1), None


def ramp_backward(g: Tensor, z: Tensor, bits: int) -> Tensor:
    """g 1{0 < z <= 2^b - 1}. The kernel's upper end is open, so it is given the next number above."""
    top = 2**bits - 1
    return torch.ops.aten.hardtanh_backward(g, z, 0.0, top + torch.finfo(z.dtype).eps * 2 ** (bits - 1))


def _sum(t: Tensor, s: Tensor) -> Tensor:
    return wide(t).sum_to_size(s.shape)


class QuantReLU(nn.Module):
    """The quantized ReLU with a trainable resolution s_x: `quant_relu` as a module.

    bits 1 to 16; resolution: the start, a number > 0 or a tensor that broadcasts to the input ((C, 1, 1) for C runs or
    channels), by default 1/(2^b - 1) (top level 1); derivative "3-valued" | "2-valued" | "ae"; surrogate
    "clipped-relu" | "relu" | "identity". fused=False uses the `coarse` form (the surrogates other than the clipped
    ReLU always do). A resolution that training drives below 1e-4 counts as 1e-4, with its gradient kept.
    Raises TypeError, ValueError. Source: S2, activation quantization (initial value 1/(2^b - 1)).
    """

    def __init__(
        self,
        bits: int,
        resolution: float | Tensor | None = None,
        derivative: str = "3-valued",
        surrogate: str = "clipped-relu",
        fused: bool = True,
    ) -> None:
        super().__init__()
        checks.bits(bits)
        checks.choice(derivative, "derivative", DERIVATIVES)
        checks.choice(surrogate, "surrogate", ACTIVATIONS)
        resolution = 1 / (2**bits - 1) if resolution is None else resolution
        checks.positive(resolution, "resolution")
        self.bits, self.derivative, self.surrogate = bits, derivative, surrogate
        self.fused = fused and surrogate == "clipped-relu"
        start = resolution.detach().clone() if isinstance(resolution, Tensor) else torch.tensor(float(resolution))
        self.resolution = nn.Parameter(start)

    def forward(self, x: Tensor) -> Tensor:
        s = coarse(self.resolution.clamp(min=SMALLEST), (self.resolution, 1.0))
        if self.fused:
            return FusedQuantReLU.apply(x, s, self.bits, self.derivative)
        return coarse_quant_relu(x, s, self.bits, self.derivative, self.surrogate)

    def extra_repr(self) -> str:
        return f"bits={self.bits}, derivative={self.derivative!r}, surrogate={self.surrogate!r}"


class DoReFaActivation(nn.Module):
    """r(clip(x, 0, 1)) as a module; fused=False uses the `coarse` form. Raises TypeError, ValueError for bits.

    Source: S3 section 4.
    """

    def __init__(self, bits: int, fused: bool = True) -> None:
        super().__init__()
        checks.bits(bits)
        self.bits, self.fused = bits, fused

    def forward(self, x: Tensor) -> Tensor:
        return FusedDoReFa.apply(x, self.bits) if self.fused else dorefa.activation(x, self.bits)

    def extra_repr(self) -> str:
        return f"bits={self.bits}"
