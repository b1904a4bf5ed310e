"""Errata of S3 2.4 and S0 6: the sign of a subgradient of P*, and what the dual step of descent ascent adds to."""

import math

import pytest
import torch

from qlab.theory.duality import Atoms, Rounding, is_subgradient


@pytest.mark.parametrize("problem", [Rounding(1.0), Rounding(0.2), Atoms(math.inf)])
def test_E12_the_subgradients_of_P_are_not_positive(problem):
    """Printed: z in R+. P* falls, so no z >= 0 is a subgradient where λ* > 0; -λ* is one, at every ε."""
    top = problem.variance if isinstance(problem, Rounding) else 1.0
    at = top * torch.linspace(0.005, 1.5, 300, dtype=torch.float64)
    for x in (0.1, 0.4, 0.8):
        lam = problem.multiplier(x * top)
        assert lam > 0
        assert is_subgradient(-lam, problem.price, x * top, at)
        assert not any(is_subgradient(float(z), problem.price, x * top, at) for z in torch.linspace(0, 5, 51))
    assert is_subgradient(0.0, problem.price, 1.2 * top, at)  # only where the multiplier is 0 is 0 a subgradient
