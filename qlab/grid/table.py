"""Results of stacks, put together: one array per variable, a dimension per setting that was varied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from qlab.grid.plan import Stack, Values
from qlab.grid.record import VARIABLES

if TYPE_CHECKING:
    import xarray as xr

WEIGHTS = {"w": "latent weights", "w_Q": "deployed weights"}


class Table:
    """Arrays over (settings varied ..., seed, step[, weight]), NaN where nothing was written."""

    def __init__(self, dims: Values, seeds: list[int], steps: list[int], d: int):
        self.dims, self.seeds, self.steps, self.d = dims, seeds, steps, d
        self.arrays: dict[str, np.ndarray] = {}

    def write(self, values: Mapping[str, Tensor], stack: Stack) -> None:
        """The results of one stack: {variable: (configurations, seeds, records[, d])}.

        They are repeated along the dimensions that the stack does not know.
        """
        for name, value in values.items():
            tail = value.shape[1:]
            if name not in self.arrays:
                self.arrays[name] = np.full([*map(len, self.dims.values()), *tail], np.nan)
            shape = [len(v) if dim in stack.numbers else 1 for dim, v in self.dims.items() if dim not in stack.at]
            place = tuple(stack.at.get(dim, slice(None)) for dim in self.dims)
            self.arrays[name][place] = value.numpy().reshape(*shape, *tail)

    def dataset(self, attrs: Mapping[str, Any], along_steps: bool) -> xr.Dataset:
        """As an `xarray.Dataset`; without `along_steps` the last record alone."""
        import xarray as xr

        coords = {**self.dims, "seed": self.seeds, "step": self.steps}
        data = {}
        for name, array in self.arrays.items():
            weight = ["weight"] if name in WEIGHTS else []
            text = {"long_name": {**VARIABLES, **WEIGHTS}[name]}
            over = [*self.dims, "seed", "step", *weight]
            data[name] = xr.Variable(over, array, text)
        out = xr.Dataset(data, coords, dict(attrs))
        return out if along_steps else out.isel(step=-1, drop=True)
