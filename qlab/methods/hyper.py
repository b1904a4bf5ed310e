"""What a slot is handed as `h`: the hyper-parameters of one weight tensor and its quantizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from qlab.quantizers.grids import Grid


class Hyper:
    """Hyper-parameters as attributes, and the quantizer on the weight's own grid. A slot never notices a stack.

    numbers: numbers, 0-dim tensors, or tensors that broadcast against the weight (a stack of runs). Among them `lr`,
        this step's, and `t` = 1, 2, ..., the number of the step: what a schedule is a function of.
    keep: how many leading axes of the weight own a scale (runs, channels).
    scale: the stored scale, either the grid itself (`fixed`) or where Lloyd's iteration starts (None: cold).
    """

    def __init__(
        self, numbers: Mapping[str, float | Tensor], options: Mapping, grid: Grid, keep=0, scale=None, fixed=False
    ):
        self.__dict__.update(numbers)
        self.options, self.grid, self.keep, self.scale, self.fixed = options, grid, keep, scale, fixed

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Tensor: ...

    def option(self, name: str) -> Any:
        return self.options[name]

    def s(self, w: Tensor) -> Tensor:
        """The scale of the grid on which w is quantized."""
        return self.scale if self.fixed and self.scale is not None else self.grid.scale_of(w, self.keep, self.scale)

    def Q(self, w: Tensor) -> Tensor:
        """The nearest point of the grid."""
        w = w.detach()
        return self.grid.nearest(w, self.s(w))

    def Qs(self, w: Tensor, u: Tensor) -> Tensor:
        """Stochastic rounding to one of the two neighbouring points, up where u < (w - lo)/(hi - lo)."""
        w = w.detach()
        return self.grid.stochastic(w, self.s(w), u)
