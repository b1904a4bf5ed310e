"""Small demos with every kind of control, for the tests of the card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from qlab.demos import Demo, Key, TrainingDemo, look
from qlab.schema import Parameters, parameter


class Toy(Parameters):
    """Parameters of the toys."""

    lesson: ClassVar[str] = "99"
    notebook: ClassVar[str] = "99_toy"

    STEP_SIZE: float = parameter(
        0.01, help="step size", ge=0.001, le=0.3, symbol="η", label="step size", scale="log", document=0.03
    )
    NOISE: int = parameter(3, help="gradient noise", choices=(1, 2, 3, 4), symbol="σ", label="noise")
    SPACING: float = parameter(0.5, help="level spacing", ge=0.1, le=1.0, symbol="Δ", label="level spacing", unit="w")
    METHODS: str = parameter("bc,sr", help="methods", choices=("bc", "sr", "r"), several=True, label="methods")
    FAMILY: str = parameter(
        "one", help="family", choices=("one", "two", "three", "four", "five", "six"), label="family"
    )
    CLIP: bool = parameter(False, help="clip the weights", label="clip")
    START: float = parameter(4.0, help="start", ge=-2.0, le=7.0, label="start", update="release", note="slow")


@dataclass(frozen=True)
class Histogram:
    levels: np.ndarray
    bc: np.ndarray
    sr: np.ndarray
    curve: np.ndarray
    P: Toy


class ToyDemo(Demo):
    """Two histograms over a loss curve."""

    slug = "toy"
    title = "Shrinking the step size: who concentrates?"
    parameters = Toy
    controls = ("STEP_SIZE", "NOISE", "SPACING", "METHODS")
    more = ("FAMILY", "CLIP", "START")
    presets = {"a large step": {"STEP_SIZE": 0.3}, "a small step, little noise": {"STEP_SIZE": 0.001, "NOISE": 1}}
    grid = np.linspace(2.0, 7.0, 1000)

    def compute(self, P):
        levels = 4.75 + (np.arange(20) - 9.5) * P.SPACING * 0.5
        width = 0.3 + 3 * P.STEP_SIZE**0.5 * P.NOISE / 3 + 0.02 * len(P.FAMILY) + 0.1 * P.CLIP + 0.01 * P.START
        methods = P.several("METHODS")
        bc = np.exp(-(((levels - 4.75) / width) ** 2)) * ("bc" in methods)
        sr = np.exp(-(((levels - 4.75) / (0.5 + width)) ** 2)) * ("sr" in methods) + 0.01 * ("r" in methods)
        return Histogram(levels, bc / max(bc.sum(), 1), sr / max(sr.sum(), 1), 0.1 * (self.grid - 4.75) ** 2 * width, P)

    def figure(self, data):
        return {
            "data": [
                look.method_bars("bc", data.levels, data.bc),
                look.method_bars("sr", data.levels, data.sr),
                look.line(self.grid, data.curve, color="#8A8F98", dash="dot", name="loss f(w)"),
                look.optimum(4.75, 0, 0.62, "minimizer 4.75"),
            ],
            "layout": look.layout(
                look.axis("weight w", (2, 7)), look.axis("share of iterations", (0, 0.65), lines=True, tickformat=".0%")
            ),
        }

    def alt(self, data):
        P = data.P
        return (
            f"At η = {look.value(P.STEP_SIZE)} with noise {P.NOISE} BinaryConnect has **{look.percent(data.bc.max())}**"
            f" on one level, stochastic rounding **{look.percent(data.sr.max())}** ({P.METHODS}, {P.FAMILY}, {P.CLIP}, "
            f"start {look.value(P.START)}, Δ = {look.value(P.SPACING)})."
        )

    def keys(self, data):
        return [
            Key(look.fmt(data.bc.max()), "BC peak", look.COLORS["bc"]),
            Key(look.fmt(data.sr.max()), "SR peak", look.COLORS["sr"]),
            Key("0.19", "minimum", look.INK),
        ]


@dataclass(frozen=True)
class Path:
    w: np.ndarray
    step: float
    noise: int


class Descent:
    def __init__(self, P):
        self.w, self.step, self.noise = [P.START], P.STEP_SIZE, P.NOISE


class ToyTraining(TrainingDemo):
    """Gradient descent on w²/2, one step a frame."""

    slug = "toyrun"
    title = "Where does the run go?"
    parameters = Toy
    controls = ("STEP_SIZE", "START", "NOISE")
    live_controls = ("STEP_SIZE",)
    frames = 30

    def begin(self, P):
        return Descent(P)

    def advance(self, run):
        run.w.append(run.w[-1] * (1 - run.step) - 0.01 * run.noise)

    def snapshot(self, run):
        return Path(np.array(run.w), run.step, run.noise)

    def live(self, P, run):
        run.step = P.STEP_SIZE

    def figure(self, data):
        trace = look.method_line("bc", np.arange(data.w.size), data.w)
        return {"data": [trace], "layout": look.layout(look.axis("step", (0, 60)), look.axis("w", (-4, 8), lines=True))}

    def alt(self, data):
        return (
            f"After **{data.w.size - 1}** steps of size {look.fmt(data.step)} (noise {data.noise})"
            f" w is **{look.fmt(data.w[-1], 4)}**."
        )

    def keys(self, data):
        return [Key(look.fmt(data.w[-1]), "w", look.COLORS["bc"])]


class Broken(ToyDemo):
    """Fails for one value."""

    slug = "broken"

    def compute(self, P):
        if P.NOISE == 4:
            raise FloatingPointError("the noise is too loud")
        return super().compute(P)
