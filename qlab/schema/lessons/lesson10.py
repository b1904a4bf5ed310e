"""The parameters of lesson 10."""

from __future__ import annotations

from typing import ClassVar

from qlab.schema.base import Parameters
from qlab.schema.fields import parameter


class Lesson10(Parameters):
    """Why a coarse gradient descends: the two-layer theory."""

    lesson: ClassVar[str] = "10"
    notebook: ClassVar[str] = "10_two_layer_theory"

    THETA: float = parameter(
        120.0, help="angle of w from w*, degrees", ge=0.0, le=180.0, symbol="ϑ", label="angle of w", unit="°", step=1.0
    )
    SURROGATE: str = parameter(
        "relu",
        help="whose derivative stands in for that of the binarized ReLU",
        choices={"identity": "identity", "relu": "ReLU", "clipped-relu": "clipped"},
        label="surrogate",
        document="relu",
    )
    CONDITION: float = parameter(
        1.0,
        help="condition number of the inputs' covariance",
        ge=1.0,
        le=100.0,
        label="condition number",
        scale="log",
        step=0.1,
        note="of the inputs; their long axis lies at 45°",
        document=1.0,
    )
    SAMPLES: int = parameter(
        0,
        help="inputs in the sample; 0: the mean over all inputs",
        choices={0: "∞", 1000: "1000", 100: "100", 10: "10"},
        symbol="N",
        label="inputs",
    )
    SECOND: str = parameter(
        "half",
        help="second layer v: half of the teacher's, the best for this angle, or minus half",
        choices={"half": "v*/2", "best": "best", "opposite": "−v*/2"},
        label="second layer v",
    )
    STEP_SIZE: float = parameter(
        0.1, help="constant step size", ge=0.03, le=0.3, symbol="η", label="step size", scale="log", step=0.1
    )
    START: float = parameter(
        60.0, help="angle of w at the start, degrees", ge=1.0, le=179.0, label="start angle", unit="°", step=1.0
    )
    SEEDS: int = parameter(10, help="seeds behind each verdict", ge=10, le=100, update="release")
