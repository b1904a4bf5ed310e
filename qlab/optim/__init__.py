"""The optimizer that runs every method, parameter groups, and the module wrapper."""

from qlab.optim.groups import groups
from qlab.optim.module import QuantModule, bake
from qlab.optim.optimizer import QuantOptimizer
from qlab.optim.update import step

__all__ = ["QuantModule", "QuantOptimizer", "bake", "groups", "step"]
