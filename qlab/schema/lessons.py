"""The parameters of each lesson. The source of its parameters cell, its controls and its papermill command."""

from __future__ import annotations

from typing import ClassVar

from qlab.methods import METHODS
from qlab.schema.base import Parameters
from qlab.schema.fields import parameter


class Lesson00(Parameters):
    """Start here."""

    lesson: ClassVar[str] = "00"
    notebook: ClassVar[str] = "00_start_here"

    METHODS: str = parameter("full,bc,sr,r", help="methods drawn", choices=tuple(METHODS), several=True)
    STEP_SIZE: float = parameter(
        0.1, help="step size", ge=0.01, le=1.0, symbol="η", label="step size", scale="log", step=0.1
    )
    START: float = parameter(0.9, help="where the latent weight starts", ge=-1.2, le=1.2, symbol="w⁰", label="start")
    BITS: int = parameter(1, help="bits per weight", choices=(1, 2, 3, 4), symbol="b")


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
        choices=("gaussian", "laplace", "trained"),
        label="weights",
        note="trained: first layer of the digits network",
    )
    FAMILY: str = parameter(
        "symmetric", help="codes of the levels", choices=("symmetric", "dorefa", "lattice"), label="grid"
    )
    PER_CHANNEL: bool = parameter(False, help="a scale of its own for every channel", label="scale per channel")
    SCALE_KIND: str = parameter(
        "least-squares", help="how the trained network is scaled", choices=("least-squares", "max"), label="scale"
    )
    LAYERS: str = parameter(
        "all", help="layers that are rounded", choices=("all", "first", "middle", "last"), label="rounded layers"
    )
    SEEDS: int = parameter(10, help="seeds behind each verdict", ge=10, le=100, update="release")
    TRAIN_STEPS: int = parameter(
        200, help="training steps on digits", ge=20, le=5000, label="steps", update="release", quick=100
    )


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
        choices=("ae", "3-valued", "2-valued", "clipped-relu"),
        label="declared derivative",
    )
    DERIVATIVE: str = parameter(
        "x", help="the variable that is differentiated", choices=("x", "resolution"), label="derivative in"
    )
    SEEDS: int = parameter(10, help="seeds behind each verdict", ge=10, le=100, update="release")
    BITS: int = parameter(1, help="bits per weight of the digits network", ge=1, le=8, symbol="b", update="release")
    TRAIN_STEPS: int = parameter(
        200, help="training steps on digits", ge=20, le=2000, label="steps", update="release", quick=40
    )
    TRAIN_STEP_SIZE: float = parameter(
        0.1, help="step size on digits", ge=0.001, le=1.0, symbol="η", label="step size", scale="log", step=0.1
    )


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
        3.0, help="standard deviation of the gradient noise", ge=0.5, le=6.0, symbol="σ", label="noise", step=0.25
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


LESSONS: dict[str, type[Parameters]] = {c.lesson: c for c in (Lesson00, Lesson01, Lesson02, Lesson03)}
