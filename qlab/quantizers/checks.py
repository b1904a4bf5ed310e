"""What the public functions accept. Each check names the argument, what was given and what is allowed.

They read values, so on an accelerator they wait for it: rules and modules call the unchecked inner functions instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real

import torch
from torch import Tensor

from qlab.messages import unknown

MAX_BITS = 16


def bits(value: object, name: str = "bits") -> None:
    """An integer from 1 to 16: TypeError for 2.5 or True, ValueError outside the range."""
    allowed = f"allowed: an integer from 1 to {MAX_BITS}"
    if isinstance(value, bool) or not isinstance(value, Integral):
        near = f"; did you mean {max(1, round(value))}?" if isinstance(value, float) and math.isfinite(value) else ""
        raise TypeError(f"{name} = {value!r} is not an integer; {allowed}{near}")
    if not 1 <= int(value) <= MAX_BITS:
        raise ValueError(f"{name} = {value!r} is out of range; {allowed}")


def count(value: object, name: str) -> None:
    """An integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} = {value!r} is not an integer; allowed: an integer of at least 1")
    if int(value) < 1:
        raise ValueError(f"{name} = {value!r} is out of range; allowed: an integer of at least 1")


def choice(value: object, name: str, allowed: Iterable[str]) -> None:
    """One of the allowed names."""
    allowed = list(allowed)
    if value not in allowed:
        raise ValueError(unknown(name, value, allowed))


def floating(value: object, name: str) -> None:
    """A floating-point tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{name} is {type(value).__name__}; allowed: a floating-point tensor; did you mean torch.as_tensor({name})?"
        )
    if not value.is_floating_point():
        raise TypeError(
            f"{name} has dtype {value.dtype}; allowed: a floating-point tensor; did you mean {name}.float()?"
        )


def tensor(value: object, name: str) -> None:
    """A non-empty floating-point tensor without NaN or infinity."""
    floating(value, name)
    assert isinstance(value, Tensor)
    if value.numel() == 0:
        raise ValueError(f"{name} is empty (shape {tuple(value.shape)}); allowed: at least one element")
    _finite(value, name)


def _finite(value: Tensor, name: str) -> None:
    bad = ~value.detach().isfinite()
    if bad.any():
        first = tuple(bad.nonzero()[0].tolist())
        raise ValueError(
            f"{name} has {int(bad.sum())} non-finite value(s), the first is {value[first].item()} at {first}; "
            "allowed: finite numbers"
        )


def positive(value: object, name: str) -> None:
    """A finite number, or a tensor of finite numbers, greater than 0."""
    if isinstance(value, Tensor):
        tensor(value, name)
        if not (value > 0).all():
            raise ValueError(f"{name} has the value {value.min().item()}; allowed: greater than 0")
        return
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} = {value!r} is not a number; allowed: a finite number greater than 0")
    if not 0 < float(value) < math.inf:
        raise ValueError(f"{name} = {value!r}; allowed: a finite number greater than 0")


def inside(value: object, interval: str, name: str) -> None:
    """A number, or a tensor of numbers, in an interval such as "[0, 1)"; NaN is in none."""
    if isinstance(value, bool) or not isinstance(value, Real | Tensor):
        raise TypeError(f"{name} = {value!r} is not a number; allowed: numbers in {interval}")
    low, high = (float(end) for end in interval[1:-1].split(","))
    x = torch.as_tensor(value, dtype=torch.float64)
    above, below = x > low if interval[0] == "(" else x >= low, x < high if interval[-1] == ")" else x <= high
    if not (above & below).all():
        raise ValueError(f"{name} = {value}; allowed: numbers in {interval}")


def non_negative(value: object, name: str) -> None:
    """A tensor of finite numbers, at least 0."""
    tensor(value, name)
    assert isinstance(value, Tensor)
    if not (value >= 0).all():
        raise ValueError(f"{name} has the value {value.min().item()}; allowed: at least 0")


def shape(value: Tensor, allowed: Iterable[int], name: str) -> None:
    """Exactly this shape."""
    if tuple(value.shape) != tuple(allowed):
        raise ValueError(f"{name} has shape {tuple(value.shape)}; allowed: {tuple(allowed)}")


def levels(value: object, name: str = "levels") -> None:
    """A 1-dimensional tensor of strictly increasing finite numbers."""
    tensor(value, name)
    assert isinstance(value, Tensor)
    if value.ndim != 1:
        raise ValueError(f"{name} has shape {tuple(value.shape)}; allowed: one dimension, (K,)")
    steps = value[1:] - value[:-1]
    if (steps == 0).any():
        twice = value[1:][steps == 0][0].item()
        raise ValueError(
            f"{name} has the value {twice} twice; allowed: strictly increasing; did you mean {name}.unique()?"
        )
    if (steps < 0).any():
        at = int((steps < 0).nonzero()[0])
        raise ValueError(
            f"{name} is not sorted: {value[at].item()} before {value[at + 1].item()}; allowed: strictly increasing; "
            f"did you mean {name}.unique()?"
        )


def uniforms(value: object, w: Tensor, name: str = "u") -> None:
    """Uniform numbers in [0, 1), broadcastable to w."""
    tensor(value, name)
    assert isinstance(value, Tensor)
    broadcastable(value, w, name)
    if not ((value >= 0) & (value < 1)).all():
        raise ValueError(
            f"{name} lies between {value.min().item()} and {value.max().item()}; allowed: uniform numbers in [0, 1)"
        )


def broadcastable(value: Tensor, w: Tensor, name: str) -> None:
    """A shape that broadcasts to w's without enlarging it."""
    try:
        fits = torch.broadcast_shapes(value.shape, w.shape) == w.shape
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(
            f"{name} has shape {tuple(value.shape)}; allowed: a shape that broadcasts to w's, {tuple(w.shape)}"
        )


def axis(value: object, w: Tensor, name: str = "axis") -> None:
    """None, or one of w's axes."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} = {value!r}; allowed: None (one scale) or an integer, the axis that owns the scales")
    if not -w.ndim <= int(value) < w.ndim:
        raise ValueError(
            f"{name} = {value!r}; allowed: None or {-w.ndim} to {w.ndim - 1}, for w of shape {tuple(w.shape)}"
        )
