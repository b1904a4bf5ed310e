"""The parameters of lesson 02."""

from __future__ import annotations

from typing import ClassVar

from qlab.schema.base import Parameters
from qlab.schema.fields import parameter


class Lesson02(Parameters):
    """Why gradients vanish: staircases, STE and coarse derivatives."""

    lesson: ClassVar[str] = "02"
    notebook: ClassVar[str] = "02_staircases"

    ACT_BITS: int = parameter(2, help="bits per activation", ge=1, le=8, symbol="b_x", label="activation bits")
    STEP_BACK: float = parameter(
        0.0,
        help="width over which the staircase is looked at, in levels",
        ge=0.0,
        le=1.0,
        label="step back",
        unit="level",
        step=0.05,
        note="0: the derivative here; 1: over a whole level",
    )
    RESOLUTION: float = parameter(
        0.5, help="height and width of one stair", ge=0.05, le=2.0, symbol="s_x", label="resolution", scale="log"
    )
    SURROGATE: str = parameter(
        "3-valued",
        help="the derivative declared in place of the staircase's own",
        choices={"ae": "a.e.", "3-valued": "3-valued", "2-valued": "2-valued", "clipped-relu": "clipped ReLU"},
        label="declared derivative",
    )
    DERIVATIVE: str = parameter(
        "x",
        help="the variable that is differentiated",
        choices={"x": "input x", "resolution": "resolution"},
        label="derivative in",
    )
    RACE: str = parameter(
        "none,3-valued,relu",
        help="declared derivatives that are trained",
        choices={
            "none": "nothing",
            "ae": "a.e.",
            "3-valued": "3-valued",
            "2-valued": "2-valued",
            "relu": "ReLU",
            "identity": "identity",
        },
        several=True,
        label="declared derivatives",
    )
    SEEDS: int = parameter(10, help="seeds behind each verdict", ge=10, le=100, update="release")
    BITS: int = parameter(1, help="bits per weight of the digits network", ge=1, le=8, symbol="b", update="release")
    TRAIN_STEPS: int = parameter(
        200, help="training steps on digits", ge=20, le=400, label="steps", update="release", quick=40
    )
    TRAIN_STEP_SIZE: float = parameter(
        0.1, help="step size on digits", ge=0.001, le=1.0, symbol="η", label="step size", scale="log", step=0.1
    )
