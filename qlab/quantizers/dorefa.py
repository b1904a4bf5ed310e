"""DoReFa quantizers for weights and activations."""

from __future__ import annotations

import torch
from torch import Tensor

from qlab.quantizers import checks
from qlab.quantizers.coarse import coarse
from qlab.quantizers.grids import Grid
from qlab.quantizers.rounding import away, wide

WEIGHT_SCALES = ("one", "mean")


def dorefa_round(z: Tensor, bits: int) -> Tensor:
    """r(z) = round(z (2^k - 1)) / (2^k - 1), ties away from zero; no derivative is declared here.

    z: any shape, float; bits k >= 1. Raises TypeError, ValueError.
    Source: S3 section 4 (printed with 1/2^{k-1}; then r(1) = 1.5 at k = 2).
    """
    checks.tensor(z, "z")
    checks.bits(bits)
    return rounded(z, bits)


def dorefa_weight(w: Tensor, bits: int, scale: str = "one", axis: int | None = None) -> Tensor:
    """q_w = 2 r(1/2 + tanh w / (2 max|tanh w|)) - 1: the level of {-1, ..., +1} nearest to t = tanh w / max|tanh w|.

    Levels are the 2^k odd multiples of 1/(2^k - 1), zero is none of them; a tie goes away from zero and 0 goes to the
    positive level next to it. Derivative: r counts as the identity, t is differentiated, the maximum too.

    w: any shape, float; scale "one": the printed formula, "mean": times mean |w|, not differentiated (the authors'
    code; at 1 bit it is sign(w) mean|w|). axis: None: one maximum and mean for the tensor ("over the layer"), else one
    per slice of that axis (a stack of runs). An all-zero tensor stays finite. Raises TypeError, ValueError.
    Source: S3 section 4.
    """
    checks.tensor(w, "w")
    checks.bits(bits)
    checks.choice(scale, "scale", WEIGHT_SCALES)
    checks.axis(axis, w)
    if axis is None:
        return weight(w, bits, scale)
    return weight(w.movedim(axis, 0), bits, scale, keep=1).movedim(0, axis)


def dorefa_activation(x: Tensor, bits: int) -> Tensor:
    """q_a = r(clip(x, 0, 1)), levels 0, 1/n, ..., 1 with n = 2^k - 1; declared derivative 1{0 < x <= 1}.

    x: any shape, float. Raises TypeError, ValueError. Source: S3 section 4; the end points as S2's ramp.
    """
    checks.tensor(x, "x")
    checks.bits(bits)
    return activation(x, bits)


def weight(w: Tensor, bits: int, scale: str = "one", keep: int = 0) -> Tensor:
    """`dorefa_weight` without checks; the leading `keep` axes own their maximum and mean."""
    t = wide(w).tanh()
    axes = tuple(range(keep, w.ndim))
    largest = t.abs().amax(axes, keepdim=True) if axes else t.abs()
    t = t / torch.where(largest == 0, 1, largest)
    q = coarse(Grid(bits, "dorefa").nearest(t, torch.ones_like(largest)), (t, 1.0))
    if scale == "mean":
        q = q * wide(Grid(bits, "dorefa", scale="mean").scale_of(w.detach(), keep))
    return q.to(w.dtype)


def activation(x: Tensor, bits: int) -> Tensor:
    """`dorefa_activation` without checks, in the `coarse` form."""
    return coarse(rounded(x.clamp(0, 1), bits), (x, (x > 0) & (x <= 1)))


def rounded(z: Tensor, bits: int) -> Tensor:
    """`dorefa_round` without checks."""
    n = 2**bits - 1
    return away(z * n).div_(n)
