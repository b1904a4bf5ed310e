"""The parameters of lesson 07."""

from __future__ import annotations

from typing import ClassVar

from qlab.schema.base import Parameters
from qlab.schema.fields import parameter


class Lesson07(Parameters):
    """ASkewSGD: the barrier, the free phase, and its modification."""

    lesson: ClassVar[str] = "07"
    notebook: ClassVar[str] = "07_askewsgd"

    FREE_PHASE: float = parameter(
        0.0,
        help="share of the run before the constraint starts",
        ge=0.0,
        le=0.9,
        label="free phase",
        step=0.05,
        note="0: constrained from the first step",
    )
    START: float = parameter(
        -0.9, help="where the weight starts", ge=-1.5, le=1.5, symbol="w⁰", label="start", step=0.01
    )
    EPS_HAT: float = parameter(
        0.1,
        help="width of the islands at the end, 16 ε/gap⁴",
        ge=0.01,
        le=0.99,
        symbol="ε̂",
        label="island width",
        step=0.01,
    )
    STEP_SIZE: float = parameter(
        0.1, help="step size of the one weight", ge=0.01, le=1.5, symbol="η", label="step size", scale="log", step=0.05
    )
    ANNEAL: str = parameter(
        "constant", help="how the width gets to ε̂", choices=("constant", "geometric", "linear"), label="annealing"
    )
    CLIP: str = parameter(
        "5", help="largest push, M", choices={"0.5": "0.5", "5": "5", "off": "off"}, symbol="M", label="clip"
    )
    PUSH: float = parameter(
        1.0, help="how fast a violation must be mended", ge=0.1, le=5.0, symbol="κ", label="push", step=0.1
    )
    NOISE: float = parameter(
        0.0, help="standard deviation of the gradient noise", ge=0.0, le=5.0, label="noise", step=0.25
    )
    SEEDS: int = parameter(10, help="seeds behind each verdict", ge=10, le=100, update="release")
    PROBLEM: str = parameter(
        "hinge",
        help="loss of the ten weights that are watched",
        choices={"hinge": "hinge", "logistic-planted": "logistic"},
        label="loss",
        update="release",
    )
    TASK_FREE_PHASE: float = parameter(
        0.5, help="free phase of the ten weights", ge=0.0, le=0.9, label="free phase", step=0.1, update="release"
    )
    TASK_EPS_HAT: float = parameter(
        0.1,
        help="island width of the ten weights",
        ge=0.01,
        le=0.99,
        symbol="ε̂",
        label="island width",
        step=0.01,
        update="release",
    )
    TASK_STEP_SIZE: float = parameter(
        0.5,
        help="step size of the ten weights",
        ge=0.01,
        le=1.0,
        symbol="η",
        label="step size",
        scale="log",
        step=0.1,
        update="release",
    )
    TASK_STEPS: int = parameter(
        300, help="steps of the ten weights", choices=(100, 300, 1000), label="steps", update="release"
    )
