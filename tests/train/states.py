"""Comparing the states of two runs."""

import torch

from qlab.train import checkpoint


def equal(a, b):
    """Bitwise equality of nested plain data and tensors."""
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


def final(folder):
    state = checkpoint.load(folder)[0]
    return {k: v for k, v in state.items() if k not in ("wall_seconds", "cpu_seconds", "sessions", "config")}
