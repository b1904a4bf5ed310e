"""Training: `train(Config(...))`, and `python -m qlab.train` on a machine with torch and numpy alone."""

from qlab.train.config import Config, ConfigError
from qlab.train.loop import DivergedError, Run
from qlab.train.result import FinishedError
from qlab.train.trainer import InterruptedRunError, ResumeError, train

__all__ = [
    "Config",
    "ConfigError",
    "DivergedError",
    "FinishedError",
    "InterruptedRunError",
    "ResumeError",
    "Run",
    "train",
]
