"""The base optimizers, equal to torch's own: the direction goes in, the step per unit of lr comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

Buffers = dict[str, Tensor]
Base = Callable[[Tensor, Buffers, "object"], tuple[Tensor, Buffers]]


def sgd(d: Tensor, b: Buffers, h) -> tuple[Tensor, Buffers]:
    """m = momentum m + d;  returns m, or d + momentum m with `nesterov` (torch.optim.SGD without dampening)."""
    if "momentum_buffer" not in b:
        return d, b
    m = h.momentum * b["momentum_buffer"] + d
    return (d + h.momentum * m if h.option("nesterov") else m), {"momentum_buffer": m}


def adam(d: Tensor, b: Buffers, h) -> tuple[Tensor, Buffers]:
    """m = beta1 m + (1-beta1) d,  v = beta2 v + (1-beta2) d^2;  returns mhat / (sqrt(vhat) + eps) (torch: Adam)."""
    m = h.beta1 * b["exp_avg"] + (1 - h.beta1) * d
    v = h.beta2 * b["exp_avg_sq"] + (1 - h.beta2) * d * d
    mhat, root_vhat = m / (1 - h.beta1**h.t), v.sqrt() / (1 - h.beta2**h.t).sqrt()
    return mhat / (root_vhat + h.eps), {"exp_avg": m, "exp_avg_sq": v}


BASES: Mapping[str, Base] = {"sgd": sgd, "adam": adam}
DEFAULTS: Mapping[str, Mapping[str, float]] = {
    "sgd": {"momentum": 0.0},
    "adam": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
}
"""The numbers of each base; all of them, like those of a rule, may be tensors over the runs of a stack."""
RANGES = {"momentum": "[0, inf)", "beta1": "[0, 1)", "beta2": "[0, 1)", "eps": "[0, inf)"}


def buffer_names(base: str, group: Mapping) -> tuple[str, ...]:
    """The buffers that a base keeps for each parameter (SGD without momentum: none)."""
    if base == "adam":
        return ("exp_avg", "exp_avg_sq")
    momentum = group["momentum"]
    return ("momentum_buffer",) if isinstance(momentum, Tensor) or momentum else ()
