"""Descent by true and coarse gradients: the theorem's starts, the chatter, the theorem for anisotropic inputs."""

import math

import pytest
import torch

from qlab import uniforms
from qlab.experiments import two_layer as experiment
from qlab.experiments import two_layer_claims as claims
from qlab.experiments import two_layer_plane as plane
from qlab.theory import surrogates
from qlab.theory.two_layer import TwoLayer, dot, norm

SEEDS = torch.arange(10)


def z(number, *shape, seed=0):
    return uniforms.normal(seed, 0, number, shape, stream="data", dtype=torch.float64)


@pytest.mark.parametrize("surrogate", list(surrogates.MASKS))
def test_the_theorems_starts_descend_monotonically_to_the_teacher(surrogate):
    model, v, w = claims.starts(SEEDS[:1])
    assert v.shape == (1, 20, 3)
    assert model.converges_from(v, w).all()
    path = experiment.descend(model, v, w, step_size=0.1, steps=1500, gradient=surrogate)
    # once the loss is 0 to rounding it cannot fall
    assert (path.loss.diff(dim=0) <= 1e-14).all(), "20 of 20 starts"
    assert (path.angle[-1] < 1e-3).all()
    assert (path.loss[-1] < 1e-3 * path.loss[0]).all()
    assert claims.converged(SEEDS[:1], 0.1, surrogate).tolist() == [1.0]


def test_without_the_conditions_some_starts_end_at_the_spurious_minimum():
    model = experiment.teacher()
    path = experiment.descend(model, -model.v_star, experiment.at(150.0), step_size=0.1, steps=2000, gradient="relu")
    assert not model.converges_from(-model.v_star, experiment.at(150.0))
    assert path.angle[-1] == pytest.approx(180, abs=1)
    torch.testing.assert_close(path.v, model.spurious_v(), rtol=0, atol=1e-2)
    assert (path.loss.diff() <= 1e-14).all(), "monotone all the same"


