"""How long a chain waits: the time on a level, the ways out of it, and the time to a set of levels.

    W(x) = 1 / (1 - T(x, x))                      mean number of steps until x is left (geometric law)
    h(x) = 1 + sum_y T(x, y) h(y), h = 0 on A     mean number of steps until A is reached

For SR at small steps 1 - T(x, x) = step_size E|g| / spacing: a tenth of the step, ten times the waiting, the same path.
Source: S1, "Stochastic Rounding as a Markov Chain" (the squished perturbation); the times are ours.
"""

from __future__ import annotations

import torch
from torch import Tensor


def moves(T: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(left, stay, right), each (K,): the probabilities of going down, staying and going up, over all distances."""
    return T.tril(-1).sum(1), T.diagonal(), T.triu(1).sum(1)


def waiting_time(T: Tensor) -> Tensor:
    """W (K,) >= 1 in steps; inf on a level never left. 1 - T(x, x) is the sum of the others: no cancellation."""
    left, _, right = moves(T)
    return 1 / (left + right)


def hitting_time(T: Tensor, target: Tensor) -> Tensor:
    """h (K,) in steps until the levels marked in `target` (K,) bool are reached; 0 there.

    Raises ValueError if no level is marked, or if some level cannot reach a marked one.
    """
    if not target.any():
        raise ValueError("target marks no level; mark at least one")
    rest = ~target
    h = torch.zeros_like(T[0])
    inner = T[rest][:, rest]
    out, error = torch.linalg.solve_ex(
        torch.eye(len(inner), dtype=T.dtype) - inner, torch.ones(len(inner), dtype=T.dtype)
    )
    if int(error) or not (out > 0).all():  # rounding lets the steps of a level that cannot arrive come out negative
        raise ValueError("some level never reaches the target: its time is infinite")
    h[rest] = out
    return h
