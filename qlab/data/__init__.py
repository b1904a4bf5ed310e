"""Data sets, each wholly resident as one tensor, and batches from them that are pure functions of (seed, step)."""

from qlab.data.dataset import Augment, DataError, Dataset
from qlab.data.loader import Loader, batch, batches
from qlab.data.moons import moons
from qlab.data.registry import describe, load, names

__all__ = ["Augment", "DataError", "Dataset", "Loader", "batch", "batches", "describe", "load", "moons", "names"]
