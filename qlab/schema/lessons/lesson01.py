"""The parameters of lesson 01."""

from __future__ import annotations

from typing import ClassVar

from qlab.schema.base import Parameters
from qlab.schema.fields import parameter


class Lesson01(Parameters):
    """Grids, rounding, projection; why not just round afterwards."""

    lesson: ClassVar[str] = "01"
    notebook: ClassVar[str] = "01_grids_and_projection"

    BITS: int = parameter(3, help="bits per weight", ge=1, le=8, symbol="b", note="1: ±1, 2: ternary")
    N: int = parameter(
        20_000,
        help="number of drawn weights",
        ge=200,
        le=200_000,
        symbol="N",
        label="number of weights",
        scale="log",
        step=1 / 3,
    )
    LLOYD_STEPS: int = parameter(
        1, help="Lloyd steps for the scale", choices=(0, 1, 2, 10, 100), label="Lloyd steps", document=1
    )
    SCALE: float = parameter(
        0.5,
        help="scale set by hand, in units of the best one",
        ge=0.1,
        le=2.0,
        symbol="s/s*",
        label="your scale",
        step=0.02,
        note="1 is the best scale",
    )
    DISTRIBUTION: str = parameter(
        "gaussian",
        help="where the weights come from",
        choices={"gaussian": "Gaussian", "laplace": "Laplace", "trained": "trained"},
        label="weights",
        note="trained: first layer of the digits network",
    )
    FAMILY: str = parameter(
        "symmetric",
        help="codes of the levels",
        choices={"symmetric": "symmetric", "dorefa": "DoReFa", "lattice": "lattice"},
        label="grid",
    )
    PER_CHANNEL: bool = parameter(False, help="a scale of its own for every channel", label="scale per channel")
    SCALE_KIND: str = parameter(
        "least-squares",
        help="how the trained network is scaled",
        choices={"least-squares": "best", "max": "nothing clipped"},
        label="scale",
    )
    LAYERS: str = parameter(
        "all", help="layers that are rounded", choices=("all", "first", "middle", "last"), label="rounded layers"
    )
    SEEDS: int = parameter(10, help="seeds behind each verdict", ge=10, le=100, update="release")
    TRAIN_STEPS: int = parameter(
        200, help="training steps on digits", ge=20, le=5000, label="steps", update="release", quick=100
    )
