"""Proximal operators: no point of a fine grid is better, for any levels, norm, convention and parameter."""

import pytest
import torch

from qlab import prox, uniforms
from qlab.quantizers import nearest
from qlab.quantizers.grids import Grid

W = uniforms.normal(1, 0, 0, (60,), dtype=torch.float64) * 1.5
FINE = torch.linspace(-5, 5, 20_001, dtype=torch.float64)
LEVELS = {
    "binary": Grid(1).levels(),
    "ternary": Grid(2).levels(),
    "dorefa": Grid(2, "dorefa").levels(),
    "uneven": torch.tensor([-2.0, -0.3, 0.0, 0.4, 3.0], dtype=torch.float64),
    "one": torch.tensor([0.7], dtype=torch.float64),
}
KINDS = (("l1", "half"), ("l2", "half"), ("l2", "full"))
NU = (0.0, 0.03, 0.3, 1.0, 2.5, 40.0)


def operator(norm, convention, w, levels, nu):
    return prox.prox_l1(w, levels, nu) if norm == "l1" else prox.prox_l2(w, levels, nu, convention)


def objective(norm, convention, x, w, levels, nu):
    """1/2 (x - w)² + nu R(x), R from the distances to all levels."""
    d = (x.unsqueeze(-1) - levels).abs().min(-1).values
    r = {"l1": d, "l2half": d**2 / 2, "l2full": d**2}[norm if norm == "l1" else norm + convention]
    return (x - w) ** 2 / 2 + nu * r


@pytest.mark.parametrize("nu", NU)
@pytest.mark.parametrize("name", LEVELS)
@pytest.mark.parametrize(("norm", "convention"), KINDS)
def test_no_point_of_a_fine_grid_is_better(norm, convention, name, nu):
    levels = LEVELS[name]
    middles = (levels[1:] + levels[:-1]) / 2
    w = torch.cat([W, levels, middles, torch.zeros(1, dtype=torch.float64)])
    x = operator(norm, convention, w, levels, nu)
    best = objective(norm, convention, FINE, w.unsqueeze(-1), levels, nu).min(-1).values
    assert (objective(norm, convention, x, w, levels, nu) <= best + 1e-12).all()
    r = prox.regularizer(w, levels, norm, convention)
    assert torch.allclose(nu * r, objective(norm, convention, w, w, levels, nu), rtol=0, atol=1e-12)


def test_the_w_of_the_document():
    """±1: R(t) = min(|t - 1|, |t + 1|), prox = sign(t) + soft(t - sign(t), nu)."""
    sign = torch.where(W >= 0, 1.0, -1.0).double()
    assert torch.allclose(prox.regularizer(W, LEVELS["binary"]), torch.minimum((W - 1).abs(), (W + 1).abs()))
    for nu in NU:
        d = W - sign
        printed = sign + d.sign() * (d.abs() - nu).clamp(min=0)
        assert torch.allclose(prox.prox_l1(W, LEVELS["binary"], nu), printed, rtol=0, atol=1e-14)


def test_zero_is_sent_to_a_minimizer_and_not_to_zero():
    """0 between ±1: with either sign the objective is smaller than at 0 itself, for every nu > 0."""
    zero = torch.zeros(1, dtype=torch.float64)
    for nu in (0.2, 1.0, 3.0):
        assert prox.prox_l1(zero, LEVELS["binary"], nu).item() == min(nu, 1.0)
        assert prox.prox_l2(zero, LEVELS["binary"], nu).item() == pytest.approx(nu / (1 + nu))
        assert prox.prox_l2(zero, LEVELS["binary"], nu, "full").item() == pytest.approx(2 * nu / (1 + 2 * nu))


@pytest.mark.parametrize("name", LEVELS)
def test_identity_at_0_and_the_nearest_level_in_the_limit(name):
    levels = LEVELS[name]
    q, inf = nearest(W, levels), float("inf")
    assert torch.equal(prox.prox_l1(W, levels, 0.0), W)
    assert torch.allclose(prox.prox_l2(W, levels, 0.0), W, rtol=0, atol=1e-15)
    assert torch.equal(prox.towards_l1(W, q, inf), q)
    assert torch.equal(prox.towards_l2(W, q, inf), q)
    far = float((W - q).abs().max())
    assert torch.equal(prox.prox_l1(W, levels, far), q)


@pytest.mark.parametrize(("norm", "convention"), KINDS)
def test_the_distance_to_the_levels_never_rises_with_nu_and_the_nearest_level_stays(norm, convention):
    levels = LEVELS["uneven"]
    last = torch.full_like(W, float("inf"))
    for nu in NU:
        x = operator(norm, convention, W, levels, nu)
        assert torch.equal(nearest(x, levels), nearest(W, levels))
        d = (x - nearest(x, levels)).abs()
        assert (d <= last + 1e-15).all()
        last = d


def test_the_two_conventions_differ_by_a_factor_2_of_nu():
    levels = LEVELS["ternary"]
    assert torch.equal(prox.prox_l2(W, levels, 0.7, "full"), prox.prox_l2(W, levels, 1.4, "half"))


def test_nu_may_be_a_tensor_and_nan_stays_nan():
    levels, nu = LEVELS["binary"], torch.tensor([[0.1], [0.9]], dtype=torch.float64)
    rows = prox.prox_l1(W.expand(2, -1), levels, nu)
    assert torch.equal(rows[1], prox.prox_l1(W, levels, 0.9))
    nan, q = torch.tensor([float("nan")]), torch.ones(1)
    assert prox.towards_l1(nan, q, 5.0).isnan().all()
    assert prox.towards_l2(nan, q, 5.0).isnan().all()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: prox.prox_l1(W, LEVELS["binary"], -0.1), ValueError, "nu"),
        (lambda: prox.prox_l1(W, LEVELS["binary"].flip(0), 0.1), ValueError, "not sorted"),
        (lambda: prox.prox_l1(W.long(), LEVELS["binary"], 0.1), TypeError, "w has dtype"),
        (lambda: prox.prox_l2(W, LEVELS["binary"], 0.1, "halve"), ValueError, "did you mean 'half'"),
        (lambda: prox.prox_l2(W, LEVELS["binary"], torch.ones(7)), ValueError, "nu has shape"),
        (lambda: prox.regularizer(W, LEVELS["binary"], "l3"), ValueError, "norm"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()
