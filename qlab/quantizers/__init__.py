"""Quantizers: grids, rounding, projection, DoReFa, quantized ReLU, and the one gradient primitive `coarse`.

Public functions check their input and name what is wrong; the methods of `Grid` and the functions modules call do not
check and never wait for the device.
"""

from qlab.quantizers.activations import DERIVATIVES, DoReFaActivation, QuantReLU, quant_relu
from qlab.quantizers.coarse import coarse
from qlab.quantizers.dorefa import dorefa_activation, dorefa_round, dorefa_weight
from qlab.quantizers.grids import FAMILIES, SCALES, Grid
from qlab.quantizers.lsq import LSQ, lsq, lsq_start
from qlab.quantizers.pact import PACT, pact
from qlab.quantizers.projection import Projection, project
from qlab.quantizers.rounding import nearest, q_d, q_s, round_half_away, stochastic_binarize
from qlab.quantizers.ste import activation_derivative, binary_unit, weight_derivative

__all__ = [
    "DERIVATIVES",
    "FAMILIES",
    "LSQ",
    "PACT",
    "SCALES",
    "DoReFaActivation",
    "Grid",
    "Projection",
    "QuantReLU",
    "activation_derivative",
    "binary_unit",
    "coarse",
    "dorefa_activation",
    "dorefa_round",
    "dorefa_weight",
    "lsq",
    "lsq_start",
    "nearest",
    "pact",
    "project",
    "q_d",
    "q_s",
    "quant_relu",
    "round_half_away",
    "stochastic_binarize",
    "weight_derivative",
]
