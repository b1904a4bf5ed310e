"""The straight-through family: by what derivative a staircase's zero derivative is replaced, stated at its end points.

For activations: identity, ReLU, clipped ReLU. For weights: identity, hardtanh. (A ReLU mask on weights freezes every
negative weight for good, so it is not offered for them.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from qlab.quantizers import checks
from qlab.quantizers.coarse import coarse


class Surrogate(NamedTuple):
    """A ramp in place of the staircase; both functions take (x, bound), the bound being where the ramp ends."""

    function: Callable[[Tensor, float | Tensor], Tensor]  # for drawing; never differentiated
    derivative: Callable[[Tensor, float | Tensor], Tensor]  # a mask (bool), the declared derivative


def _one(x: Tensor, bound: float | Tensor) -> Tensor:
    return torch.ones_like(x, dtype=torch.bool)


ACTIVATIONS = {
    "identity": Surrogate(lambda x, top: x, _one),
    "relu": Surrogate(lambda x, top: x.relu(), lambda x, top: x > 0),
    "clipped-relu": Surrogate(lambda x, top: torch.where(x > top, top, x.relu()), lambda x, top: (x > 0) & (x <= top)),
}
WEIGHTS = {
    "identity": Surrogate(lambda w, box: w, _one),
    "hardtanh": Surrogate(lambda w, box: torch.where(w.abs() > box, box * w.sign(), w), lambda w, box: w.abs() <= box),
}


def activation_derivative(x: Tensor, surrogate: str = "clipped-relu", top: float | Tensor = 1.0) -> Tensor:
    """The derivative μ'(x) that stands in for an activation's: a mask (bool) of x's shape.

        identity 1   |   relu 1{x > 0}   |   clipped-relu 1{0 < x <= top}

    x: any shape; top > 0: where the clipped ramp ends, in x's units ((2^b - 1) s_x, or 1 for the binary unit).
    Raises TypeError, ValueError. Source: S0 II, S2 ("large scale" derivative).
    """
    checks.tensor(x, "x")
    checks.choice(surrogate, "surrogate", ACTIVATIONS)
    checks.positive(top, "top")
    return ACTIVATIONS[surrogate].derivative(x, top)


def weight_derivative(w: Tensor, surrogate: str = "identity", box: float | Tensor = 1.0) -> Tensor:
    """The derivative of Q(w) that STE on weights declares: a mask (bool) of w's shape.

        identity 1 (= BinaryConnect)   |   hardtanh 1{|w| <= box}

    w: any shape; box > 0 in w's units. Raises TypeError, ValueError. Source: S0 II.
    """
    checks.tensor(w, "w")
    checks.choice(surrogate, "surrogate", WEIGHTS)
    checks.positive(box, "box")
    return WEIGHTS[surrogate].derivative(w, box)


def binary_unit(x: Tensor, surrogate: str = "relu", top: float | Tensor = 1.0) -> Tensor:
    """σ(x) = 1{x > 0} with the derivative of a surrogate: the activation of the two-layer theory.

    x: any shape; returns 0 and 1 in x's dtype. Raises TypeError, ValueError. Source: S2 analysis; S0 II.
    """
    derivative = activation_derivative(x, surrogate, top)
    return coarse((x > 0).to(x.dtype), (x, derivative))
