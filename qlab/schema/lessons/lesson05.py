"""The parameters of lesson 05."""

from __future__ import annotations

from typing import ClassVar

from qlab.schema.base import Parameters
from qlab.schema.fields import parameter


class Lesson05(Parameters):
    """ProxQuant: soft projection."""

    lesson: ClassVar[str] = "05"
    notebook: ClassVar[str] = "05_proxquant"

    NU: float = parameter(
        0.4, help="parameter of the prox: step size times weight", ge=0.0, le=1.2, symbol="ν", label="pull", step=0.02
    )
    WEIGHT: float = parameter(
        0.3, help="the weight that is projected", ge=-2.0, le=2.0, symbol="w", label="weight", step=0.05
    )
    NORM: str = parameter(
        "l1",
        help="how the distance to the level is counted",
        choices={"l1": "L1", "l2": "½ L2²", "l2-full": "L2²"},
        label="distance",
        document="l1",
    )
    REPEAT: int = parameter(
        1, help="how often the prox is applied, one after the other", choices=(1, 10, 100, 1000, 10000), label="applied"
    )
    LEVELS: str = parameter(
        "binary",
        help="the level set",
        choices={"binary": "±1", "ternary": "−1, 0, 1", "dorefa": "±⅓, ±1"},
        label="levels",
        document="binary",
    )
    START: float = parameter(
        0.75, help="where the weight starts", ge=-1.0, le=1.0, symbol="w⁰", label="start", step=0.05
    )
    REG: float = parameter(
        2.0, help="final weight of the regularizer", ge=0.0, le=3.0, symbol="ν", label="weight of R", step=0.1
    )
    SCHEDULE: str = parameter(
        "linear", help="the weight of R over the run", choices={"linear": "from 0", "constant": "constant"}
    )
    STEP_SIZE: float = parameter(
        0.02,
        help="step size on the two functions",
        ge=0.005,
        le=0.1,
        symbol="η",
        label="step size",
        scale="log",
        step=0.1,
    )
    STEPS: int = parameter(400, help="steps on the two functions", choices=(100, 200, 400, 800), update="release")
    SEEDS: int = parameter(10, help="seeds behind each verdict", ge=10, le=100, update="release")
    WARM_STEPS: int = parameter(
        300, help="full-precision steps before the methods start, on digits", ge=0, le=2000, update="release"
    )
    TRAIN_STEPS: int = parameter(300, help="steps of each method on digits", ge=50, le=2000, update="release")
    TRAIN_STEP_SIZE: float = parameter(
        0.1, help="step size on digits", ge=0.001, le=1.0, symbol="η", scale="log", step=0.1, update="release"
    )
    TRAIN_REG: float = parameter(
        1.0, help="final weight of ProxQuant's regularizer on digits", ge=0.0, le=10.0, symbol="ν", update="release"
    )
