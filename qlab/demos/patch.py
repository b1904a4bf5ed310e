"""What changed between two plain figures, as the smallest list of assignments.

A patch is a list of `[trace, path, value]`: `trace` is a number, or "layout"; `path` is plotly's attribute string, for
example "y", "marker.color" or "shapes[0].x0"; a value of None removes the attribute. `apply(old, diff(old, new))`
equals `new`.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from qlab.demos.base import Figure

Change = tuple[int | str, str, Any]


def same(a: Any, b: Any) -> bool:
    """Equality of two attribute values; arrays by content, NaN equal to NaN."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        a, b = np.asarray(a), np.asarray(b)
        floats = a.dtype.kind == "f" and b.dtype.kind == "f"
        return a is b or np.array_equal(a, b, equal_nan=floats)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b) or (a != a and b != b)


def diff(old: Figure, new: Figure) -> list[Change]:
    """The changes that turn `old` into `new`. Raises ValueError if a trace was added, removed or changed its type."""
    kinds = [[trace.get("type", "scatter") for trace in figure["data"]] for figure in (old, new)]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"the traces of a demo stand still: had {kinds[0]}, got {kinds[1]}; draw an empty trace instead"
        )
    changes: list[Change] = []
    for number, (before, after) in enumerate(zip(old["data"], new["data"], strict=True)):
        changes += [(number, path, value) for path, value in _changes(before, after)]
    return changes + [("layout", path, value) for path, value in _changes(old["layout"], new["layout"])]


def _changes(old: dict, new: dict, prefix: str = "") -> list[tuple[str, Any]]:
    out: list[tuple[str, Any]] = [(prefix + name, None) for name in old if name not in new]
    for name, value in new.items():
        out += _change(old.get(name), value, prefix + name) if name in old else [(prefix + name, value)]
    return out


def _change(old: Any, new: Any, path: str) -> list[tuple[str, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        return _changes(old, new, path + ".")
    rows = isinstance(old, (list, tuple)) and isinstance(new, (list, tuple)) and len(old) == len(new)
    if rows and new and all(isinstance(item, dict) for item in (*old, *new)):
        return [c for i, (a, b) in enumerate(zip(old, new, strict=True)) for c in _changes(a, b, f"{path}[{i}].")]
    return [] if same(old, new) else [(path, new)]


def apply(figure: Figure, changes: list[Change]) -> Figure:
    """A copy of the figure with the changes made (what the card does in the browser)."""
    out = {"data": [_copy(trace) for trace in figure["data"]], "layout": _copy(figure["layout"])}
    for number, path, value in changes:
        target: Any = out["layout"] if number == "layout" else out["data"][int(number)]
        *way, last = [int(name) if name.isdigit() else name for name in re.findall(r"[^.\[\]]+", path)]
        for name in way:
            target = target[name]
        if value is None and isinstance(target, dict):
            target.pop(last, None)
        else:
            target[last] = value
    return out


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copy(item) for name, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, (list, tuple)) else value


def pack(value: Any, buffers: list[memoryview]) -> Any:
    """JSON for the card: numeric arrays go to `buffers` as float32 and leave {"$": number, "shape": [...]} behind."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "fiu":
            return pack(value.tolist(), buffers)
        buffers.append(np.ascontiguousarray(value, np.float32).data.cast("B"))
        return {"$": len(buffers) - 1, "shape": list(value.shape)}
    if isinstance(value, dict):
        return {name: pack(item, buffers) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [pack(item, buffers) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
