"""Cones and stationarity: polarity, the KKT points of the 1-D problem, the general form equal to the separable one."""

import math

import pytest
import torch

from qlab import uniforms
from qlab.constraints import cones, eps_of, intervals, psi, slope

TWO = torch.tensor([-1.0, 1.0], dtype=torch.float64)
FOUR = torch.tensor([-1.0, -1 / 3, 1 / 3, 1.0], dtype=torch.float64)
SETS = [TWO, torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64), FOUR]


def draw(case, *shape, number=0, scale=1.0):
    return scale * uniforms.normal(23, case, number, shape, stream="data", dtype=torch.float64)


def cone_of(case, m=4, n=6):
    """psi with two violated, one active and one slack constraint, and a random Jacobian."""
    return torch.tensor([-0.3, -0.01, 0.0, 0.4], dtype=torch.float64)[:m], draw(case, m, n, number=1)


@pytest.mark.parametrize("case", range(8))
def test_tangent_and_normal_cone_are_polar(case):
    value, J = cone_of(case)
    inside = [v for v in draw(case, 400, 6, number=2) if cones.in_tangent_cone(v, value, J)]
    assert inside
    for lam in draw(case, 20, 3, number=3).abs():
        u = -(J[:3].T @ lam)
        assert cones.in_normal_cone(u, value, J)
        assert not cones.in_normal_cone(-u, value, J)  # N holds no line, MFCQ being true here
        assert all(float(u @ v) <= 1e-12 for v in inside)
    assert not cones.in_normal_cone(-J[3], value, J)  # the slack constraint has no part in N


@pytest.mark.parametrize("case", range(6))
def test_the_residual_is_the_distance_to_the_normal_cone_that_is_the_part_of_descent_in_the_tangent_cone(case):
    """Moreau: -g = (its projection on N) + (its projection on T), orthogonal."""
    value, J = cone_of(case)
    g = draw(case, 6, number=4)
    found = cones.kkt_residual(g, value, J)
    left = -g + J.T @ found.multipliers
    assert (found.multipliers >= 0).all()
    assert float(found.multipliers[3]) == 0
    assert cones.in_tangent_cone(left, value, J, tol=1e-10)
    assert float(left @ (g + left)) == pytest.approx(0, abs=1e-10)
    assert found.stationarity == pytest.approx(float(left.norm()))
    assert found.violation == pytest.approx(0.3)


@pytest.mark.parametrize("case", range(8))
def test_mfcq_is_that_no_convex_combination_of_the_slopes_is_zero(case):
    value, J = cone_of(case)
    assert cones.mfcq(value, J)
    opposed = J.clone()
    opposed[1] = -2.5 * J[0]
    assert not cones.mfcq(value, opposed)
    opposed[2] = -(J[0] + J[1])  # three, none of them opposed to another
    opposed[1] = J[1]
    assert not cones.mfcq(value, opposed)
    opposed[2] = 0.0
    assert not cones.mfcq(value, opposed)
    assert cones.mfcq(value.abs() + 1, opposed)


@pytest.mark.parametrize("levels", SETS)
@pytest.mark.parametrize("eps_hat", [0.01, 0.5, 0.99])
def test_the_separable_forms_are_the_general_ones(levels, eps_hat):
    eps = eps_of(eps_hat, float((levels[1:] - levels[:-1]).min()))
    for case in range(30):
        w, g = draw(case, 5), draw(case, 5, number=1)
        value, d = psi(w, levels, eps), slope(w, levels)
        own, general = cones.kkt_residual(g, value, d), cones.kkt_residual(g, value, torch.diag(d))
        assert own.stationarity == pytest.approx(general.stationarity, abs=1e-9)
        assert own.violation == general.violation
        torch.testing.assert_close(own.multipliers, general.multipliers, rtol=1e-7, atol=1e-9)
        assert bool(cones.qualified(value, d).all()) == cones.mfcq(value, torch.diag(d))


@pytest.mark.parametrize("eps_hat", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("target", [0.3, -0.5, 0.0])
def test_the_residual_is_zero_at_both_kkt_points_and_nowhere_else(eps_hat, target):
    """F = ½(w - target)² with an infeasible target: stationary are the inner ends of the two islands, at
    ±sqrt(1 - sqrt eps_hat), with multipliers (w - target)/psi'(w)."""
    edge = math.sqrt(1 - math.sqrt(eps_hat))
    points = torch.tensor([-edge, edge], dtype=torch.float64)
    value, d = psi(points, TWO, eps_hat), slope(points, TWO)
    torch.testing.assert_close(value, torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-15)
    assert (cones.stationarity(points - target, value, d) < 1e-15).all()
    expected = (points - target) / (4 * points * (1 - points**2))
    torch.testing.assert_close(cones.multiplier(points - target, value, d), expected)
    w = torch.linspace(-2, 2, 4001, dtype=torch.float64) + 1e-4
    w = w[((w[:, None] - points).abs() > 1e-3).all(1)]
    value, d = psi(w, TWO, eps_hat), slope(w, TWO)
    residual = torch.maximum(cones.stationarity(w - target, value, d), -value)
    assert (residual > 1e-5).all()


def test_the_two_multipliers_of_the_document_problem():
    w = torch.tensor([1.0, -1.0], dtype=torch.float64) * math.sqrt(1 - math.sqrt(0.1))
    found = cones.multiplier(w - 0.3, psi(w, TWO, 0.1), slope(w, TWO))
    assert [round(x, 3) for x in found.tolist()] == [0.504, 1.077]


def test_outside_where_descent_leads_back_nothing_is_stationary():
    ends = intervals(TWO, 0.1)  # the outer ends: descent towards .3 leads into the island
    outer = torch.stack([ends[0, 0], ends[1, 1]])
    residual = cones.stationarity(outer - 0.3, psi(outer, TWO, 0.1), slope(outer, TWO))
    torch.testing.assert_close(residual, (outer - 0.3).abs())


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"torch\.diag\(slope\)"):
        cones.mfcq(torch.zeros(3), torch.zeros(3))
    with pytest.raises(TypeError, match="jacobian"):
        cones.in_tangent_cone(torch.zeros(3), torch.zeros(3), [[1.0]])


def test_float32_arguments_are_taken():
    value, J, v = torch.tensor([-0.1, 0.1]), torch.eye(2), torch.tensor([1.0, -1.0])
    assert cones.in_tangent_cone(v, value, J)
    assert not cones.in_tangent_cone(-v, value, J)
    assert cones.in_normal_cone(torch.tensor([-1.0, 0.0]), value, J)
