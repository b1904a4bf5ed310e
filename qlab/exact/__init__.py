"""The exact optimum of small quantized problems: the ground truth that every heuristic is drawn next to.

    exhaustive(problem)     all configurations: logistic regression, small two-layer nets, any problem of few weights
    milp(x, y)              HiGHS: L1 regression, and logistic regression between tangents, with a certified gap
    sphere(x, y)            sphere decoding: least squares on any level set

A size that cannot finish is refused with an estimate of its time and memory (`TooLarge`, a ValueError).
"""

from qlab.exact.cost import TooLarge
from qlab.exact.programs import Certified, milp
from qlab.exact.result import Result
from qlab.exact.search import each, enumerate_all, exhaustive, logistic, two_layer
from qlab.exact.sphere_decoder import Decoded, sphere

__all__ = [
    "Certified",
    "Decoded",
    "Result",
    "TooLarge",
    "each",
    "enumerate_all",
    "exhaustive",
    "logistic",
    "milp",
    "sphere",
    "two_layer",
]
