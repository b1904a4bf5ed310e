"""Runs against the exact optimum: a run is its seed's instance alone; no run is better than its optimum."""

import numpy as np
import pytest
import torch

from qlab import exact
from qlab.experiments import area, combinatorial
from qlab.experiments import exact_tasks as tasks
from qlab.grid import grid
from qlab.problems import Logistic, Moons


@pytest.mark.parametrize("kind", tasks.KINDS)
def test_no_run_beats_the_optimum(kind):
    seeds = range(3, 6)
    optima = tasks.task(kind, tuple(seeds))[1]
    for ran in tasks.run(kind, ("bc", "sgda"), seeds, steps=20).values():
        assert (ran["quantized_loss"].values >= [o.optimum - 1e-12 for o in optima]).all()
        assert (ran["rank"].values >= 1).all()
        assert ((ran["gap"].values < 1e-12) == (ran["rank"].values == 1)).all()


def test_each_seed_is_its_own_instance():
    first, second = (tasks.run("hard", ("bc",), seeds, steps=20)["bc"] for seeds in ((4, 5), (5, 6)))
    assert first["quantized_loss"].values[1] == pytest.approx(second["quantized_loss"].values[0])
    alone = exact.exhaustive(Logistic("hard", seed=5))
    assert tasks.task("hard", (4, 5))[1][1].optimum == pytest.approx(alone.optimum)
    assert tasks.task("moons", (4, 5), hidden=2)[1][0].optimum == pytest.approx(
        exact.exhaustive(Moons(2, seed=4)).optimum
    )


def test_an_unknown_task_is_named():
    with pytest.raises(ValueError, match="did you mean 'planted'"):
        tasks.task("plantet", (0,))
    with pytest.raises(ValueError, match="eps_hat"):
        area.area_map("hard", "bc", (0, 1), axis="epshat")


@pytest.mark.parametrize(("method", "axis"), [("askew", "eps_hat"), ("bc", "noise"), ("bc", "eps_hat")])
def test_a_cell_of_the_map_is_the_run_with_its_settings(method, axis):
    seeds, cells = range(2), 3
    found = area.area_map("hard", method, seeds, axis=axis, cells=cells, steps=15)
    own, optima = tasks.task("hard", tuple(seeds), area.SAMPLES["hard"])
    assert found.within.shape == (2, cells, cells)
    for i, j in ((0, 2), (2, 1)):
        how = {"noise": float(found.other[i])} if axis == "noise" else {"noise": area.STILL}
        eps = float(found.other[i]) if axis == "eps_hat" else 0.3
        one = grid(
            own,
            method,
            step_size=float(found.step_size[j]),
            seeds=2,
            steps=15,
            decay="cosine",
            optimum=optima,
            **how,
            **tasks.settings(method, eps),
        )
        assert (found.within[:, i, j] == (one["gap"].values <= tasks.WITHIN)).all()
    assert found.area == pytest.approx(found.within.reshape(2, -1).mean(1))


def test_the_volume_is_the_mean_of_its_maps():
    box = area.volume("hard", "bc", range(2), cells=(3, 2, 3), steps=15)
    flat = area.area_map("hard", "bc", range(2), cells=3, steps=15)
    assert box == pytest.approx(flat.area)


def test_least_squares_has_its_gradient_and_its_optimum():
    problem, optimum, nodes = combinatorial.instances((0, 1), d=8, n=20)
    w = torch.linspace(-1, 1, 16, dtype=torch.float64).reshape(2, 8).requires_grad_()
    (g,) = torch.autograd.grad(problem.loss(w).sum(), w)
    torch.testing.assert_close(problem.gradient(w), g)
    rows = torch.tensor([[0, 3], [5, 1]])
    (g,) = torch.autograd.grad(problem.loss(w, rows).sum(), w)
    torch.testing.assert_close(problem.gradient(w, rows), g)
    assert [r.optimum for r in exact.each(problem, k=1)] == pytest.approx(optimum)
    assert nodes >= 8


def test_gaps_are_never_negative_and_the_step_size_is_chosen_on_other_seeds():
    how = {"d": 8, "n": 24, "steps": 30, "step_sizes": (0.01, 0.3)}
    tuning, judged = (combinatorial.gaps(seeds, ("bc", "sgda"), **how) for seeds in (range(50, 54), range(4)))
    best = combinatorial.tuned(range(50, 54), range(4), ("bc", "sgda"), **how)
    for method, gap in judged.items():
        assert (gap >= -1e-9).all()
        chosen = int(np.median(tuning[method], axis=1).argmin())
        assert np.array_equal(best[method], gap[chosen])


def test_the_real_minimizer_is_stationary_and_below_every_configuration():
    own, optima = tasks.task("hard", (0, 1, 2))
    w = tasks.real_minimizer(own)
    assert float(own.gradient(w).abs().max()) < 1e-12
    assert all(loss < best.optimum for loss, best in zip(own.loss(w).tolist(), optima, strict=True))
    near = w + 1e-3 * torch.randn(w.shape, generator=torch.Generator().manual_seed(0), dtype=w.dtype)
    assert (own.loss(near) > own.loss(w)).all()


def test_finding_3_rounding_solves_the_planted_task_and_fails_on_the_hard_one():
    planted, hard = (tasks.rounding_gap(kind, range(20)) for kind in ("planted", "hard"))
    assert float(planted.max()) < 1e-12
    assert 0.1 < float((hard < 1e-12).double().mean()) < 0.7
    assert float(hard.mean()) > 0.05
    with pytest.raises(ValueError, match="convex"):
        tasks.rounding_gap("moons", (0,))
