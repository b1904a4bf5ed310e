"""The solvers agree with the exhaustive search where their sizes overlap; their bounds are bounds."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from qlab import exact
from qlab.exact import sphere_decoder
from qlab.uniforms import normal, uniform

LEVELS = {
    "binary": (-1.0, 1.0),
    "ternary": (-1.0, 0.0, 1.0),
    "uneven": (-2.0, -0.5, 0.0, 3.0),
    "positive": (1.0, 2.0, 3.0, 4.0, 5.0),
}


def regression(d: int, n: int, noise: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    x, w, z = (normal(seed, 0, i, s, dtype=torch.float64) for i, s in enumerate([(n, d), (d,), (n,)]))
    return x, x @ w + noise * z


def classes(d: int, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    x, s = regression(d, n, 0.0, seed)
    return x, torch.where(uniform(seed, 0, 9, (n,)) < s.sigmoid(), 1.0, -1.0).double()


@pytest.mark.parametrize("levels", LEVELS)
@pytest.mark.parametrize(("d", "n"), [(1, 5), (6, 20), (6, 3)])
def test_sphere_decoding_is_exhaustive_least_squares(levels, d, n):
    for seed in range(4):
        x, y = regression(d, n, noise=2.0, seed=seed)
        naive = exact.enumerate_all(lambda w, x=x, y=y: ((y - w @ x.T) ** 2).sum(-1), d, levels=LEVELS[levels], k=1)
        found = exact.sphere(x, y, levels=LEVELS[levels])
        assert found.loss == pytest.approx(naive.optimum, rel=1e-9)
        assert float(((y - x @ found.weights) ** 2).sum()) == pytest.approx(found.loss, rel=1e-9)
        assert set(found.weights.tolist()) <= set(LEVELS[levels])


def test_sphere_decoding_of_dependent_columns():
    x, y = regression(5, 12, noise=1.0)
    x = torch.cat([x, x[:, :2], torch.zeros(12, 1)], 1).double()
    naive = exact.enumerate_all(lambda w: ((y - w @ x.T) ** 2).sum(-1), 8, k=1)
    assert exact.sphere(x, y).loss == pytest.approx(naive.optimum, rel=1e-9)


def test_sphere_decoding_visits_few_nodes():
    """Without noise the first leaf is the answer: one node for each weight, among 2^60 configurations."""
    x = normal(0, 0, 0, (120, 60), dtype=torch.float64)
    w = torch.where(normal(0, 0, 1, (60,)) < 0, -1.0, 1.0).double()
    found = exact.sphere(x, x @ w)
    assert torch.equal(found.weights, w)
    assert found.nodes == 60


@pytest.mark.parametrize("levels", LEVELS)
def test_the_l1_program_is_exhaustive_l1_regression(levels):
    x, y = regression(5, 15, noise=1.0)
    naive = exact.enumerate_all(lambda w: (y - w @ x.T).abs().mean(-1), 5, levels=LEVELS[levels], k=1)
    found = exact.milp(x, y, levels=LEVELS[levels])
    assert found.optimal
    assert found.loss == pytest.approx(naive.optimum, abs=1e-9)
    assert torch.equal(found.weights, naive.best)


@pytest.mark.parametrize(("d", "levels"), [(8, "binary"), (12, "binary"), (4, "ternary"), (3, "uneven")])
def test_the_logistic_program_is_the_exhaustive_search(d, levels):
    x, y = classes(d, 5 * d)
    naive = exact.logistic(x, y, levels=LEVELS[levels], k=1)
    found = exact.milp(x, y, loss="logistic", levels=LEVELS[levels])
    assert found.optimal
    assert found.gap <= 1e-6
    assert found.loss == pytest.approx(naive.optimum, abs=1e-6)


@pytest.mark.parametrize("tangents", [2, 3, 6])
@pytest.mark.parametrize("limit", [0.0, 60.0])
def test_the_bound_is_a_bound_also_when_time_is_up(tangents, limit):
    """Few tangents, or no time: the gap is wide, but the optimum lies in it."""
    x, y = classes(10, 40, seed=1)
    optimum = exact.logistic(x, y, k=1).optimum
    found = exact.milp(x, y, loss="logistic", tangents=tangents, limit=limit)
    assert found.bound <= optimum + 1e-9
    assert found.loss >= optimum - 1e-9
    assert not found.optimal or found.loss <= optimum + 1e-6
    assert found.loss == pytest.approx(float(torch.nn.functional.softplus(-y * (x @ found.weights)).mean()))
    assert found.optimal == (found.gap <= 1e-6)
    assert found.optimal or limit == 0


def test_a_tree_too_large_is_refused_with_both_numbers():
    x, y = regression(60, 30, noise=30.0)
    with pytest.raises(exact.TooLarge, match="would take about") as refused:
        exact.sphere(x, y, limit=1.0)
    assert refused.value.seconds > 1.0
    assert refused.value.bytes > 0


def test_a_tree_that_was_underestimated_is_given_up(monkeypatch):
    monkeypatch.setattr(sphere_decoder._Tree, "estimate", lambda self, radius: 0.0)
    monkeypatch.setattr(sphere_decoder, "FIRST", 5)
    monkeypatch.setattr(sphere_decoder, "CHECK", 1)
    with pytest.raises(exact.TooLarge):
        exact.sphere(*regression(10, 12, noise=3.0), limit=0.0)


def test_a_program_too_large_is_refused():
    x = torch.zeros(1, dtype=torch.float64).expand(10**6, 50)  # no memory of its own
    with pytest.raises(exact.TooLarge) as refused:
        exact.milp(x, x[:, 0])
    assert refused.value.bytes > 2**30


def test_bad_input_is_named():
    x, y = regression(3, 5, 0.0)
    with pytest.raises(ValueError, match="did you mean 'logistic'"):
        exact.milp(x, y, loss="logisitc")
    with pytest.raises(ValueError, match="labels"):
        exact.milp(x, y, loss="logistic")
    with pytest.raises(ValueError, match=r"\(n,\)"):
        exact.sphere(x, y[:-1])
