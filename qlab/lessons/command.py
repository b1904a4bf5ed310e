"""The command that repeats this run."""

from __future__ import annotations

from qlab.lessons.emit import emit
from qlab.schema import Parameters


def reproduce(P: Parameters) -> None:
    """Show the papermill command that repeats this run (each demo's Copy button gives the one for its sliders)."""
    emit(P.command(), command=P.command())
