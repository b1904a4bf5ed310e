"""The parameters of lesson 08."""

from __future__ import annotations

from typing import ClassVar

from qlab.schema.base import Parameters
from qlab.schema.fields import parameter


class Lesson08(Parameters):
    """Multipliers: stochastic gradient descent ascent."""

    lesson: ClassVar[str] = "08"
    notebook: ClassVar[str] = "08_multipliers"

    DUAL_STEP: float = parameter(
        0.1,
        help="step size of the multiplier",
        ge=0.01,
        le=2.0,
        symbol="η_λ",
        label="dual step",
        scale="log",
        step=0.05,
    )
    STEP_SIZE: float = parameter(
        0.05, help="step size of the weight", ge=0.01, le=0.5, symbol="η", label="step size", scale="log", step=0.05
    )
    START: float = parameter(
        0.05, help="where the weight starts", ge=-1.5, le=1.5, symbol="w⁰", label="start", step=0.05
    )
    EPS_HAT: float = parameter(
        0.1,
        help="width of the islands, 16 ε / gap⁴",
        ge=0.01,
        le=0.9,
        symbol="ε̂",
        label="island width",
        scale="log",
        step=0.05,
    )
    UPDATE: str = parameter(
        "simultaneous", help="which weight the multiplier sees", choices=("simultaneous", "alternating")
    )
    NOISE: float = parameter(
        0.0, help="standard deviation of the gradient noise", ge=0.0, le=1.0, label="noise", step=0.05
    )
    LAM: float = parameter(
        0.5, help="your price", ge=0.0, le=4.0, symbol="λ", label="your price", step=0.05, note="one unit of ε costs λ"
    )
    BUDGET: float = parameter(
        0.4, help="allowed distance, as a share of what rounding costs", ge=0.02, le=1.2, symbol="ε", label="budget",
        step=0.02,
    )  # fmt: skip
    INPUTS: str = parameter(
        "1",
        help="what is learned, and from how many inputs",
        choices={
            "rounding": "rounding",
            "1": "1 input",
            "2": "2 inputs",
            "8": "8 inputs",
            "continuous": "continuum",
        },
        label="problem",
        note="rounding: squared error; inputs: all or nothing",
    )
    SEEDS: int = parameter(10, help="seeds behind each verdict", ge=10, le=100, update="release")
    ITERATIONS: int = parameter(3000, help="steps of a run behind a verdict", ge=2000, le=10000, update="release")
