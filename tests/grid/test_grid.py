"""A grid is its runs: each cell is the run alone, whatever else is in the grid, the stack or the block."""

import itertools

import numpy as np
import pytest
import torch
import xarray as xr

import qlab
from qlab import exact, metrics
from qlab.grid import VARIABLES, Block, loop, sweep
from qlab.methods import METHODS
from qlab.problems import problem
from qlab.uniforms import normal, permutation

SMALL = {"n": 60, "d": 6}


@pytest.fixture(scope="module")
def hard():
    return problem("logistic-hard", **SMALL)


def train(p, slug, seed, steps, *, lr, noise=0.0, batch=0, base="sgd", **settings):
    """One run with the optimizer itself, with the documented draws."""
    w = torch.nn.Parameter(p.start(seed))
    given = {**p.quantizer, **settings}
    opt = qlab.QuantOptimizer([("w", w)], slug, base, lr=lr, seed=seed, steps=steps, **given)
    for t in range(steps):
        rows = None
        if batch:
            epoch, place = divmod(t, p.n // batch)
            rows = permutation(seed, epoch, p.n)[place * batch : (place + 1) * batch]
        seen = opt.weights()["w"]
        g = p.gradient(seen, rows) + noise * normal(seed, t, 0, (p.d,))
        w.grad = torch.autograd.grad(seen, w, g)[0]
        opt.step()
    return w.detach(), opt.quantized()["w"]


def test_a_cell_is_the_run_alone(hard):
    """Methods, bits, numbers, mini-batches and noise at once, over more than one epoch."""
    axes = {"step_size": [0.05, 0.6], "noise": [0.0, 0.2], "bits": [1, 2], "momentum": [0.0, 0.9]}
    got = qlab.grid(hard, ["bc", "sr"], **axes, batch=25, seeds=[3, 8], steps=7, weights=True, dtype=torch.float32)
    assert dict(got.sizes) == {
        "rule": 2,
        "step_size": 2,
        "noise": 2,
        "bits": 2,
        "momentum": 2,
        "seed": 2,
        "weight": 6,
    }
    for slug in ("bc", "sr"):
        for values in itertools.product(*axes.values()):
            cell = dict(zip(axes, values, strict=True))
            settings = {"lr" if k == "step_size" else k: v for k, v in cell.items()}
            for seed in (3, 8):
                w, w_Q = train(hard, slug, seed, 7, batch=25, **settings)
                run = got.sel(rule=slug, seed=seed, **cell)
                np.testing.assert_allclose(run.w, w, rtol=0, atol=2e-6)
                np.testing.assert_array_equal(run.w_Q, w_Q)


@pytest.mark.parametrize("base", ["sgd", "adam"])
@pytest.mark.parametrize("slug", METHODS)
def test_the_loop_is_the_optimizer_bit_by_bit(slug, base, hard):
    """Also a scale that moves (3 bits, least squares), momentum, Adam, a run longer than the numbers drawn ahead."""
    seeds, steps = torch.tensor([3, 8]), 12
    grid = {"bits": 3, "scale": "least-squares"}
    own = {"momentum": 0.5} if base == "sgd" else {"beta1": torch.tensor([0.9, 0.5])}
    start = hard.start(seeds)
    lr = torch.tensor([0.5, 0.25], dtype=torch.float64)
    block = Block(hard, seeds, 2, rule=slug, base=base, steps=steps, lr=lr, start=start, **grid, **own)
    p = torch.nn.Parameter(start.repeat(2, 1))
    own = {name: v.repeat_interleave(2) if isinstance(v, torch.Tensor) else v for name, v in own.items()}
    opt = qlab.QuantOptimizer(
        [("w", p)], slug, base, lr=lr.repeat_interleave(2), runs=4, seed=seeds.repeat(2), steps=steps, **grid, **own
    )
    for _ in range(steps):
        seen = opt.weights()["w"]
        assert torch.equal(block.view(), seen)
        p.grad = torch.autograd.grad(seen, p, hard.gradient(seen.view(2, 2, -1)).view(4, -1))[0]
        opt.step()
        block.step()
        assert torch.equal(block.w, p.detach())
        assert torch.equal(block.deployed(), opt.quantized()["w"])


def test_numbers_drawn_ahead_are_those_of_each_step(hard, monkeypatch):
    runs = []
    for ahead in (64, 3):
        monkeypatch.setattr(loop, "AHEAD", ahead)
        runs.append(qlab.grid(hard, "sr", step_size=0.2, noise=0.3, batch=20, seeds=2, steps=10, weights=True))
    assert runs[0].identical(runs[1])


def test_a_view_with_a_declared_derivative_needs_no_graph_and_any_other_gets_one(hard, monkeypatch):
    seeds = torch.tensor([0, 1])
    for slug in ("ste", "full", "bc"):
        block = Block(hard, seeds, 1, rule=slug, base="sgd", steps=3, lr=0.1, start=hard.start(seeds))
        with monkeypatch.context() as patch:
            patch.setattr(torch.autograd, "grad", None)
            block.step()

    w, lr = hard.start(seeds), 0.1
    block = Block(hard, seeds, 1, rule="ste", base="sgd", steps=3, lr=lr, start=w, derivative="hardtanh", width=0.5)
    g = hard.gradient(torch.where(w >= 0, 1.0, -1.0) * w.abs().mean(-1, keepdim=True))
    block.step()
    assert torch.allclose(block.w, torch.where(w.abs() <= 0.5, w - lr * g, w))  # neither all nor none of the weights
    assert not torch.allclose(block.w, w - lr * g)

    class Squashed(qlab.Rule):
        slug, name = "squashed", "tanh, differentiated"

        def view(self, w, s, h, u):
            return torch.tanh(w)

    qlab.register(Squashed())
    try:
        block = Block(hard, seeds, 1, rule="squashed", base="sgd", steps=3, lr=0.1, start=hard.start(seeds))
        w, g = block.w, hard.gradient(torch.tanh(block.w))
        block.step()
        torch.testing.assert_close(block.w, w - 0.1 * g * (1 - torch.tanh(w) ** 2))
    finally:
        del METHODS["squashed"]


def test_the_cut_into_blocks_changes_nothing(hard, monkeypatch):
    settings = {"step_size": [0.1, 0.3, 1.0, 2.0, 3.0], "seeds": 2, "steps": 20}
    whole = qlab.grid(hard, "bc", **settings)
    seen = []
    monkeypatch.setattr(sweep, "CACHE", 2 * 2 * hard.n)
    cut = qlab.grid(hard, "bc", progress=lambda done, total: seen.append((done, total)), **settings)
    assert seen == [(4, 10), (8, 10), (10, 10)]
    xr.testing.assert_allclose(whole, cut, rtol=1e-5)
    assert whole.quantized_loss.equals(cut.quantized_loss)


def test_the_variables_are_what_they_are_called(hard):
    got = qlab.grid(hard, "bc", step_size=[0.1, 1.0], seeds=3, steps=30, every=10, weights=True)
    assert got.step.values.tolist() == [0, 10, 20, 30]
    assert set(VARIABLES) <= set(got)
    w, w_Q = (torch.from_numpy(got[name].values) for name in ("w", "w_Q"))
    assert torch.equal(w[:, :, 0], hard.start(torch.arange(3)).double().expand(2, 3, 6))
    expected = {
        "loss": hard.loss(w),
        "quantized_loss": hard.loss(w_Q),
        "gradient_norm": hard.gradient(w_Q).norm(dim=-1),  # the network sees Q(w)
        "distance": (w - hard.w_star).norm(dim=-1),
        "quantized_distance": (w_Q - hard.w_star).norm(dim=-1),
        "grid_distance": (w - w_Q).norm(dim=-1) / w.norm(dim=-1),
        "sign_changes": ((w >= 0) != (w[:, :, :1] >= 0)).double().mean(-1),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value, rtol=1e-5, atol=1e-6, err_msg=name)
    every = exact.exhaustive(hard)
    losses = hard.loss(torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 6).double())
    np.testing.assert_allclose(got.gap, metrics.suboptimality_gap(got_loss := expected["quantized_loss"], losses.min()))
    assert np.array_equal(got["rank"], metrics.suboptimality_rank(got_loss, losses.sort().values))
    assert got.gap.min() >= -1e-12
    again = qlab.grid(hard, "bc", step_size=[0.1, 1.0], seeds=3, steps=30, every=10, weights=True, optimum=every)
    xr.testing.assert_allclose(got, again)


