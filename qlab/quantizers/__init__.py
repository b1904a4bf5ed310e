"""Quantizers: grids, rounding, projection, DoReFa, quantized ReLU, and the one gradient primitive `coarse`.

Public functions check their input and name what is wrong; the methods of `Grid` and the functions modules call do not
check and never wait for the device.
"""

from qlab.quantizers.coarse import coarse
from qlab.quantizers.grids import FAMILIES, SCALES, Grid
from qlab.quantizers.rounding import nearest, q_d, q_s, round_half_away, stochastic_binarize

__all__ = [
    "FAMILIES",
    "SCALES",
    "Grid",
    "coarse",
    "nearest",
    "q_d",
    "q_s",
    "round_half_away",
    "stochastic_binarize",
]
