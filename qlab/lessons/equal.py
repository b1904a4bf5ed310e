"""Fifteen lines in the open against the library: equal on random inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from qlab.lessons.emit import emit

DRAWS = ("normal", "uniform")


def draw(kind: str, case: int, number: int, shape: tuple[int, ...]) -> Any:
    """Input `number` of a case: a float64 tensor of standard normal or [0, 1) uniform numbers."""
    import torch

    from qlab import uniforms

    return getattr(uniforms, kind)(2024, case, number, shape, stream="data", dtype=torch.float64)


def plain(value: Any) -> np.ndarray:
    """A number, list, array or tensor as a float64 array."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    return np.asarray(value, dtype=np.float64)


def difference(mine: Any, reference: Any, tolerance: float) -> str | None:
    """Where two results differ, in words; None if they agree to `tolerance` (absolute and relative; NaN equals NaN)."""
    try:
        a, b = plain(mine), plain(reference)
    except (TypeError, ValueError):
        return f"expected numbers, got {mine!r}"
    if a.shape != b.shape:
        return f"expected shape {b.shape}, got shape {a.shape}"
    with np.errstate(invalid="ignore"):
        apart = ~((np.abs(a - b) <= tolerance * (1 + np.abs(b))) | (a == b) | (np.isnan(a) & np.isnan(b)))
    if not apart.any():
        return None
    where = tuple(int(i) for i in np.argwhere(apart)[0])
    at = f" at index {', '.join(map(str, where))}" if where else ""
    return f"expected {short(b[where])}, got {short(a[where])}{at}"


def short(value: Any) -> str:
    """A value as a message shows it: 0.2, -1, [0.1, 0.2, ...]."""
    if callable(value):
        return getattr(value, "__name__", "a function")
    try:
        array = plain(value)
    except (TypeError, ValueError):
        return repr(value)
    if isinstance(value, (bool, str)):
        return repr(value)
    if array.ndim == 0:
        return f"{float(array):.6g}"
    few = [f"{v:.4g}" for v in array.ravel()[:4]]
    return f"[{', '.join(few)}{', ...' if array.size > 4 else ''}]"


def same(
    mine: Callable[..., Any],
    reference: Callable[..., Any],
    *,
    n: int = 100,
    shape: tuple[int, ...] = (17,),
    tolerance: float = 1e-12,
    numpy: bool = False,
    **arguments: Any,
) -> None:
    """Call both functions with the same keyword arguments `n` times and say whether they agree.

    An argument "normal" or "uniform" is drawn anew in every case (float64 tensor of `shape`), a function of the case
    number is called with it, anything else is passed on. `numpy=True`: `mine` gets arrays in place of tensors.
    """
    if not arguments:
        raise ValueError("same() needs the functions' arguments by name, e.g. w='normal', lr=0.1")
    if n < 1:
        raise ValueError(f"n={n!r}; allowed: at least 1")
    for case in range(n):
        inputs = {
            name: draw(value, case, i, shape)
            if isinstance(value, str) and value in DRAWS
            else value(case)
            if callable(value)
            else value
            for i, (name, value) in enumerate(arguments.items())
        }
        own = {k: v.clone() if hasattr(v, "clone") else v for k, v in inputs.items()}
        if numpy:
            own = {k: v.numpy() if hasattr(v, "numpy") else v for k, v in own.items()}
        apart = difference(mine(**own), reference(**inputs), tolerance)
        if apart:
            given = ", ".join(f"{k}={short(v)}" for k, v in inputs.items())
            emit(f"same as the library: no (for {given}: {apart})", same=False)
            return
    emit(f"same as the library: yes ({n} random inputs)", same=True)
