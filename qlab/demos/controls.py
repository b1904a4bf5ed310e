"""A schema's control as the card draws it: every slider is an index into a list of round values."""

from __future__ import annotations

import bisect
import math
from typing import Any

import numpy as np

from qlab.demos import look
from qlab.schema import Control

FEW = 5  # up to five choices are a row of buttons, more are a select


def grid(control: Control, *extra: Any) -> list[float]:
    """The values a slider stops at: its steps (log scale: `step` in decades), its ends, default, document and `extra`.

    Raises ValueError for a slider without a range.
    """
    low, high, step = control.min, control.max, control.step
    if low is None or high is None or step is None:
        raise ValueError(f"{control.name} is a slider and needs ge and le, has ge={low!r}, le={high!r}")
    if control.scale == "log":
        count = round(math.log10(high / low) / step)
        values = [float(f"{v:.2g}") for v in np.geomspace(low, high, count + 1)]
    else:
        digits = max(0, -math.floor(math.log10(step))) + 1
        values = [round(low + i * step, digits) for i in range(math.floor((high - low) / step + 1e-9) + 1)]
    values += [v for v in (low, high, control.default, control.document, *extra) if isinstance(v, (int, float))]
    whole = control.type == "int"
    return sorted({int(v) if whole else float(v) for v in values if low <= v <= high})


def spec(control: Control, value: Any) -> dict[str, Any]:
    """What card.js needs to draw one control."""
    out: dict[str, Any] = {
        "name": control.name,
        "label": control.label,
        "symbol": control.symbol,
        "unit": control.unit,
        "help": control.help,
        "kind": control.kind,
        "update": control.update,
        "note": control.note,
    }
    if control.kind == "slider":
        values = grid(control, value)
        out |= {"grid": values, "note": control.note or _range(control)}
        if isinstance(control.document, (int, float)) and len(values) > 1:
            out["document"] = bisect.bisect_left(values, control.document) / (len(values) - 1)
    elif control.kind in ("choice", "several"):
        if not control.choices:
            raise ValueError(f"{control.name} is a text and needs choices to be a control")
        shown = control.labels or [look.STYLES[c].short if c in look.STYLES else look.value(c) for c in control.choices]
        out["choices"] = [[c, s] for c, s in zip(control.choices, shown, strict=True)]
        out["kind"] = "select" if control.kind == "choice" and len(shown) > FEW else control.kind
        out["document"] = control.document
    return out


def _range(control: Control) -> str:
    ends = f"{look.value(control.min)} … {look.value(control.max)}"  # type: ignore[arg-type]
    return f"{ends}, log" if control.scale == "log" else ends
