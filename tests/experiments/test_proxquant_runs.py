"""ProxQuant's experiments: the paths are the library's steps, the bound holds, the verdicts hold on other seeds."""

import numpy as np
import pytest
import torch

import qlab
from qlab.experiments import proxquant as experiment
from qlab.quantizers import nearest

PM = torch.tensor([-1.0, 1.0], dtype=torch.float64)
SETTING = {"step_size": 0.02, "steps": 400, "reg": 2.0}


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("schedule", ["linear", "constant"])
@pytest.mark.parametrize("method", experiment.TWIN_METHODS)
def test_the_paths_are_the_steps_of_the_library(method, schedule, sign):
    start, steps = experiment.starts(range(6)), 60
    path = experiment.paths(method, start, sign, step_size=0.05, steps=steps, reg=1.5, schedule=schedule)
    w = torch.from_numpy(start)
    hyper = {"reg": 1.5, "schedule": schedule} if method == "proxquant" else {}
    for t in range(steps):
        seen = nearest(w, PM) if method == "bc" else w
        g = torch.from_numpy(experiment.slope(seen.numpy(), sign))
        w = qlab.step(method, w, g, lr=0.05, t=t, steps=steps, scale="one", **hyper)
        np.testing.assert_allclose(path[t + 1], w, rtol=0, atol=1e-12)


def test_from_every_start_binaryconnect_is_right_on_exactly_one_and_proxquant_on_both():
    start = experiment.starts(range(200))
    right = {
        m: [experiment.right(experiment.paths(m, start, f, **SETTING), f) for f in (1, -1)] for m in ("bc", "proxquant")
    }
    assert (right["bc"][0] ^ right["bc"][1]).all()
    assert np.all(right["proxquant"])
    for f in (1, -1):
        assert np.allclose(np.abs(experiment.paths("proxquant", start, f, **SETTING)[-1]), 1, rtol=0, atol=0)


def test_a_pull_above_the_slope_from_the_first_step_keeps_the_level_next_to_the_start():
    start = np.array([-0.9, -0.3, 0.3, 0.9])
    for f in (1, -1):
        end = experiment.paths("proxquant", start, f, schedule="constant", **SETTING)[-1]
        assert end.tolist() == [-1.0, -1.0, 1.0, 1.0]


@pytest.mark.parametrize("share", [0.3, 0.9, 0.99])
def test_the_best_iterate_is_within_its_bound_and_the_objective_never_rises(share):
    for steps in (3, 30, 300):
        run = experiment.best_iterate(range(20), share, steps=steps)
        assert (run.smallest <= run.bound).all()
        assert (run.rises == 0).all()


def test_the_best_step_shrinks_with_the_length_of_the_run_and_beyond_2_over_L_the_objective_rises():
    short, long = (experiment.best_iterate(range(10), 0.9, steps=n) for n in (10, 200))
    assert (long.smallest < short.smallest / 20).all()  # 1/T, or faster
    beyond = experiment.best_iterate(range(10), 2.5, steps=20, reg=0.0)
    assert bool(beyond.bound.isinf().all())
    assert float(beyond.rises.mean()) > 0.5


def test_the_verdicts_on_digits_hold_on_seeds_the_lesson_does_not_use():
    seeds = range(400, 410)
    start = experiment.trained(seeds, steps=300)
    rounded = start.measure().quantized_accuracy
    bc = experiment.fine_tune("bc", start, seeds, steps=300, step_size=0.1)
    pq = experiment.fine_tune("proxquant", start, seeds, steps=300, step_size=0.1, reg=1.0, schedule="linear")
    for difference in (
        bc.signs - pq.signs,
        bc.distance - pq.distance,
        pq.accuracy - rounded,
        bc.accuracy - pq.accuracy,
    ):
        assert float(difference.mean() - 2.262 * difference.std() / 10**0.5) > 0


def test_fine_tuning_starts_from_the_trained_weights_and_leaves_them_alone():
    start = experiment.trained([3, 4], steps=20)
    before = {name: p.detach().clone() for name, p in start.model.named_parameters()}
    none = experiment.fine_tune("proxquant", start, [3, 4], steps=1, step_size=0.0)
    assert float(none.signs.sum()) == 0
    assert torch.equal(none.accuracy, start.measure().quantized_accuracy.cpu())
    experiment.fine_tune("bc", start, [3, 4], steps=5, step_size=0.3)
    for name, p in start.model.named_parameters():
        assert torch.equal(p, before[name])


def test_an_unknown_method_is_named():
    with pytest.raises(ValueError, match="did you mean 'bc'"):
        experiment.paths("bcc", np.zeros(1), 1, **SETTING)
