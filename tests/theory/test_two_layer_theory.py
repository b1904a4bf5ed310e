"""The two-layer model: closed forms against samples, quadrature, finite differences; critical points; the theorem."""

import math

import pytest
import torch

from qlab import uniforms
from qlab.problems.teacher_student import covariance
from qlab.theory import surrogates, two_layer_samples
from qlab.theory.two_layer import TwoLayer, across, angle, dot, norm, plus_ones, solve_plus_ones

SURROGATES = list(surrogates.MASKS)


def z(number, *shape, seed=0):
    return uniforms.normal(seed, 0, number, shape, stream="data", dtype=torch.float64)


def state(condition=1.0, m=3, n=4, runs=()):
    """A random model and a random state (v, w); the teacher's w* is not of length 1."""
    turn = torch.linalg.qr(z(4, n, n)).Q
    sigma = None if condition == 1 else covariance(n, condition, turn)
    return TwoLayer(z(0, *runs, m), 2 * z(1, *runs, n), sigma), z(2, *runs, m), z(3, *runs, n)


@pytest.mark.parametrize("condition", [1.0, 10.0])
def test_every_closed_form_is_the_mean_of_its_samples(condition):
    """200 batches of 500 inputs: each number lies within 4 standard errors of the mean of the batches."""
    model, v, w = state(condition)
    Z = two_layer_samples.draw(model, 200 * 500, seed=1).view(200, 500, 3, 4)

    def agree(samples, exact):
        error = samples.std(0) / math.sqrt(len(samples))
        assert ((samples.mean(0) - exact).abs() <= 4 * error).all()
        assert (error < 0.1 * exact.abs().max()).all(), "enough samples to tell"

    agree(two_layer_samples.loss(model, v, w, Z), model.loss(v, w))
    for surrogate in SURROGATES:
        gradient_v, g = two_layer_samples.gradients(model, v, w, Z, surrogate, clip=0.8)
        agree(gradient_v, model.gradient_v(v, w))
        agree(g, model.coarse(v, w, surrogate, clip=0.8))


@pytest.mark.parametrize("condition", [1.0, 10.0])
def test_gradients_are_finite_differences_of_the_loss(condition):
    model, v, w = state(condition)

    def slopes(f, x):
        eye = 1e-6 * torch.eye(len(x), dtype=torch.float64)
        return (f(x + eye) - f(x - eye)) / 2e-6

    torch.testing.assert_close(model.gradient_v(v, w), slopes(lambda x: model.loss(x, w), v), rtol=0, atol=1e-9)
    torch.testing.assert_close(model.gradient_w(v, w), slopes(lambda x: model.loss(v, x), w), rtol=0, atol=1e-9)


@pytest.mark.parametrize("theta", [0.01, 0.7, math.pi / 2, 2.5, 3.1])
@pytest.mark.parametrize("length", [0.3, 1.0, 4.0])
def test_the_clipped_relu_is_its_integral(theta, length):
    """C = E z 1{0 < z'w <= c} 1{z'w* > 0} by the midpoint rule over t = z'ŵ, the other direction integrated exactly."""
    w, w_star = torch.tensor([[length, 0.0], [math.cos(theta), math.sin(theta)]], dtype=torch.float64)
    A, B, C = surrogates.moments(w, w_star, "clipped-relu", clip=1.5)
    cells = 200_000
    t = (torch.arange(cells, dtype=torch.float64) + 0.5) * (1.5 / length / cells)
    phi = torch.exp(-t * t / 2) / math.sqrt(2 * math.pi)
    cot = math.cos(theta) / math.sin(theta)
    dt = 1.5 / length / cells
    along = (t * phi * torch.special.ndtr(t * cot)).sum() * dt
    aside = (phi * torch.exp(-((t * cot) ** 2) / 2) / math.sqrt(2 * math.pi)).sum() * dt
    torch.testing.assert_close(C, torch.stack((along, aside)), rtol=0, atol=1e-9)
    torch.testing.assert_close(A, torch.stack(((t * phi).sum() * dt, torch.zeros(()).double())), rtol=0, atol=1e-9)
    assert torch.equal(A, B)


def test_a_clip_far_away_is_no_clip():
    model, v, w = state(runs=(20,))
    torch.testing.assert_close(model.coarse(v, w, "clipped-relu", clip=1e3), model.coarse(v, w, "relu"))


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_the_correlation_theorem(surrogate):
    """⟨E g, dF/dw⟩ is the formula, positive; the identity's is twice the ReLU's, the clipped ReLU's is less than it."""
    model, v, w = state(runs=(500,))
    theta, clip = model.angle(w), 0.7
    formula = surrogates.correlation(v, w, model.v_star, theta, surrogate, clip)
    torch.testing.assert_close(model.correlation(v, w, surrogate, clip), formula, rtol=1e-9, atol=1e-14)
    assert (formula > 0).all()
    relu = model.correlation(v, w, "relu")
    torch.testing.assert_close(model.correlation(v, w, "identity"), 2 * relu, rtol=1e-9, atol=1e-14)
    assert (model.correlation(v, w, "clipped-relu", clip) < relu).all()


