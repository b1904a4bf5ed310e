"""Errata of S3 2.4 and S0 6: the sign of a subgradient of P*, and what the dual step of descent ascent adds to."""

import math

import pytest
import torch

import qlab
from qlab.constraints import psi
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


def test_E08_the_dual_step_adds_to_the_multiplier_not_to_the_weight():
    """Printed: λ+ = max(0, w + η dL/dλ). A KKT point must stay where it is, and L must rise in λ."""
    target, eps_hat, setting = 0.95, 0.1, {"bits": 1, "family": "symmetric", "scale": "one", "eps_hat": 0.1}
    levels = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    w = torch.tensor([target], dtype=torch.float64)  # inside an island: the KKT point is (target, λ = 0)
    value = psi(w, levels, eps_hat)
    assert float(value) > 0
    state = {"lam": torch.zeros(1, dtype=torch.float64)}
    stays = qlab.step("sgda", w, w - target, lr=0.05, dual_step=0.1, state=state, **setting)
    assert torch.equal(stays, w)
    assert float(state["lam"]) == 0
    assert float((w - 0.1 * value).clamp(min=0)) > 0.8  # the printed form: a price of nearly 1 on a slack constraint
    w, lam, h = torch.tensor([0.2], dtype=torch.float64), torch.tensor([0.7], dtype=torch.float64), 1e-6

    def lagrangian(price):
        return float((w - target) ** 2 / 2 - price * psi(w, levels, eps_hat))

    up = (lagrangian(lam + h) - lagrangian(lam - h)) / (2 * h)
    state = {"lam": lam.clone()}
    qlab.step("sgda", w, w - target, lr=0.05, dual_step=0.1, state=state, **setting)
    assert float(state["lam"]) == pytest.approx(float(lam) + 0.1 * up)
