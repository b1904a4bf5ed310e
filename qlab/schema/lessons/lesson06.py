"""The parameters of lesson 06."""

from __future__ import annotations

from typing import ClassVar

from qlab.schema.base import Parameters
from qlab.schema.fields import parameter


class Lesson06(Parameters):
    """Interval constraints, cones and constrained flow."""

    lesson: ClassVar[str] = "06"
    notebook: ClassVar[str] = "06_interval_constraints"

    W: float = parameter(0.2, help="where the particle is", ge=-2.2, le=2.2, symbol="w", label="weight", step=0.05)
    EPS_HAT: float = parameter(
        0.1,
        help="width of the islands, 16 ε / gap⁴",
        ge=0.001,
        le=0.99,
        symbol="ε̂",
        label="island width",
        scale="log",
        step=0.05,
        note="at 1 neighbouring islands touch",
    )
    LEVELS: str = parameter(
        "binary",
        help="the levels",
        choices={"binary": "±1", "ternary": "−1, 0, 1", "2-bit": "±1/3, ±1"},
        label="levels",
    )
    PUSH: float = parameter(1.0, help="push strength", ge=0.1, le=5.0, symbol="κ", label="push", scale="log", step=0.1)
    PUSH_MAX: str = parameter(
        "5", help="clip of the push", choices=("0.5", "2", "5", "off"), symbol="M", label="clip of the push"
    )
    TARGET: float = parameter(
        0.3, help="minimizer of the loss ½(w − target)²", ge=-1.5, le=1.5, label="target", step=0.05
    )
    SEEDS: int = parameter(10, help="seeds behind each verdict", ge=10, le=100, update="release")
    WEIGHTS: int = parameter(5, help="weights of the convex problem", ge=2, le=20, update="release")
    FLOW_STEP: float = parameter(
        0.1, help="step size of the flow", ge=0.01, le=0.3, symbol="η", label="step size", update="release"
    )
    ITERATIONS: int = parameter(400, help="steps of the flow", ge=100, le=2000, update="release")

    @property
    def push_max(self) -> float | None:
        """The clip as a number, None for none."""
        return None if self.PUSH_MAX == "off" else float(self.PUSH_MAX)