@pytest.mark.parametrize("step_size", [0.3, 0.1, 0.03])
@pytest.mark.parametrize("size", [1.0, 0.541])
def test_the_true_gradient_chatters_and_the_coarse_one_lands(step_size, size):
    """Mean final angle of the true gradient: arctan(step_size |v*|²/2π)/2, at |v*|² = 1.5 and .44. The coarse: 0."""
    teacher = experiment.teacher()
    model = TwoLayer(size * teacher.v_star, teacher.w_star)
    steps = round(25 / step_size)
    v, w = 0.5 * model.v_star, experiment.at(20.0)
    path = experiment.descend(model, v, w, step_size=step_size, steps=steps, gradient="true")
    last = path.angle[-2 * (steps // 4) :]
    expected = experiment.chatter(model, step_size)
    assert last.mean() == pytest.approx(expected.item(), rel=0.12)  # v still follows the angle
    exact = experiment.chatter(model, step_size, path.v)
    assert path.angle[-2:].mean() == pytest.approx(exact.item(), rel=0.01)
    assert norm(path.w) == pytest.approx(1)
    coarse = plane.descend(model, tuple(w.tolist()), step_size=step_size, steps=round(200 / step_size))
    assert coarse.angle[-1] < 1e-2 * exact


def test_a_smaller_teacher_gives_the_angles_of_the_reference():
    """0.60, 0.20, 0.061 degrees at steps .3, .1, .03 is the chatter of |v*|² = .44."""
    model = TwoLayer(torch.tensor([math.sqrt(0.44)]).double(), torch.tensor([1.0, 0.0]).double())
    for step_size, degrees in ((0.3, 0.60), (0.1, 0.20), (0.03, 0.061)):
        assert experiment.chatter(model, step_size).item() == pytest.approx(degrees, rel=0.02)


@pytest.mark.parametrize("gradient", experiment.GRADIENTS)
@pytest.mark.parametrize("condition", [1.0, 9.0])
def test_the_plane_is_the_whole_descent(gradient, condition):
    model = experiment.teacher(condition, axis=30.0)
    for start, a, b in ((70.0, 0.5, 0.0), (-160.0, -0.5, 0.3)):
        w = experiment.at(start)
        v = a * model.v_star + b
        whole = experiment.descend(model, v, w, step_size=0.2, steps=40, gradient=gradient)
        fast = plane.descend(model, tuple(w.tolist()), a=a, b=b, step_size=0.2, steps=40, gradient=gradient)
        torch.testing.assert_close(torch.from_numpy(fast.angle), whole.angle, rtol=0, atol=1e-9)
        torch.testing.assert_close(torch.from_numpy(fast.loss), whole.loss, rtol=0, atol=1e-12)
        torch.testing.assert_close(torch.from_numpy(fast.w[-1].copy()), whole.w, rtol=0, atol=1e-10)
        torch.testing.assert_close(fast.a[-1] * model.v_star + fast.b[-1], whole.v, rtol=0, atol=1e-10)


@pytest.mark.parametrize("gradient", experiment.GRADIENTS)
def test_the_plane_is_finite_on_the_kink(gradient):
    for start in ((1.0, 0.0), (-1.0, 0.0)):
        path = plane.descend(experiment.teacher(), start, step_size=0.1, steps=3, gradient=gradient)
        assert abs(path.w).max() <= 1
        assert not any(map(math.isnan, [*path.angle, *path.loss]))


def test_positive_correlation_needs_isotropic_inputs():
    """Share of random states with a negative inner product, 10 x 1000 states: 0 for the standard Gaussian, then rising
    with the condition number to more than a third."""
    share = {c: claims.negative(SEEDS, c).mean().item() for c in (1, 2, 4, 10, 100)}
    assert share[1] == 0
    assert list(share.values()) == sorted(share.values())
    for condition, expected in ((2, 0.14), (4, 0.22), (10, 0.30), (100, 0.37)):
        assert share[condition] == pytest.approx(expected, abs=0.015)  # standard error 0.005
    assert claims.negative_in_metric(SEEDS, 100).max() == 0


def test_in_the_metric_of_the_spread_inputs_the_theorem_stands():
    """⟨E g, Σ⁻¹ dF/dw⟩ is the standard Gaussian's inner product at S w: positive for every covariance."""
    from qlab.problems.teacher_student import covariance

    sigma = covariance(4, 100.0)
    model = TwoLayer(z(0, 1000, 3), z(1, 1000, 4), sigma)
    v, w = z(2, 1000, 3), z(3, 1000, 4)
    g, true = model.coarse(v, w), model.gradient_w(v, w)
    inner = dot(g, torch.linalg.solve(sigma, true.mT).mT)
    assert (dot(g, true) < 0).any()
    formula = surrogates.correlation(v, model.spread(w), model.v_star, model.angle(w))
    torch.testing.assert_close(inner, formula, rtol=1e-8, atol=1e-12)
    assert (inner > 0).all()


def test_the_identity_leaves_the_spurious_minimum_where_the_relu_stays():
    model = experiment.teacher()
    v, w = model.spurious_v(), -model.w_star
    start = model.loss(v, w)
    relu, identity = (
        experiment.descend(model, v, w, step_size=0.05, steps=400, gradient=s, normalise=False)
        for s in ("relu", "identity")
    )
    torch.testing.assert_close(relu.loss, start.expand(401), rtol=0, atol=1e-9)
    assert identity.loss.max() > 1.5 * start
    assert identity.loss.diff().max() > 0


def test_an_unknown_gradient_is_named():
    model = experiment.teacher()
    with pytest.raises(ValueError, match="did you mean 'relu'"):
        experiment.descend(model, model.v_star, model.w_star, step_size=0.1, steps=1, gradient="relus")
    with pytest.raises(ValueError, match="did you mean 'true'"):
        plane.descend(model, (1.0, 0.0), step_size=0.1, steps=1, gradient="tru")


def test_a_seed_in_a_stack_is_the_seed_alone():
    for measure in (
        lambda seeds: claims.negative(seeds, 10),
        claims.apart,
        claims.times_as_long,
        claims.steepening,
        lambda seeds: claims.final_angles(seeds, 0.3, travel=3),
        lambda seeds: claims.at_spurious_minimum(seeds, "identity"),
    ):
        torch.testing.assert_close(measure(SEEDS)[4:5], measure(SEEDS[4:5]))


def test_what_the_lesson_claims():
    assert claims.theorem_error(SEEDS).max() < 1e-8
    assert claims.twice_error(SEEDS).max() < 1e-8
    assert ((claims.apart(SEEDS) > 75) & (claims.times_as_long(SEEDS) > 5)).all()
    assert claims.steepening(SEEDS).min() > 9.9
    assert claims.at_spurious_minimum(SEEDS, "relu").max() < -14
    assert claims.at_spurious_minimum(SEEDS, "identity").min() > -6
    assert claims.rise_from_spurious_minimum("identity") > 0.5
    assert abs(claims.rise_from_spurious_minimum("relu")) < 1e-6
    true, coarse = (claims.final_angles(SEEDS, 0.1, g) for g in (experiment.TRUE, "relu"))
    assert true.mean().item() == pytest.approx(claims.predicted_angle(0.1), rel=0.01)
    assert coarse.max() < 1e-6
