"""The parameters of lesson 09."""

from __future__ import annotations

from typing import ClassVar

from qlab.schema.base import Parameters
from qlab.schema.fields import parameter


class Lesson09(Parameters):
    """Blended coarse gradient descent: descent is not optimality."""

    lesson: ClassVar[str] = "09"
    notebook: ClassVar[str] = "09_blending"

    RHO: float = parameter(
        0.2,
        help="blend: how far each step is drawn back to the quantized weight",
        ge=1e-5,
        le=1.0,
        symbol="ρ",
        label="blend",
        scale="log",
        step=0.05,
        document=1e-5,
        note="1: projected",
    )
    STEP_SIZE: float = parameter(
        0.1, help="step size on one weight", ge=0.01, le=0.5, symbol="η", label="step size", scale="log", step=0.05
    )
    START: float = parameter(
        0.9, help="start of the run drawn on the left", choices=(0.9, 0.2, -0.2, -0.9), symbol="w⁰", label="start"
    )
    METHOD: str = parameter(
        "bcgd",
        help="blended (bcgd), or BinaryConnect, whose blend is exactly 0 (bc)",
        choices={"bcgd": "blend ρ", "bc": "ρ = 0"},
        label="method",
    )
    SEEDS: int = parameter(10, help="seeds behind each verdict", ge=10, le=100, update="release")
    DIMENSION: int = parameter(10, help="weights of a random quadratic", ge=2, le=14, symbol="d", update="release")
    BITS: int = parameter(
        1, help="bits per weight of the digits network", ge=1, le=8, symbol="b_w", label="bits", update="release"
    )
    ACT_BITS: int = parameter(
        4,
        help="bits per activation",
        ge=1,
        le=8,
        symbol="b_x",
        label="bits of activations",
        document=4,
        update="release",
    )
    TRAIN_STEP_SIZE: float = parameter(
        0.1, help="step size on digits", ge=0.001, le=1.0, symbol="η", label="step size", scale="log", step=0.1
    )
    TRAIN_STEPS: int = parameter(300, help="training steps", choices=(100, 200, 300, 400, 800), update="release")
