"""The parameters of each lesson. The source of its parameters cell, its controls and its papermill command."""

from __future__ import annotations

from typing import ClassVar

from qlab.schema.base import Parameters
from qlab.schema.fields import parameter


class Lesson00(Parameters):
    """Start here."""

    lesson: ClassVar[str] = "00"
    notebook: ClassVar[str] = "00_start_here"


class Lesson01(Parameters):
    """Grids, rounding, projection; why not just round afterwards."""

    lesson: ClassVar[str] = "01"
    notebook: ClassVar[str] = "01_grids_and_projection"

    BITS: int = parameter(2, help="bits per weight", ge=1, le=8, symbol="b")
    DISTRIBUTION: str = parameter(
        "gaussian", help="how the weights are drawn", choices=("gaussian", "laplace", "trained")
    )
    N: int = parameter(10_000, help="number of weights", ge=10, le=200_000, symbol="N", scale="log")
    LLOYD_STEPS: int = parameter(1, help="Lloyd steps for the scale", ge=0, le=100)


class Lesson02(Parameters):
    """Why gradients vanish: staircases, STE and coarse derivatives."""

    lesson: ClassVar[str] = "02"
    notebook: ClassVar[str] = "02_staircases"

    ACT_BITS: int = parameter(2, help="bits per activation", ge=1, le=8, symbol="b_x", label="activation bits")
    RESOLUTION: float = parameter(0.5, help="height of one stair", ge=0.05, le=2.0, symbol="s_x", scale="log")
    SURROGATE: str = parameter(
        "3-valued",
        help="derivative used in place of the staircase's zero",
        choices=("ae", "3-valued", "2-valued", "clipped-relu"),
    )
    WIDTH: float = parameter(0.0, help="how far to step back from the stairs", ge=0.0, le=1.0, label="step back")


class Lesson03(Parameters):
    """BinaryConnect against rounding: exploration and exploitation."""

    lesson: ClassVar[str] = "03"
    notebook: ClassVar[str] = "03_exploration"

    BITS: int = parameter(1, help="bits per weight of the digits network", ge=1, le=8, symbol="b", update="release")
    STEP_SIZE: float = parameter(
        0.01,
        help="step size",
        ge=0.001,
        le=0.1,
        symbol="η",
        label="step size",
        scale="log",
        update="release",
        document=0.01,
    )
    NOISE: float = parameter(
        3.0, help="standard deviation of the gradient noise", ge=0.1, le=10.0, label="gradient noise"
    )
    SPACING: float = parameter(
        0.5, help="level spacing", ge=0.1, le=1.0, symbol="Δ", label="level spacing", document=0.5
    )
    START: float = parameter(4.0, help="where every run starts", ge=-2.0, le=7.0, label="start", document=4.0)
    SCHEDULE: str = parameter("fixed", help="how the step size evolves", choices=("fixed", "decreasing"))
    METHODS: str = parameter("bc,sr,r", help="methods compared", choices=("bc", "sr", "r"), several=True)
    SEEDS: int = parameter(10, help="number of seeds behind each verdict", ge=10, le=100, update="release")


LESSONS: dict[str, type[Parameters]] = {c.lesson: c for c in (Lesson00, Lesson01, Lesson02, Lesson03)}
