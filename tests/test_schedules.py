"""Schedules in shares of the run: their ends, their free share, tensors over runs, and a length that must be known."""

import pytest
import torch

import qlab
from qlab.constraints import eps_hat_at
from qlab.methods import METHODS
from qlab.schedules import KINDS, anneal, grown, in_free_phase, past, share

STEPS = torch.arange(1, 101, dtype=torch.float64)


@pytest.mark.parametrize("free", [0.0, 0.1, 0.29, 0.5, 0.99])
def test_the_share_runs_from_0_after_the_free_steps_to_1_at_the_last(free):
    n = round(100 * free)
    x, inside = share(STEPS, 100, free), in_free_phase(STEPS, 100, free)
    assert int(inside.sum()) == n
    assert inside[:n].all()
    assert (x[:n] == 0).all()
    assert x[-1] == 1
    if n < 99:
        assert x[n] == 0
        torch.testing.assert_close(x[n:].diff(), torch.full((99 - n,), 1 / (99 - n), dtype=torch.float64))
    assert torch.equal(past(STEPS, 100, free), ~inside)
    assert share(200, 100, free) == 1


def test_without_a_length_the_run_is_over():
    assert share(3, 0) == 1
    assert not in_free_phase(3, 0, 0.5)
    assert eps_hat_at(1, 0, 0.1) == pytest.approx(0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_eps_hat_is_1_in_the_free_phase_and_falls_to_its_end(kind):
    run = torch.stack([eps_hat_at(t, 100, 0.02, 0.4, kind) for t in STEPS])
    assert (run[:40] == 1).all()
    assert run[-1] == pytest.approx(0.02)
    assert (run.diff() <= 0).all()
    ratio, fall = run[41:] / run[40:-1], run[41:] - run[40:-1]
    if kind == "geometric":
        torch.testing.assert_close(ratio, ratio[0].expand_as(ratio))
    if kind == "linear":
        torch.testing.assert_close(fall, fall[0].expand_as(fall))
    if kind == "constant":
        assert (run[40:] == run[-1]).all()


def test_numbers_may_differ_over_the_runs():
    free, end = torch.tensor([0.0, 0.5]), torch.tensor([0.1, 0.3], dtype=torch.float64)
    both = torch.stack([eps_hat_at(t, 10, end, free, "geometric") for t in range(1, 11)])
    for i in range(2):
        alone = [float(eps_hat_at(t, 10, float(end[i]), float(free[i]), "geometric")) for t in range(1, 11)]
        assert both[:, i].tolist() == pytest.approx(alone)


@pytest.mark.parametrize("free", [0.29, 0.7, 0.9])
def test_a_share_kept_in_float32_by_a_stack_is_the_same_number_of_steps(free):
    steps = torch.arange(1, 1001, dtype=torch.float64)
    for length in (10, 100, 1000):
        alone, stack = (in_free_phase(steps, length, value) for value in (free, torch.tensor([free])))
        assert torch.equal(alone, stack)
        assert int(alone.sum()) == int(free * length + 1e-6)


def test_a_kind_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="did you mean 'geometric'"):
        eps_hat_at(3, 10, 0.1, kind="geometrical")


def test_growth_never_becomes_no_number():
    assert grown(2.0, 3.0, 4) == 162
    assert grown(0.0, 1.1, 10**6) == 0
    assert grown(torch.inf, 0.9, 10**6) == torch.inf
    for slug, numbers in (("bcgd", {"rho": 0.0, "rho_rate": 1.1}), ("binaryrelax", {"relax": 0.0, "relax_rate": 1.1})):
        opt = qlab.QuantOptimizer([("w", torch.nn.Parameter(torch.tensor([0.3])))], slug, t=10**5, **numbers)
        opt.weights()["w"].sum().backward()
        opt.step()
        assert opt.weights()["w"].isfinite().all()


@pytest.mark.parametrize("slug", ["proxquant", "binaryrelax"])
def test_hard_after_of_a_stack_needs_the_length_too(slug):
    w, late = torch.nn.Parameter(torch.zeros(2, 3)), torch.tensor([0.5, 1.0])
    for steps in (0, torch.tensor([10.0, 0.0])):
        with pytest.raises(ValueError, match="give steps="):
            qlab.QuantOptimizer([w], slug, runs=2, hard_after=late, steps=steps)
    qlab.QuantOptimizer([w], slug, runs=2, hard_after=late, steps=10)


def test_geometric_is_geometric_and_linear_linear():
    x = torch.linspace(0, 1, 5, dtype=torch.float64)
    torch.testing.assert_close(anneal("geometric", 1.0, 1e-4, x), 10 ** (-4 * x))
    torch.testing.assert_close(anneal("linear", 1.0, 0.2, x), 1 - 0.8 * x)


SKEWED = ("mj", "askew", "askew-modified", "sgda")


@pytest.mark.parametrize("slug", SKEWED)
@pytest.mark.parametrize("schedule", [{"free_phase": 0.5}, {"anneal": "geometric"}, {"anneal": "linear"}], ids=str)
def test_a_schedule_without_the_length_of_the_run_is_refused(slug, schedule):
    w = torch.zeros(3, dtype=torch.float64)
    with pytest.raises(ValueError, match="give steps="):
        qlab.step(slug, w, w, lr=0.1, **schedule)
    with pytest.raises(ValueError, match="give steps="):
        qlab.QuantOptimizer([torch.nn.Parameter(w)], slug, **schedule)
    qlab.QuantOptimizer([torch.nn.Parameter(w)], slug, steps=10, **schedule)


@pytest.mark.parametrize("slug", SKEWED)
def test_the_training_loop_hands_the_length_on(slug):
    from qlab.train.config import Config
    from qlab.train.loop import optimizer

    assert METHODS[slug].defaults["free_phase"] == 0
    config = Config(method=slug, hyper={"free_phase": 0.5, "anneal": "geometric"})
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 3), torch.nn.Linear(3, 2))
    opt = optimizer(model, config, steps=123)
    assert [float(group["steps"]) for group in opt.param_groups] == [123.0] * len(opt.param_groups)