def test_flips_are_counted_over_the_last_steps(hard):
    """Recorded at every step, a flip is a change since the step before."""
    fine = qlab.grid(hard, "bc", step_size=2.0, seeds=4, steps=30, every=1, weights=True)
    changed = (fine.w_Q.diff("step") != 0).mean("weight")
    np.testing.assert_allclose(fine.flips[:, 1:], changed)
    assert fine.flips[:, 0].isnull().all()
    assert changed.sum() > 0
    coarse = qlab.grid(hard, "bc", step_size=2.0, seeds=4, steps=30)
    np.testing.assert_allclose(coarse.flips, changed[:, -20:].mean("step"))


def test_a_setting_that_a_method_does_not_have_repeats_its_results(hard):
    got = qlab.grid(hard, ["full", "askew"], eps_hat=[0.1, 0.9], free_phase=0.5, seeds=2, steps=20)
    full, askew = (got.loss.sel(rule=slug) for slug in ("full", "askew"))
    assert full.isel(eps_hat=0).equals(full.isel(eps_hat=1).assign_coords(eps_hat=0.1))
    assert not np.array_equal(askew.isel(eps_hat=0), askew.isel(eps_hat=1))
    assert got.attrs["runs"] == (1 + 2) * 2


def test_options_and_bases_are_stacks_of_their_own(hard):
    got = qlab.grid(
        hard, "ste", base=["sgd", "adam"], derivative=["identity", "hardtanh"], width=[0.3, 0.6], seeds=2, steps=8
    )
    assert dict(got.sizes) == {"base": 2, "derivative": 2, "width": 2, "seed": 2}
    assert len(np.unique(got.loss.isel(seed=0))) == 2 * (1 + 2)  # the width counts for one derivative alone