def test_the_part_across_w_is_parallel_to_the_true_gradient():
    """P E g = √2π share sin ϑ dF/dw |w|: the coarse gradient differs along w, and shrinks at ϑ = 0 and π."""
    model, v, w = state(runs=(50,))
    unit = w / norm(w)
    for surrogate, share in (("identity", 1.0), ("relu", 0.5)):
        g = model.coarse(v, w, surrogate)
        aside = g - dot(g, unit).unsqueeze(-1) * unit
        ratio = math.sqrt(2 * math.pi) * share * model.angle(w).sin().unsqueeze(-1) * norm(w)
        torch.testing.assert_close(aside, ratio * model.gradient_w(v, w), rtol=0, atol=1e-12)


def test_h_is_what_the_document_prints():
    model, v, w = state(runs=(50,))
    w_star, w_unit = model.w_star / norm(model.w_star), w / norm(w)
    half = torch.cos(model.angle(w) / 2) * dot(v, model.v_star) / math.sqrt(2 * math.pi)
    middle = (w_unit + w_star) / norm(w_unit + w_star)
    h = surrogates.h(v, model.v_star)
    printed = h.unsqueeze(-1) / (2 * math.sqrt(2 * math.pi)) * w_unit - half.unsqueeze(-1) * middle
    torch.testing.assert_close(model.coarse(v, w, "relu"), printed, rtol=0, atol=1e-12)


def test_the_teacher_is_the_minimum_where_every_gradient_that_exists_is_zero():
    model, v, w = state(runs=(200,))
    at, scale = model.v_star, 3 * model.w_star
    assert model.loss(at, scale).abs().max() < 1e-14
    assert (model.loss(v, w) > 0).all()
    assert model.gradient_v(at, scale).abs().max() < 1e-14
    for surrogate in SURROGATES:
        assert model.coarse(at, scale, surrogate).abs().max() < 1e-12
    torch.testing.assert_close(surrogates.h(at, at), 2 * dot(at, at))


def with_sum(size, m=3):
    """Teachers with |v*| = 1 and 1'v* = size * √((m + 1)/2): spurious points exist where |size| < 1."""
    ones = torch.ones(m, dtype=torch.float64) / math.sqrt(m)
    other = z(7, m)
    other = other - dot(other, ones) * ones
    part = size * math.sqrt((m + 1) / 2) / math.sqrt(m)
    return part * ones + math.sqrt(1 - part**2) * other / norm(other)


@pytest.mark.parametrize("size", [0.0, 0.5, 0.99, 1.01, 1.2])
def test_spurious_points_exist_where_they_should(size):
    """w = -w* is a minimum in w where F falls towards π, that is v'v* < 0 there; else the teacher's angle is better."""
    model = TwoLayer(with_sum(size), z(1, 4))
    v = model.spurious_v()
    near, end = (model.loss_at(v, torch.tensor(t).double()) for t in (math.pi - 1e-4, math.pi))
    assert bool(model.spurious_exists()) == bool(near > end) == (size < 1)
    theta = model.saddle_angle()
    assert bool(theta.isnan()) == (size >= 1)
    assert size >= 1 or math.pi / 2 <= theta < math.pi


@pytest.mark.parametrize("size", [0.0, 0.5, 0.99])
def test_spurious_points_are_critical_and_the_identity_does_not_see_it(size):
    model = TwoLayer(with_sum(size), z(1, 4))
    m, w = 3, -model.w_star
    v = model.spurious_v()
    assert model.gradient_v(v, w).abs().max() < 1e-14
    assert model.coarse(v, w, "relu").abs().max() < 1e-14
    expected = 2 * (m - 1) / (math.sqrt(2 * math.pi) * (m + 1) ** 2) * model.v_star.sum() ** 2
    torch.testing.assert_close(norm(model.coarse(v, w, "identity"))[0], expected, rtol=1e-9, atol=1e-14)
    # the saddle: all gradients in v and w vanish there, the identity's does not
    theta = model.saddle_angle()
    side = across(model.w_star, z(3, 4))
    w = theta.cos() * model.w_star / norm(model.w_star) + theta.sin() * side
    v = model.best_v(theta)
    assert model.angle(w).item() == pytest.approx(theta.item())
    for gradient in (model.gradient_v(v, w), model.gradient_w(v, w), model.coarse(v, w, "relu")):
        assert gradient.abs().max() < 1e-12
    torch.testing.assert_close(norm(model.coarse(v, w, "identity"))[0], dot(v, v) / math.sqrt(2 * math.pi))


