"""The error of a grid over its scale: the quantizer's own error, split exactly; the optimum is the global one."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qlab.experiments import scales
from qlab.experiments.projection import Group, drawn, fractional_start, lloyd_steps
from qlab.experiments.scales import ScaleError
from qlab.quantizers import Grid

GRIDS = [Grid(b, family) for family in ("symmetric", "dorefa") for b in (1, 2, 3, 4, 8)]
weights = st.lists(st.integers(-12, 12), min_size=1, max_size=5).filter(any)


def quantized(w, grid, s):
    w = torch.from_numpy(w)
    return grid.nearest(w, torch.tensor(s, dtype=torch.float64)).numpy()


@pytest.mark.parametrize("grid", [*GRIDS, Grid(family="lattice")], ids=lambda g: f"{g.family}{g.bits}")
@pytest.mark.parametrize("distribution", ["gaussian", "laplace"])
def test_the_error_at_every_scale_is_the_quantizers_and_its_parts_add_up(grid, distribution):
    w = drawn(distribution, 500, 3)
    error = ScaleError(w, grid)
    top = grid.top / grid.den
    for s in np.geomspace(0.02, 5, 40):
        apart = (quantized(w, grid, s) - w) ** 2 / (w**2).sum()
        outside = np.abs(w) > s * top
        split = error.split(s)
        assert split.clipping[0] == pytest.approx(apart[outside].sum(), rel=1e-9, abs=1e-13)
        assert split.rounding[0] == pytest.approx(apart[~outside].sum(), rel=1e-9, abs=1e-13)
        assert split.total[0] == split.rounding[0] + split.clipping[0]
        b, c = error.moments(np.array([s]))
        q = quantized(w, grid, s) / s
        assert b[0] == pytest.approx(q @ w, rel=1e-9)
        assert c[0] == pytest.approx(q @ q, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(weights, st.sampled_from([Grid(1), Grid(2), Grid(3), Grid(1, "dorefa"), Grid(2, "dorefa")]))
def test_the_optimum_is_that_of_all_codes(w, grid):
    w = np.array(w, dtype=np.float64)
    best = 0.0
    for q in itertools.product(grid.levels().numpy(), repeat=len(w)):
        q = np.array(q)
        if q.any():
            best = max(best, max(q @ w, 0.0) ** 2 / (q @ q))
    error = ScaleError(w, grid)
    assert error.total(error.optimum)[0] == pytest.approx(1 - best / (w @ w), abs=1e-12)


@pytest.mark.parametrize("grid", GRIDS, ids=lambda g: f"{g.family}{g.bits}")
def test_narrowing_before_the_sweep_loses_nothing(grid, monkeypatch):
    for seed in range(5):
        w = drawn("laplace", 700, seed)
        whole = ScaleError(w, grid).optimum
        monkeypatch.setattr(scales, "SWEEP", 50)
        narrowed = ScaleError(w, grid)
        assert narrowed.total(narrowed.optimum)[0] == pytest.approx(narrowed.total(whole)[0], rel=1e-12)
        monkeypatch.undo()


@pytest.mark.parametrize("bits", [1, 2])
def test_one_and_two_bits_have_the_closed_form_of_the_library(bits):
    w = drawn("gaussian", 5000, 1)
    assert ScaleError(w, Grid(bits)).optimum == pytest.approx(
        float(Grid(bits).scale_of(torch.from_numpy(w))), rel=1e-12
    )


@pytest.mark.parametrize("grid", [Grid(b, f) for f in ("symmetric", "dorefa") for b in (3, 4, 8)], ids=str)
def test_lloyds_path_is_the_librarys_and_never_rises(grid):
    w = drawn("laplace", 3000, 2)
    error = ScaleError(w, grid)
    path = error.lloyd(20)
    for steps in (1, 2, 20):
        same = Grid(grid.bits, grid.family, lloyd_steps=steps).scale_of(torch.from_numpy(w))
        assert path[steps] == pytest.approx(float(same), rel=1e-12)
    falls = error.total(path)
    assert (np.diff(falls) <= 1e-15).all()
    assert error.total(error.optimum)[0] <= falls[-1]


def test_no_weight_is_clipped_at_the_maximum_and_none_ever_on_the_lattice():
    error = ScaleError(drawn("gaussian", 100), Grid(4))
    assert error.split(error.maximum).clipping[0] == 0
    assert error.split(0.99 * error.maximum).clipping[0] > 0
    endless = ScaleError(drawn("gaussian", 100), Grid(family="lattice"))
    assert (endless.split(np.array([0.1, 1.0])).clipping == 0).all()
    with pytest.raises(ValueError, match="no best scale"):
        endless.optimum


def test_a_group_is_the_sum_of_its_tensors():
    tensors = [drawn("gaussian", 50, 1), 3 * drawn("laplace", 80, 2)]
    group = Group.of(tensors, Grid(3))
    norm = sum((w**2).sum() for w in tensors)
    for factor in (0.4, 1.0, 2.0):
        apart = sum(
            ((quantized(w, Grid(3), factor * s) - w) ** 2).sum() for w, s in zip(tensors, group.best, strict=True)
        )
        assert group.split(factor).total[0] == pytest.approx(apart / norm, rel=1e-12)
    assert group.factor(2.5 * group.best[:, None])[0] == pytest.approx(2.5)


@pytest.mark.parametrize("w", [np.zeros(3), np.array([]), np.array([1.0, np.nan])])
def test_weights_without_a_scale_are_refused(w):
    with pytest.raises(ValueError, match="finite and not all zero"):
        ScaleError(w, Grid(2))


def test_drawn_weights_have_mean_zero_variance_one_and_their_own_tails():
    for name, fourth in (("gaussian", 3), ("laplace", 6)):
        w = drawn(name, 200_000, 5)
        assert abs(w.mean()) < 0.01
        assert w.var() == pytest.approx(1, abs=0.02)
        assert (w**4).mean() == pytest.approx(fourth, rel=0.1)
    with pytest.raises(ValueError, match="did you mean 'laplace'"):
        drawn("laplacee", 5)


def test_one_step_is_enough_for_small_tensors_only():
    small, large = lloyd_steps(3, 200), lloyd_steps(3, 200_000)
    assert small.excess.mean() < 0.5 < large.excess.min()
    assert (large.best <= large.many * (1 + 1e-12)).all()
    assert (large.many <= large.one).all()


def test_the_start_fits_integer_codes():
    integer, fractional = fractional_start(4, 20_000)
    assert fractional > 5 * integer
