"""The parameters of lesson 00."""

from __future__ import annotations

from typing import ClassVar

from qlab.schema.base import Parameters
from qlab.schema.fields import parameter

KINDS = ("full", "bc", "ste", "r", "sr", "pgd", "bcgd", "proxquant", "askew", "sgda")
"""The methods that the documents are about: each place where the discreteness can live, at least once."""


class Lesson00(Parameters):
    """Start here."""

    lesson: ClassVar[str] = "00"
    notebook: ClassVar[str] = "00_start_here"

    METHODS: str = parameter("full,bc,sr,r", help="methods drawn", choices=KINDS, several=True)
    STEP_SIZE: float = parameter(
        0.1, help="step size", ge=0.01, le=1.0, symbol="η", label="step size", scale="log", step=0.1
    )
    START: float = parameter(0.9, help="where the latent weight starts", ge=-1.2, le=1.2, symbol="w⁰", label="start")
    BITS: int = parameter(1, help="bits per weight", choices=(1, 2, 3, 4), symbol="b")
