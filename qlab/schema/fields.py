"""One parameter of a lesson: its type, range, help and how a control shows it, declared once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

KEY = "qlab"  # where a pydantic field keeps what only qlab knows about it


@dataclass(frozen=True)
class Control:
    """What a presenter needs to draw one control.

    `kind`: "slider" (int or float), "choice" (one of `choices`), "several" (some of `choices`, value "bc,sr"),
    "toggle" (bool). `labels`: the choices as people read them, or empty where the values say it.
    `step`: distance of neighbouring values; on a log scale it is measured in decades (0.05 = 20 values a decade).
    `document`: the document's own value, drawn as a tick. `note`: a small grey line under the control.
    `update`: "drag" (redraw while dragging) or "release".
    """

    name: str
    label: str
    symbol: str
    unit: str
    help: str
    kind: str
    type: str
    min: float | None
    max: float | None
    step: float | None
    scale: str
    choices: tuple[Any, ...]
    labels: tuple[str, ...]
    default: Any
    update: str
    note: str
    document: float | str | None


def parameter(
    default: Any,
    *,
    help: str,
    ge: float | None = None,
    le: float | None = None,
    choices: Sequence[Any] | Mapping[Any, str] | None = None,
    several: bool = False,
    symbol: str = "",
    label: str | None = None,
    unit: str = "",
    scale: str = "linear",
    step: float | None = None,
    update: str = "drag",
    note: str = "",
    document: float | str | None = None,
    quick: Any = None,
) -> Any:
    """A pydantic field with everything the suite needs to know about one lesson parameter.

    The type is the annotation's: float, int, str or bool. `ge`, `le`: the allowed range, ends included. `choices`: the
    allowed values, or {value: its label on the control}; `several=True`: a str of comma-separated choices, e.g.
    "bc,sr". `quick`: the value of the reduced preset (environment QLAB_PRESET=quick) where the default is too slow for
    a test.
    """
    if scale not in ("linear", "log"):
        raise ValueError(f"scale={scale!r}; allowed: 'linear', 'log'")
    if update not in ("drag", "release"):
        raise ValueError(f"update={update!r}; allowed: 'drag', 'release'")
    if scale == "log" and not (ge is not None and ge > 0 and le is not None):
        raise ValueError(f"a log scale needs 0 < ge and a le, got ge={ge!r}, le={le!r}")
    if several and not choices:
        raise ValueError("several=True needs choices")
    extra = {
        "choices": tuple(choices or ()),
        "labels": tuple(choices.values()) if isinstance(choices, Mapping) else (),
        "several": several,
        "symbol": symbol,
        "label": label,
        "unit": unit,
        "scale": scale,
        "step": step,
        "update": update,
        "note": note,
        "document": document,
        "quick": quick,
        "ge": ge,
        "le": le,
    }
    return Field(default, description=help, ge=ge, le=le, json_schema_extra={KEY: extra})


def split(text: str) -> tuple[str, ...]:
    """The items of a "several" value: split("bc, sr") == ("bc", "sr")."""
    return tuple(item.strip() for item in text.split(",") if item.strip())


def nice_step(low: float, high: float, parts: int = 100) -> float:
    """The 1-2-5 number nearest below (high - low) / parts: a step that shows round values."""
    raw = (high - low) / parts
    power = 10.0 ** math.floor(math.log10(raw))
    factor = max(f for f in (1, 2, 5) if f * power <= raw * (1 + 1e-9))
    return float(f"{factor * power:.6g}")


def number(value: object) -> str:
    """A number as people write it: 0.001, 1e-05, 3 (never 3.0 for an int), text as it is."""
    return f"{value:g}" if isinstance(value, float) else str(value)
