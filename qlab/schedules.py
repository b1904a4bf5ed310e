"""Schedules: numbers that change over a run, as pure functions of the step t = 1, 2, ..., steps.

A schedule is given in shares of the run, so that it means the same for a short and a long one; the length of the run
is the hyper-parameter `steps` (0: unknown, which only a constant schedule accepts).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

Number = float | Tensor

KINDS = ("constant", "geometric", "linear")


def share(t: Number, steps: Number, free: Number = 0.0) -> Tensor:
    """x in [0, 1]: how much of the run after its first `free` share is over at step t; 1 where `steps` is 0.

    x = ((t - 1)/(steps - 1) - free) / (1 - free), clamped: 0 at the first step after the free share, 1 at the last.
    Negative values are cut to 0; `in_free_phase` tells them apart.
    """
    done = _done(t, steps)
    free = torch.as_tensor(free, dtype=done.dtype, device=done.device)
    return ((done - free) / (1 - free).clamp(min=1e-12)).clamp(0, 1)


def in_free_phase(t: Number, steps: Number, free: Number) -> Tensor:
    """Whether step t lies in the first `free` share of the run: t <= free * steps."""
    t, steps = torch.as_tensor(t, dtype=torch.float64), torch.as_tensor(steps, dtype=torch.float64)
    return t <= torch.as_tensor(free, dtype=torch.float64) * steps


def anneal(kind: str, start: Number, end: Number, x: Tensor) -> Tensor:
    """From `start` at x = 0 to `end` at x = 1: "linear" (1-x) start + x end, "geometric" start^(1-x) end^x (both > 0),
    "constant" end throughout."""
    start, end = (torch.as_tensor(v, dtype=x.dtype, device=x.device) for v in (start, end))
    if kind == "constant":
        return end + 0 * x
    if kind == "linear":
        return (1 - x) * start + x * end
    return start ** (1 - x) * end**x


def need_length(slug: str, values: Mapping[str, Any], why: str) -> None:
    """ValueError if the run's length is unknown while `why`, a schedule in shares of the run, needs it."""
    steps = values.get("steps", 0)
    if not isinstance(steps, Tensor) and steps <= 0:
        raise ValueError(f"method {slug!r}: {why} is a share of the run, so its length is needed: give steps=...")


def _done(t: Number, steps: Number) -> Tensor:
    t, steps = torch.as_tensor(t, dtype=torch.float64), torch.as_tensor(steps, dtype=torch.float64)
    done = (t - 1) / (steps - 1).clamp(min=1)
    return torch.where(steps > 0, done, torch.ones_like(done))
