"""The parameters of lesson 04."""

from __future__ import annotations

from typing import ClassVar

from qlab.schema.base import Parameters
from qlab.schema.fields import parameter


class Lesson04(Parameters):
    """Why stochastic rounding stalls: the Markov chain and the accuracy floors."""

    lesson: ClassVar[str] = "04"
    notebook: ClassVar[str] = "04_why_rounding_stalls"

    STEP_SIZE: float = parameter(
        0.01, help="step size of the chain", ge=1e-4, le=0.1, symbol="η", label="step size", scale="log", step=0.05
    )
    NOISE: float = parameter(
        3.0,
        help="standard deviation of the gradient noise",
        ge=0.5,
        le=6.0,
        label="noise",
        step=0.25,
        note="a larger batch: less",
    )
    STATE: float = parameter(
        4.0, help="the level that the arrows start from", ge=-1.0, le=7.0, symbol="x", label="level", step=0.5
    )
    SPACING: float = parameter(
        0.5, help="distance of two levels of the chain", choices=(0.25, 0.5, 1.0), symbol="Δ", label="level spacing"
    )
    LOSS: str = parameter(
        "quadratic", help="the convex loss", choices=("quadratic", "curved"), label="loss", update="release"
    )
    FLOOR_NOISE: float = parameter(
        1.0, help="gradient noise of each weight", ge=0.25, le=4.0, label="noise", step=0.25, update="release"
    )
    ITERATIONS: int = parameter(
        8000, help="iterations with step size 1/(t + 1)", choices=(500, 2000, 8000), symbol="T", update="release"
    )
    WEIGHTS: int = parameter(
        10, help="number of weights", choices=(2, 10, 30), symbol="d", label="weights", update="release"
    )
    ROUNDING: str = parameter(
        "nearest",
        help="how BinaryConnect rounds",
        choices=("nearest", "stochastic"),
        label="BC rounds",
        update="release",
    )
    VALLEY: int = parameter(
        9, help="how much steeper the loss of two weights is across its valley", choices=(1, 3, 9), label="valley"
    )
    SEEDS: int = parameter(20, help="seeds behind each verdict", ge=10, le=100, update="release")
