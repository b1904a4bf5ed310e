"""Document, recorded, yours: three columns and a flag where they differ."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qlab.lessons.emit import emit, table
from qlab.lessons.places import root
from qlab.lessons.setup import current


@dataclass(frozen=True)
class Row:
    """One line of a comparison. `document`: the document's number, or its words where it prints none.

    `spread`: standard deviation of `yours` over the seeds; `unit` behind the numbers.
    """

    id: str
    what: str
    document: float | str
    yours: float
    spread: float = 0.0
    unit: str = ""


def recorded_file(lesson: str) -> Path:
    return root() / "data" / "recorded" / f"lesson{lesson}.csv"


def recorded(lesson: str) -> dict[str, dict[str, str]]:
    """Our recorded results of a lesson by row id (`data/recorded/lesson03.csv`); empty if nothing is recorded."""
    path = recorded_file(lesson)
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def flag(yours: float, other: float, spread: float) -> bool:
    """Whether two values differ by more than three standard deviations and more than rounding (1e-6 of their size)."""
    return not abs(yours - other) <= max(3 * spread, 1e-6 * max(1.0, abs(other)))


def compare(lesson: str, rows: Sequence[Row]) -> None:
    """Show document / recorded / yours. "differs" marks a value more than three standard deviations away."""
    if not rows:
        raise ValueError("compare() needs at least one row")
    known = recorded(lesson)
    lines = []
    for row in rows:
        old = known.get(row.id)
        spread = max(row.spread, float(old["spread"] or 0) if old else 0.0)
        words = []
        if isinstance(row.document, (int, float)) and flag(row.yours, row.document, spread):
            words.append("differs from the document")
        if old and flag(row.yours, float(old["value"]), spread):
            words.append("differs from the recorded run")
        before = f"{float(old['value']):.4g}{row.unit}" if old else "not recorded"
        paper = row.document if isinstance(row.document, str) else f"{row.document:.4g}{row.unit}"
        lines.append((row.what, paper, before, f"{row.yours:.4g}{row.unit}", ", ".join(words)))
    text, html = table(("", "document", "recorded", "yours", ""), lines)
    about = next(iter(known.values()), None)
    if about:
        seeds = f"{about['seeds']} seeds, " if about.get("seeds") else ""
        said = f"recorded: {seeds}{about['date']}, {about['device']}, {about['versions']}, commit {about['commit']}"
        text, html = f"{text}\n{said}", f"{html}<p>{said}</p>"
    record = [{"id": row.id, "value": row.yours, "spread": row.spread} for row in rows]
    emit(text, html, compare={"lesson": lesson, "rows": record, **_run()})


def _run() -> dict[str, str | int]:
    """How many seeds are behind the numbers, and the command that repeats the run."""
    P = current.get("P")
    return {"seeds": getattr(P, "SEEDS", ""), "command": P.command()} if P is not None else {}
