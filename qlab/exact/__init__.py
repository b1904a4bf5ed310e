"""The exact optimum of small quantized problems: the ground truth that every heuristic is drawn next to.

    exhaustive(problem)     all configurations: logistic regression, small two-layer nets, any problem of few weights

A size that cannot finish is refused with an estimate of its time and memory (`TooLarge`, a ValueError).
"""

from qlab.exact.cost import TooLarge
from qlab.exact.result import Result
from qlab.exact.search import each, enumerate_all, exhaustive, logistic, two_layer

__all__ = ["Result", "TooLarge", "each", "enumerate_all", "exhaustive", "logistic", "two_layer"]