def test_best_v_minimizes_the_loss_at_its_angle():
    model, _, _ = state()
    theta = torch.linspace(0, math.pi, 7, dtype=torch.float64)
    best = model.best_v(theta)
    for k in range(20):
        assert (model.loss_at(best + 0.1 * z(k, 7, 3, seed=9), theta) > model.loss_at(best, theta)).all()
    b = z(0, 5)
    torch.testing.assert_close(solve_plus_ones(plus_ones(b)), b)


def test_a_covariance_moves_the_problem_to_spread_weights():
    """Σ = S S: F is the standard one at (S w, S w*), and the chain rule gives gradients a factor S."""
    model, v, w = state(10.0)
    standard = TwoLayer(model.v_star, model.spread(model.w_star))
    u = model.spread(w)
    torch.testing.assert_close(model.root @ model.root, model.covariance)
    torch.testing.assert_close(model.loss(v, w), standard.loss(v, u))
    torch.testing.assert_close(model.gradient_w(v, w), model.root @ standard.gradient_w(v, u))
    torch.testing.assert_close(model.coarse(v, w), model.root @ standard.coarse(v, u))


def test_leading_axes_are_runs():
    model, v, w = state(3.0, runs=(5,))
    for i in range(5):
        alone = TwoLayer(model.v_star[i], model.w_star[i], model.covariance)
        torch.testing.assert_close(model.coarse(v, w, "clipped-relu")[i], alone.coarse(v[i], w[i], "clipped-relu"))
        torch.testing.assert_close(model.gradient_w(v, w)[i], alone.gradient_w(v[i], w[i]))
        torch.testing.assert_close(model.saddle_angle()[i], alone.saddle_angle(), equal_nan=True)


def test_angles_are_accurate_at_both_ends_and_the_kink_is_finite():
    one, tiny = torch.tensor([1.0, 0.0]).double(), 1e-9
    for sign in (1, -1):
        other = torch.tensor([sign * math.cos(tiny), math.sin(tiny)]).double()
        end = 0 if sign == 1 else math.pi
        assert abs(angle(one, other).item() - end) == pytest.approx(tiny, rel=1e-6)
    model = TwoLayer(z(0, 3), one)
    for w in (one, -one, 3 * one):
        assert torch.equal(model.gradient_w(z(2, 3), w), torch.zeros(2).double())
    assert model.gradient_w(z(2, 3), 0 * one).isnan().all()


def test_samples_are_a_function_of_seed_and_step_and_F_N_is_flat():
    model, v, w = state(4.0)
    stacked = two_layer_samples.draw(model, 50, torch.tensor([1, 2]))
    assert torch.equal(stacked[1], two_layer_samples.draw(model, 50, 2))
    assert not torch.equal(stacked[1], two_layer_samples.draw(model, 50, 2, step=1))
    moved = w * (1 + 1e-9 * z(5, 4))
    assert two_layer_samples.loss(model, v, w, stacked[0]) == two_layer_samples.loss(model, v, moved, stacked[0])
    many = two_layer_samples.draw(model, 40_000, 3).flatten(0, 1)
    torch.testing.assert_close(torch.cov(many.T), model.covariance, rtol=0, atol=0.05 * model.covariance.max().item())


def test_bad_input_is_named():
    one = torch.ones(3).double()
    with pytest.raises(ValueError, match="w_star holds a zero vector"):
        TwoLayer(one, 0 * one)
    with pytest.raises(ValueError, match=r"did you mean torch\.diag"):
        TwoLayer(one, one, -torch.eye(3).double())
    with pytest.raises(ValueError, match="did you mean 'relu'"):
        TwoLayer(one, one).coarse(one, one, "rel")
    with pytest.raises(ValueError, match="clip = 0"):
        TwoLayer(one, one).coarse(one, one, "clipped-relu", clip=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_covariance_is_symmetric_up_to_the_rounding_of_its_precision(dtype):
    ones, eye = torch.ones(3, dtype=dtype), torch.eye(3, dtype=dtype)
    rounded = eye.clone()
    rounded[0, 1] = 4 * torch.finfo(dtype).eps  # relative to the size of the matrix, not of an entry that should be 0
    TwoLayer(ones, ones, rounded)
    wrong = eye.clone()
    wrong[0, 1] = 0.01
    with pytest.raises(ValueError, match="not symmetric"):
        TwoLayer(ones, ones, wrong)