def test_decay_ends_the_run_slowly(hard):
    got = qlab.grid(
        hard, "full", decay=["constant", "linear", "cosine"], step_size=0.5, seeds=2, steps=8, every=1, weights=True
    )
    last = got.w.diff("step").isel(step=[0, -1])
    size = np.sqrt((last**2).sum("weight")).mean("seed")
    assert np.allclose(size.sel(step=1), size.sel(step=1)[0])
    assert (size.sel(step=8, decay=["linear", "cosine"]) < size.sel(step=8, decay="constant") / 4).all()


def test_diverged_runs_are_nan_and_counted_and_the_others_stay(hard):
    p = problem("quadratic", d=4, condition=10.0)
    got = qlab.grid(p, "full", step_size=[0.05, 5.0], seeds=3, steps=200, every=20)
    assert got.attrs["diverged"] == 3
    lost, kept = got.isel(step_size=1), got.isel(step_size=0)
    for name in VARIABLES:
        if name in got:
            assert lost[name].isel(step=-1).isnull().all()
            assert kept[name].isel(step=-1).notnull().all()
    assert lost.loss.isel(step=0).notnull().all()
    alone = qlab.grid(p, "full", step_size=[0.05], seeds=3, steps=200, every=20)
    np.testing.assert_allclose(kept.loss, alone.loss.isel(step_size=0), rtol=1e-3)


def test_instances_go_with_the_seeds():
    seeds = torch.tensor([2, 7, 9])
    many = problem("logistic-hard", seed=seeds, **SMALL)
    got = qlab.grid(many, "bc", step_size=[0.1, 0.5], seeds=seeds, steps=15, batch=20)
    for seed in seeds.tolist():
        one = qlab.grid(
            problem("logistic-hard", seed=seed, **SMALL), "bc", step_size=[0.1, 0.5], seeds=[seed], steps=15, batch=20
        )
        for name in VARIABLES:
            np.testing.assert_allclose(got[name].sel(seed=[seed]), one[name], rtol=1e-5, atol=1e-6, err_msg=name)
    with pytest.raises(ValueError, match="as many seeds as instances"):
        qlab.grid(many, "bc", seeds=2)
    best = exact.each(many, k=1)
    given = qlab.grid(many, "bc", step_size=[0.1, 0.5], seeds=seeds, steps=15, batch=20, optimum=best)
    np.testing.assert_array_equal(given.gap, got.gap)
    with pytest.raises(ValueError, match="another problem, instance"):
        qlab.grid(many, "bc", seeds=seeds, optimum=best[::-1])


