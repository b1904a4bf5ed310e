"""Prices: the multiplier is the slope of the optimum where there is no gap, and there is a gap where data are atoms."""

import itertools
import math

import pytest
import torch

from qlab import uniforms
from qlab.theory.duality import Atoms, Ball, Rounding, is_subgradient


def normal(case, number, *shape):
    return uniforms.normal(17, case, number, shape, stream="data", dtype=torch.float64)


def ball(case, d=5):
    M = normal(case, 0, d, d)
    return Ball(M @ M.T / d + 0.5 * torch.eye(d, dtype=torch.float64), normal(case, 1, d), normal(case, 2, d))


def share(problem, x):
    """An ε at which the constraint binds: a share x of the distance of the unconstrained minimizer."""
    return x * float(problem.distance(problem.best(0.0)))


@pytest.mark.parametrize("case", range(6))
@pytest.mark.parametrize("x", [0.1, 0.5, 0.9])
def test_the_convex_instance_has_no_gap_and_its_multiplier_is_both_slopes(case, x):
    problem = ball(case)
    eps = share(problem, x)
    lam, h = problem.multiplier(eps), 1e-4 * eps
    assert lam > 0
    assert problem.bound(eps) == pytest.approx(problem.price(eps), abs=1e-9)
    by_dual = -(problem.bound(eps + h) - problem.bound(eps - h)) / (2 * h)
    by_primal = -(problem.price(eps + h) - problem.price(eps - h)) / (2 * h)
    assert by_dual == pytest.approx(lam, rel=1e-5)
    assert by_primal == pytest.approx(lam, rel=1e-4)


@pytest.mark.parametrize("case", range(3))
def test_the_constraint_that_does_not_bind_is_free(case):
    problem = ball(case)
    eps = share(problem, 1.5)
    assert problem.multiplier(eps) == 0
    assert problem.price(eps) == pytest.approx(float(problem.loss(problem.best(0.0))), abs=1e-9)


@pytest.mark.parametrize("problem", [ball(0), Rounding(0.7), Atoms(1), Atoms(4), Atoms(math.inf)])
def test_every_multiplier_gives_a_lower_bound_and_the_best_one_the_best(problem):
    for eps in (0.01, 0.03, 0.2, 0.4, 0.7, 1.3):
        bounds = [problem.dual(lam, eps) for lam in torch.linspace(0, 20, 401).tolist()]
        assert max(bounds) <= problem.bound(eps) + 1e-12
        assert problem.bound(eps) <= problem.price(eps) + 1e-9


@pytest.mark.parametrize("spacing", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("lam", [0.0, 0.3, 2.0])
def test_rounding_the_lagrangian_is_minimal_at_best_for_every_input(spacing, lam):
    x = (torch.arange(400, dtype=torch.float64) + 0.5) / 400 * 3 * spacing - 1.5 * spacing
    problem = Rounding(spacing)

    def lagrangian(f):
        q = (f / spacing).round() * spacing
        return (f - x) ** 2 + lam * (f - q) ** 2

    mine = lagrangian(problem.best(x, lam))
    for f in torch.linspace(-3 * spacing, 3 * spacing, 1201, dtype=torch.float64):
        assert (mine <= lagrangian(f) + 1e-12).all()
    for eps in (0.1, 2.0):  # D(λ; ε) is that minimum, averaged (midpoint rule: exact up to 1/(12 n²))
        assert float(mine.mean()) - lam * eps == pytest.approx(problem.dual(lam, eps), abs=1e-4 * spacing**2)


@pytest.mark.parametrize("spacing", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("x", [0.05, 0.3, 0.9, 1.2])
def test_rounding_has_no_gap_the_best_function_is_feasible_and_attains_the_bound(spacing, x):
    problem = Rounding(spacing)
    eps = x * problem.variance
    lam = problem.multiplier(eps)
    inputs = ((torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000 - 0.5) * 4 * spacing
    f = problem.best(inputs, lam)
    distance = float((f - (f / spacing).round() * spacing).square().mean())
    assert distance <= eps * (1 + 1e-6)
    assert float((f - inputs).square().mean()) == pytest.approx(problem.price(eps), rel=1e-6, abs=1e-12)
    assert problem.bound(eps) == pytest.approx(problem.price(eps), abs=1e-15)
    h = 1e-5 * eps
    slope = (problem.price(eps + h) - problem.price(eps - h)) / (2 * h)
    assert -slope == pytest.approx(lam, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
def test_atoms_the_optimum_is_that_of_all_answers(n):
    for eps in (0.05, 0.2, 0.4, 0.6, 0.875, 1.0, 2.0):
        losses = [
            1 - sum(right) / n for right in itertools.product((0, 1), repeat=n) if sum(right) / n <= eps + 1e-12
        ]  # an answer: which inputs are right
        problem = Atoms(n)
        assert problem.price(eps) == pytest.approx(min(losses))
        assert problem.price(eps) - problem.bound(eps) < 1 / n
        assert Atoms(math.inf).price(eps) == pytest.approx(problem.bound(eps))


def test_atoms_the_dual_is_the_minimum_over_all_answers_of_the_lagrangian():
    levels, y = torch.tensor([0.0, 2.0]), 1.0
    f = torch.cat([torch.linspace(-1, 3, 401), torch.tensor([y])])
    loss = (f != y).double()
    distance = (f[:, None] - levels).abs().min(1).values.double() ** 2
    for lam in (0.0, 0.4, 1.0, 3.0):
        assert float((loss + lam * (distance - 0.4)).min()) == pytest.approx(Atoms(1).dual(lam, 0.4), abs=1e-12)


def test_the_gap_of_the_single_atom():
    assert Atoms(1).price(0.4) == 1
    assert Atoms(1).bound(0.4) == pytest.approx(0.6)
    at = torch.linspace(0.01, 1.5, 150)
    assert not any(is_subgradient(z, Atoms(1).price, 0.4, at) for z in torch.linspace(-3, 3, 61).tolist())


def test_bad_input_is_refused():
    eye = torch.eye(2, dtype=torch.float64)
    with pytest.raises(ValueError, match="positive definite"):
        Ball(-eye, eye[0], eye[1])
    with pytest.raises(ValueError, match="shape"):
        Ball(eye, eye[0], torch.zeros(3, dtype=torch.float64))
    with pytest.raises(ValueError, match="greater than 0"):
        Rounding(0.0)
    with pytest.raises(ValueError, match="eps"):
        Rounding().multiplier(0.0)
    with pytest.raises(TypeError, match=r"n = 1\.5"):
        Atoms(1.5)
