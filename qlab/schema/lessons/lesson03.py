"""The parameters of lesson 03."""

from __future__ import annotations

from typing import ClassVar

from qlab.schema.base import Parameters
from qlab.schema.fields import parameter


class Lesson03(Parameters):
    """BinaryConnect against rounding: exploration and exploitation."""

    lesson: ClassVar[str] = "03"
    notebook: ClassVar[str] = "03_exploration"

    STEP_SIZE: float = parameter(
        0.01,
        help="step size on the toy problem",
        ge=0.001,
        le=0.1,
        symbol="η",
        label="step size",
        scale="log",
        step=0.1,
    )
    START: float = parameter(
        4.0,
        help="where every run starts",
        ge=-1.0,
        le=7.0,
        symbol="w⁰",
        label="start",
        step=0.25,
        note="wells at 0, 2.5, 4.75",
    )
    NOISE: float = parameter(
        3.0, help="standard deviation of the gradient noise", ge=0.5, le=6.0, label="noise", step=0.25
    )
    METHODS: str = parameter("bc,sr", help="methods drawn", choices=("bc", "sr", "r"), several=True)
    SPACING: float = parameter(
        0.5, help="distance of two levels", choices=(0.25, 0.5, 1.0), symbol="Δ", label="level spacing"
    )
    SCHEDULE: str = parameter("fixed", help="the step size over the run", choices=("fixed", "decreasing"))
    ITERATIONS: int = parameter(
        2000, help="iterations, the second half is counted", choices=(500, 2000, 8000), update="release"
    )
    SEEDS: int = parameter(10, help="seeds behind each verdict", ge=10, le=100, update="release")
    BITS: int = parameter(1, help="bits per weight of the digits network", ge=1, le=8, symbol="b", update="release")
    TRAIN_STEP_SIZE: float = parameter(
        0.1, help="step size on digits", ge=0.001, le=1.0, symbol="η", label="step size", scale="log", step=0.1
    )
    TRAIN_BATCH: int = parameter(
        32, help="images in a batch", choices=(8, 32, 128), label="batch", update="release", note="larger: less noise"
    )
    TRAIN_STEPS: int = parameter(
        300, help="training steps", choices=(100, 200, 300, 400), label="steps", update="release"
    )
    RACE: str = parameter(
        "full,bc,sr,r",
        help="methods trained",
        choices=("full", "bc", "sr", "r", "ste", "pgd"),
        several=True,
        label="methods",
        update="release",
    )
