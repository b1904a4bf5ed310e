"""Errors of S2 about level sets, the start of Lloyd's step and of the resolution (errata E10, E13, E20)."""

import pytest
import torch

from qlab.quantizers import QuantReLU, project
from qlab.quantizers.grids import Grid
from qlab.uniforms import normal

W = normal(0, 0, 0, (20_000,), stream="data", dtype=torch.float64)


def nearest_error(s, codes):
    """|s q - w|² / |w|² with the nearest of the codes."""
    distance = (W.unsqueeze(-1) - s * codes).abs().min(-1).values
    return float((distance**2).sum() / (W**2).sum())


@pytest.mark.parametrize("bits", [4, 6, 8])
def test_E10_the_start_of_lloyd_fits_integer_codes(bits):
    """s0 = 2 max|W| / (2^b - 1) puts the top level half a gap below max |W| with integer codes; with the printed
    fractions k/2^(b-1) more than half of the weights lie beyond it."""
    s0 = 2 * W.abs().max() / (2**bits - 1)
    integer = Grid(bits).levels()
    fractions = integer / 2 ** (bits - 1)
    beyond = [(W.abs() > s0 * (codes.max() + codes.diff()[0] / 2)).double().mean() for codes in (fractions, integer)]
    assert beyond[0] > 0.5
    assert beyond[1] == 0
    assert nearest_error(s0, fractions) > 10 * nearest_error(s0, integer)
    assert nearest_error(s0 * 2 ** (bits - 1), fractions) == pytest.approx(nearest_error(s0, integer))
    library = project(W, bits)  # one step on: never worse than s0 with integer codes
    error = float(((library.values - W) ** 2).sum() / (W**2).sum())
    assert error <= nearest_error(s0, integer) * (1 + 1e-12)


@pytest.mark.parametrize("bits", [3, 4, 8])
def test_E13_b_bits_hold_no_more_than_2_to_the_b_levels(bits):
    """Printed for 4 bits: j/8, j = 0 ... 8, which is 9 magnitudes, not m = 8, and 17 signed levels."""
    half = 2 ** (bits - 1)
    printed = torch.arange(half + 1, dtype=torch.float64) / half
    assert len(printed) != half
    assert len(torch.cat([-printed, printed]).unique()) > 2**bits
    corrected = torch.arange(half, dtype=torch.float64) / half  # (j - 1)/8, j = 1 ... 8
    signed = torch.cat([-corrected, corrected]).unique()
    assert len(corrected) == half
    assert len(signed) == 2**bits - 1
    assert torch.equal(Grid(bits).levels() / half, signed)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_E20_at_the_start_the_top_level_of_an_activation_is_1(bits):
    """Printed: 1/(2^b 1), a minus lost; read as 1/2^b the top level falls short of 1."""
    top = 2**bits - 1
    assert top * (1 / (2**bits * 1)) < 1
    layer = QuantReLU(bits)
    assert float(layer.resolution.detach()) == pytest.approx(1 / top)
    assert float(layer(torch.tensor([10.0])).detach()) == pytest.approx(1.0)
