"""Schedules: numbers that change over a run, as pure functions of the step t = 1, 2, ..., steps.

A schedule is given in shares of the run, so that it means the same for a short and a long one; the length of the run
is the hyper-parameter `steps` (0: unknown, which only a constant schedule accepts).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from qlab.quantizers import checks

Number = float | Tensor

KINDS = ("constant", "geometric", "linear")


def share(t: Number, steps: Number, free: Number = 0.0) -> Tensor:
    """x in [0, 1]: how much of the run after its first `free` share is over at step t; 1 where `steps` is 0.

    x = (t - 1 - n)/(steps - 1 - n) with n = floor(free steps), cut to [0, 1]: 0 up to the first step after the free
    share, 1 from the last step on. `in_free_phase` tells the free share itself apart.
    """
    t, steps = _double(t), _double(steps)
    n = _free_steps(steps, free)
    x = ((t - 1 - n) / (steps - 1 - n).clamp(min=1)).clamp(0, 1)
    return torch.where(t < steps, x, torch.ones_like(x))


def in_free_phase(t: Number, steps: Number, free: Number) -> Tensor:
    """Whether step t lies in the first `free` share of the run: t <= floor(free * steps)."""
    return _double(t) <= _free_steps(_double(steps), free)


def past(t: Number, steps: Number, share: Number) -> Tensor:
    """Whether the first `share` of the run is over at step t; never for a share >= 1, nor where `steps` is 0."""
    over = ~in_free_phase(t, steps, share)
    return over & (_double(share) < 1) & (_double(steps) > 0)


def anneal(kind: str, start: Number, end: Number, x: Tensor) -> Tensor:
    """From `start` at x = 0 to `end` at x = 1: "linear" (1-x) start + x end, "geometric" start^(1-x) end^x (both > 0),
    "constant" end throughout. ValueError for another kind."""
    checks.choice(kind, "kind", KINDS)
    start, end = (torch.as_tensor(v, dtype=x.dtype, device=x.device) for v in (start, end))
    if kind == "constant":
        return end + 0 * x
    if kind == "linear":
        return (1 - x) * start + x * end
    return start ** (1 - x) * end**x


def grown(start: Number, rate: Number, n: Number) -> Tensor:
    """start rate^n, the power cut to what float64 holds: 0 stays 0 however far the power has grown, inf stays inf."""
    return _double(start) * (_double(rate) ** n).clamp(1e-300, 1e300)


def need_length(slug: str, values: Mapping[str, Any], why: str) -> None:
    """ValueError if the run's length is unknown while `why`, a schedule in shares of the run, needs it."""
    if (torch.as_tensor(values.get("steps", 0)) <= 0).any():
        raise ValueError(f"method {slug!r}: {why} is a share of the run, so its length is needed: give steps=...")


def need_length_to_harden(slug: str, values: Mapping[str, Any]) -> None:
    """`need_length` where some `hard_after` lies within the run."""
    if (torch.as_tensor(values["hard_after"]) < 1).any():
        need_length(slug, values, f"hard_after={values['hard_after']}")


def _free_steps(steps: Tensor, free: Number) -> Tensor:
    """floor(free steps), where .29 of 100 steps are 29 although .29 * 100 = 28.999999999999996, and .7 of 10 are 7
    although a stack of float32 weights holds .7 as .69999999."""
    return (_double(free) * steps * (1 + 1e-7)).floor()


def _double(x: Number) -> Tensor:
    return torch.as_tensor(x, dtype=torch.float64)
