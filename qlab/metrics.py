"""What is watched while a quantized network trains: tensors in, tensors out, nothing synchronises.

`runs` says how many leading axes belong to a stack (0 or 1): the result keeps them.
"""

from __future__ import annotations

import torch
from torch import Tensor


def _mean(x: Tensor, runs: int) -> Tensor:
    return x.flatten(runs).mean(-1)


def flips(before: Tensor, after: Tensor, runs: int = 0) -> Tensor:
    """Share of weights that deploy to another level: mean of 1{before != after}, of codes or quantized weights.

    Between two steps: flips per step. Against the start: the share of changed weights (S1, exploration).
    """
    return _mean((before != after).to(torch.float64), runs)


def sign_changes(before: Tensor, after: Tensor, runs: int = 0) -> Tensor:
    """Share of weights whose sign differs, sign(0) = +1: mean of 1{sign(before) != sign(after)}."""
    return flips(before >= 0, after >= 0, runs)


def distance_to_grid(w: Tensor, quantized: Tensor, runs: int = 0) -> Tensor:
    """Relative distance |w - Q(w)| / |w| (Euclidean norms); 0 for weights on their grid, also if all are zero."""
    error, size = (
        torch.linalg.vector_norm(x.detach().flatten(runs), dim=-1, dtype=torch.float64) for x in (w - quantized, w)
    )
    return error / torch.where(size > 0, size, torch.ones_like(size))