def test_a_number_of_seeds_is_a_number_whatever_its_type(hard):
    assert qlab.grid(hard, "bc", seeds=np.int64(3), steps=1).seed.values.tolist() == [0, 1, 2]


def test_the_exact_optimum_is_on_the_grid_that_is_trained_on(hard):
    got = qlab.grid(hard, "bc", bits=[1, 2], seeds=4, steps=60, step_size=0.5, weights=True)
    losses = {
        bits: hard.loss(torch.cartesian_prod(*[torch.tensor(levels)] * 6).double()).min().item()
        for bits, levels in ((1, [-1.0, 1.0]), (2, [-1.0, 0.0, 1.0]))
    }
    for bits, best in losses.items():
        run = got.sel(bits=bits)
        np.testing.assert_allclose(run.gap, run.quantized_loss / best - 1, atol=1e-9)
    assert "gap" not in qlab.grid(
        hard, "bc", scale="least-squares", seeds=1, steps=2
    )  # a free scale: no list of levels
    assert "gap" not in qlab.grid(hard, "bc", optimum=False, seeds=1, steps=2)
    assert "gap" not in qlab.grid(problem("logistic-hard", n=60, d=60), "bc", seeds=1, steps=2)
    with pytest.raises(ValueError, match="would take"):
        qlab.grid(problem("logistic-hard", n=60, d=60), "bc", seeds=1, steps=2, optimum=True)


def test_a_start_can_be_given(hard):
    w = torch.full((6,), 0.25)
    got = qlab.grid(hard, "full", start=w, seeds=2, steps=1, every=1, weights=True)
    assert (got.w.isel(step=0) == 0.25).all()
    with pytest.raises(ValueError, match=r"allowed: \(6,\) or \(2, 6\)"):
        qlab.grid(hard, "full", start=torch.zeros(5), seeds=2, steps=1)


def test_bad_settings_are_named_before_anything_runs(hard, monkeypatch):
    monkeypatch.setattr(Block, "step", None)
    for settings, message in (
        ({"step_sise": 0.1}, "did you mean 'step_size'"),
        ({"eps_hat": 0.5}, "unknown setting of this grid 'eps_hat'"),
        ({"step_size": []}, "one or more different values"),
        ({"step_size": [0.1, 0.1]}, "one or more different values"),
        ({"step_size": np.ones((2, 2))}, r"shape \(2, 2\)"),
        ({"seeds": 0}, "at least 1"),
        ({"batch": 61}, "or 1 to 60"),
        ({"decay": "cosin"}, "did you mean 'cosine'"),
        ({"measure": ["gaps"]}, "did you mean 'gap'"),
        ({"steps": 0}, "at least 1"),
        ({"noise": [0.1, -0.1]}, r"allowed: numbers in \[0, inf\)"),
        ({"step_size": [0.1, -0.1]}, r"allowed: numbers in \[0, inf\)"),
        ({"bits": [1, 17]}, "out of range"),
        ({"bits": [1, 2], "optimum": exact.exhaustive(hard)}, "one optimum for 2 grids"),
        ({"bits": 2, "optimum": exact.exhaustive(hard)}, "another problem, instance or grid"),
        ({"optimum": exact.exhaustive(problem("logistic-hard", seed=1, **SMALL))}, "another problem, instance or grid"),
        ({"optimum": exact.exhaustive(problem("logistic-hard", n=60, d=5))}, "another problem, instance or grid"),
        ({"lr": 0.1}, "did you mean step_size="),
        ({"seed": 3}, "did you mean seeds="),
        ({"quantized": False}, "did you mean rule='full'"),
    ):
        with pytest.raises(ValueError, match=message):
            qlab.grid(hard, "bc", **settings)
    with pytest.raises(TypeError, match="a list of integers"):
        qlab.grid(hard, "bc", seeds=[0.5, 0.7])
    with pytest.raises(ValueError, match="did you mean 'askew'"):
        qlab.grid(hard, ["bc", "askw"])
    with pytest.raises(ValueError, match="eps_hat"):
        qlab.grid(hard, ["bc", "askew"], eps_hat=[0.5, 1.5])
