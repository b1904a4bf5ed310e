"""The parameters of lesson 13."""

from __future__ import annotations

from typing import ClassVar

from qlab.schema.base import Parameters
from qlab.schema.fields import parameter


class Lesson13(Parameters):
    """Tasks I and II against the exact optimum, planted and hard."""

    lesson: ClassVar[str] = "13"
    notebook: ClassVar[str] = "13_exact_optimum"

    PROBLEM: str = parameter(
        "hard",
        help="task I planted or hard, or task II",
        choices={"planted": "I planted", "hard": "I hard", "moons": "II moons"},
        label="task",
        update="release",
    )
    METHODS: str = parameter(
        "full,bc,askew,sgda",
        help="methods compared",
        choices=("full", "bc", "ste", "askew", "askew-modified", "sgda"),
        several=True,
        update="release",
    )
    STEP_SIZE: float = parameter(
        1.0, help="step size", ge=0.01, le=10.0, symbol="η", label="step size", scale="log", step=0.25, update="release"
    )
    DECAY: str = parameter(
        "cosine", help="the step size over the run", choices=("constant", "cosine"), label="schedule", update="release"
    )
    EPS_HAT: float = parameter(
        0.3, help="width of the islands", ge=0.05, le=0.95, symbol="ε̂", label="islands", step=0.05, update="release"
    )
    FREE_PHASE: float = parameter(
        0.5,
        help="share of the run without constraint",
        ge=0.0,
        le=0.9,
        label="free phase",
        step=0.1,
        update="release",
        note="ASkewSGD, SGDA",
    )
    BATCH: int = parameter(50, help="samples in a batch", choices=(10, 50, 200), label="batch", update="release")
    STEPS: int = parameter(
        300, help="training steps", choices=(100, 300, 600), label="steps", update="release", quick=100
    )
    HIDDEN: int = parameter(
        4, help="hidden units of task II", choices=(2, 3, 4), label="hidden units", update="release"
    )
    AXIS: str = parameter(
        "noise",
        help="the map's second axis",
        choices={"noise": "noise", "eps_hat": "islands ε̂"},
        label="against",
        update="release",
    )
    SEEDS: int = parameter(20, help="seeds behind each verdict", ge=10, le=100, update="release")
