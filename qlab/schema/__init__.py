"""A lesson's parameters, declared once: validation, parameters cell, controls, docs table and papermill command."""

from qlab.schema.base import ParameterError, Parameters
from qlab.schema.fields import Control, parameter, split
from qlab.schema.lessons import LESSONS

__all__ = ["LESSONS", "Control", "ParameterError", "Parameters", "parameter", "split"]
