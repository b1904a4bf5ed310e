"""Errors of S3 about the rounding r(z) and the smallest number it makes (errata E11, E19)."""

import pytest
import torch

from qlab.quantizers import dorefa_activation, dorefa_round
from qlab.quantizers.grids import Grid

Z = torch.linspace(0, 1, 1001, dtype=torch.float64)


def printed(z, bits):
    """S3 section 4: r(z) = 1/2^(k-1) round(z (2^k - 1))."""
    return torch.floor(z * (2**bits - 1) + 0.5) / 2 ** (bits - 1)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_E11_rounding_keeps_0_to_1_and_its_own_levels(bits):
    """A rounding of [0, 1] stays in it, leaves its levels where they are, and moves nothing by more than half a gap."""
    wrong, right = printed(Z, bits), dorefa_round(Z, bits)
    assert float(wrong.max()) > 1.4
    assert not torch.equal(printed(wrong.clamp(0, 1), bits), wrong.clamp(0, 1))
    assert float(right.min()) == 0
    assert float(right.max()) == 1
    torch.testing.assert_close(dorefa_round(right, bits), right, rtol=0, atol=1e-15)
    assert float((right - Z).abs().max()) <= 0.5 / (2**bits - 1) + 1e-12
    assert float((wrong - Z).abs().max()) > 0.5 / (2**bits - 1)


def test_E11_at_one_bit_the_two_coincide():
    assert torch.equal(printed(Z, 1), dorefa_round(Z, 1))


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_E19_the_smallest_positive_number_is_on_the_grid_of_r(bits):
    """Printed: 1/2^(n-1). Activations: 1/(2^n - 1). Weights have no zero: neighbours are 2/(2^n - 1) apart."""
    n = 2**bits - 1
    levels = dorefa_activation(Z, bits).unique()
    smallest = float(levels[levels > 0].min())
    assert smallest == pytest.approx(1 / n)
    assert abs(1 / 2 ** (bits - 1) - smallest) > 1e-3
    assert not torch.isclose(levels, torch.tensor(1 / 2 ** (bits - 1), dtype=torch.float64), atol=1e-6, rtol=0).any()
    torch.testing.assert_close(Grid(bits, "dorefa").levels().diff(), torch.full((n,), 2 / n, dtype=torch.float64))
