"""Grids of runs: `qlab.grid(problem, rule, step_size=[...], eps_hat=[...], seeds=10)` -> `xarray.Dataset`.

The module itself is callable: `qlab.grid` is both this room of the library and its one function.
"""

import sys
from types import ModuleType

from qlab.grid.loop import DECAYS, Block
from qlab.grid.record import VARIABLES
from qlab.grid.sweep import grid

__all__ = ["DECAYS", "VARIABLES", "Block", "grid"]


class _Callable(ModuleType):
    __call__ = staticmethod(grid)


sys.modules[__name__].__class__ = _Callable
