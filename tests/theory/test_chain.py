"""The Markov chain of rounding: transition rows, stationary law, occupation; the simulation has this law."""

import math

import pytest
import torch

from qlab import uniforms
from qlab.problems import wells
from qlab.quantizers.grids import Grid
from qlab.theory import chain

X = chain.levels(0.5, -6, 11)


def T(step_size, noise=3.0, method="sr", x=X):
    return chain.transition(x, wells.gradient, step_size=step_size, noise=noise, method=method)


@pytest.mark.parametrize("method", ["sr", "r"])
@pytest.mark.parametrize("noise", [0.5, 3.0, 6.0])
@pytest.mark.parametrize("step_size", [1e-4, 0.01, 0.1, 0.9])
def test_rows_are_probabilities(step_size, noise, method):
    rows = T(step_size, noise, method)
    assert (rows >= 0).all()
    torch.testing.assert_close(rows.sum(1), torch.ones(len(X), dtype=torch.float64), rtol=0, atol=1e-14)


@pytest.mark.parametrize("step_size", [0.003, 0.1, 0.6])  # the last one jumps over several levels
@pytest.mark.parametrize("method", ["sr", "r"])
def test_a_row_is_what_the_quantizer_does(method, step_size):
    """One step of 200 000 weights from one level through `Grid`, against the row: within 5 standard errors a level."""
    n, i, spacing = 200_000, 20, torch.tensor(0.5, dtype=torch.float64)
    z = uniforms.normal(7, 0, 0, (n,), dtype=torch.float64)
    v = X[i] - step_size * wells.stochastic_gradient(X[i].expand(n), 3.0, z)
    grid = Grid(family="lattice")
    u = uniforms.uniform(7, 0, 0, (n,), dtype=torch.float64)
    y = grid.stochastic(v, spacing, u) if method == "sr" else grid.nearest(v, spacing)
    share = torch.bincount(((y - X[0]) / 0.5).round().long().clamp(0, len(X) - 1), minlength=len(X)) / n
    row = T(step_size, method=method)[i]
    assert ((share - row).abs() <= 5 * (row * (1 - row) / n).sqrt() + 1e-4).all()
    assert (row > 1e-6).sum() > 3 or step_size < 0.1


def test_sr_keeps_the_mean_of_the_step():
    """Q_s is unbiased, so sum_y T(x, y) y = x - step_size f'(x), where no end of the range is near."""
    inner = slice(8, -8)
    mean = T(0.1) @ X
    torch.testing.assert_close(mean[inner], (X - 0.1 * wells.gradient(X))[inner], rtol=0, atol=1e-12)


@pytest.mark.parametrize("step_size", [0.001, 0.01, 0.1])
def test_the_stationary_law_is_stationary_and_what_time_averages_tend_to(step_size):
    rows = T(step_size)
    pi = chain.stationary(rows)
    assert float(pi.sum()) == pytest.approx(1, abs=1e-13)
    torch.testing.assert_close(pi @ rows, pi, rtol=0, atol=1e-14)
    start = torch.eye(len(X), dtype=torch.float64)[0]
    mean, last = chain.occupation(start, rows, 2**24)
    assert float(chain.total_variation(last, pi)) < 1e-9
    assert float(chain.total_variation(mean, pi)) < 1e-2


def test_occupation_is_the_mean_of_the_laws_one_by_one():
    rows, law, laws = T(0.05), torch.eye(len(X), dtype=torch.float64)[12], []
    for _ in range(13):
        laws.append(law)
        law = law @ rows
    mean, last = chain.occupation(laws[0], rows, 13)
    torch.testing.assert_close(mean, torch.stack(laws).mean(0), rtol=0, atol=1e-14)
    torch.testing.assert_close(last, law, rtol=0, atol=1e-14)


def test_total_variation():
    p, q = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.0, 0.5, 0.5])
    assert float(chain.total_variation(p, q)) == 0.5
    assert float(chain.total_variation(p, p)) == 0.0


@pytest.mark.parametrize("method", ["sr", "r"])
def test_a_chain_needs_noise_and_a_step(method):
    for step_size, noise in ((0.0, 3.0), (0.1, 0.0)):
        with pytest.raises(ValueError, match="allowed: both > 0"):
            chain.transition(X, wells.gradient, step_size=step_size, noise=noise, method=method)


def test_an_unknown_method_is_named():
    with pytest.raises(ValueError, match="'bc'"):
        T(0.01, method="bc")


def test_a_chain_that_is_never_left_has_no_unique_law():
    with pytest.raises(ValueError, match="not unique"):
        chain.stationary(T(1e-5, noise=0.5, method="r"))


@pytest.mark.parametrize("s", [0.0, 0.3, 2.0])
def test_the_mean_excess_is_its_integral_far_into_the_tail(s):
    """E (d + s z)_+ by a fine sum whose grid meets the kink: relative 1e-6, down to values of 1e-74."""
    s = torch.tensor(s, dtype=torch.float64)
    z = torch.linspace(-30, 30, 600_001, dtype=torch.float64)
    p = torch.exp(-z * z / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    for r in (-18.0, -9.0, -3.0, -0.5, 0.0, 0.5, 4.0):
        d = r * (s if s > 0 else torch.ones((), dtype=torch.float64))
        expected = float((p * (d + s * z).clamp(min=0)).sum())
        assert float(chain.mean_excess(d, s)) == pytest.approx(expected, rel=1e-6, abs=0)


def test_the_simulated_law_of_sr_is_the_exact_stationary_one():
    """1000 runs x 4000 steps at 0.05, where a run forgets its start within 100 steps: total variation below 0.01."""
    from qlab.experiments import wells as experiment

    setting = {"step_size": 0.05, "noise": 3.0, "spacing": 0.5}
    run = experiment.simulate("sr", start=4.0, iterations=4000, runs=1000, seed=5, **setting)
    assert experiment.distance(run.law, experiment.stationary(**setting)) < 0.01


def test_a_spacing_and_a_number_of_steps_that_make_no_chain_are_refused():
    for spacing in (0.0, -0.5):
        with pytest.raises(ValueError, match="spacing"):
            chain.levels(spacing, -1.0, 1.0)
    with pytest.raises(ValueError, match="steps = 0"):  # a mean over no step
        chain.occupation(torch.ones(1), torch.ones(1, 1), 0)
