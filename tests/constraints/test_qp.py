"""The general velocity: optimal, equal to the closed form where there is one, and refused where there is none."""

import pytest
import torch

from qlab import uniforms
from qlab.constraints import cones, eps_of, psi, qp, slope, velocity

SETS = [
    torch.tensor(levels, dtype=torch.float64)
    for levels in ([-1.0, 1.0], [-1.0, 0.0, 1.0], [-3.0, -1.0, 1.0, 3.0], [-2.0, -0.5, 0.1, 4.0])
]


def draw(case, *shape, number=0, scale=1.0):
    return scale * uniforms.normal(29, case, number, shape, stream="data", dtype=torch.float64)


@pytest.mark.parametrize("levels", SETS)
@pytest.mark.parametrize("push", [0.2, 1.0, 5.0])
def test_the_separable_velocity_is_the_solution_of_the_quadratic_program(levels, push):
    """240 programs of 16 weights: 3840 coordinates for each level set. Midpoints have probability zero."""
    eps = eps_of(0.3, float((levels[1:] - levels[:-1]).min()))
    seen = set()
    for case in range(80):
        w, g = draw(case, 16, scale=float(levels[-1])), draw(case, 16, number=1, scale=3.0)
        value, d = psi(w, levels, eps), slope(w, levels)
        closed = velocity(g, value, d, push)
        torch.testing.assert_close(qp.velocity(g, value, torch.diag(d), push), closed, rtol=1e-9, atol=1e-9)
        seen |= {(bool(a), bool(b)) for a, b in zip(value < 0, closed != -g, strict=True)}
    assert seen == {(False, False), (True, False), (True, True)}  # all three cases of S0 5 were met


@pytest.mark.parametrize("case", range(12))
def test_the_velocity_is_optimal_for_general_constraints(case):
    m, n, push = 5, 7, 0.7
    value, J, g = draw(case, m), draw(case, m, n, number=1), draw(case, n, number=2)
    v = qp.velocity(g, value, J, push)
    counted, h = J[value <= 0], -push * value[value <= 0]
    assert (counted @ v >= h - 1e-9).all()
    # KKT of the program: v + g = sum λ psi', λ >= 0, λ (psi' v + push psi) = 0
    found = cones.kkt_residual(v + g, counted @ v - h, counted, tol=1e-8)
    assert found.stationarity < 1e-8
    for other in v + draw(case, 200, n, number=3, scale=0.3):
        if (counted @ other >= h).all():
            assert float((other + g).norm()) >= float((v + g).norm()) - 1e-9


def test_without_a_violated_constraint_it_is_descent():
    J, g = draw(0, 3, 4), draw(0, 4, number=1)
    assert torch.equal(qp.velocity(g, torch.ones(3, dtype=torch.float64), J, 1.0), -g)


def test_units_of_a_constraint_do_not_matter():
    value, J, g = -draw(1, 3).abs(), draw(1, 3, 4, number=1), draw(1, 4, number=2)
    units = torch.tensor([1e-6, 1.0, 1e6], dtype=torch.float64)
    torch.testing.assert_close(
        qp.velocity(g, units * value, units[:, None] * J, 1.0), qp.velocity(g, value, J, 1.0), rtol=1e-6, atol=1e-8
    )


def test_an_empty_set_of_velocities_is_refused():
    value, g = torch.tensor([-1.0, -1.0], dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    with pytest.raises(ValueError, match="MFCQ"):  # a midpoint: psi' = 0
        qp.velocity(g, value, torch.diag(torch.tensor([0.0, 1.0], dtype=torch.float64)), 1.0)
    row = torch.tensor([1.0, 2.0], dtype=torch.float64)
    with pytest.raises(ValueError, match="MFCQ"):  # two constraints that pull apart
        qp.velocity(g, value, torch.stack([row, -row]), 1.0)
    with pytest.raises(ValueError, match="push"):
        qp.velocity(g, value, torch.eye(2, dtype=torch.float64), 0.0)


def test_a_constraint_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="psi has 1 non-finite value"):
        qp.velocity(torch.ones(1), torch.full((1,), torch.nan), torch.ones(1, 1), 1.0)
