"""Every search equals the naive one: one configuration after the other, sorted."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from qlab import exact
from qlab.exact import product, result
from qlab.exact import search as search_module
from qlab.exact.sides import Multisets
from qlab.problems.linear import Hinge, Logistic, ReLURegression
from qlab.problems.moons import Moons
from qlab.uniforms import normal

BINARY, TERNARY = (-1.0, 1.0), (-1.0, 0.0, 1.0)


def every(levels, d: int) -> Tensor:
    return torch.tensor(list(itertools.product(levels, repeat=d)), dtype=torch.float64)


def data(n: int, d: int, size: float = 1.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    x = size * normal(seed, 0, 0, (n, d), dtype=torch.float64)
    y = torch.where(normal(seed, 0, 1, (n,), dtype=torch.float64) + x[:, 0] / size < 0, -1.0, 1.0).double()
    return x, y


def logistic_loss(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return torch.nn.functional.softplus(-y * (w @ x.T)).mean(-1)


def spread(found: exact.Result) -> Tensor:
    """The profile with every loss as often as it occurs."""
    return found.profile.repeat_interleave(found.below.diff(prepend=found.below.new_zeros(1)))


def agrees(found: exact.Result, losses: Tensor) -> None:
    """The profile is these sorted losses up to its own error, which is that of float32."""
    assert found.error <= 1e-5 * (1 + float(losses.max()))
    assert (spread(found) - losses).abs().max() <= found.error


@pytest.mark.parametrize(
    ("levels", "n", "d", "size"),
    [
        (BINARY, 1, 1, 1.0),
        (BINARY, 50, 2, 1.0),
        (BINARY, 31, 11, 1.0),
        (TERNARY, 20, 7, 1.0),
        ((-1.0, -0.5, 0.0, 2.0), 20, 5, 1.0),
        (BINARY, 40, 8, 12.0),  # margins so large that float32 cannot hold the products
        (BINARY, 10, 6, 1e-6),
    ],
)
def test_logistic_is_the_sorted_naive_search(levels, n, d, size):
    x, y = data(n, d, size)
    w = every(levels, d)
    naive, order = logistic_loss(w, x, y).sort(stable=True)
    found = exact.logistic(x, y, levels=levels, k=5)
    assert found.count == len(levels) ** d == int(found.below[-1])
    torch.testing.assert_close(found.losses, naive[:5], rtol=0, atol=1e-12)
    agrees(found, naive)
    assert (found.copies == 1).all()
    if size > 1e-3:  # else all are nearly tied
        assert torch.equal(found.weights, w[order[:5]])


@pytest.mark.parametrize("activation", [torch.relu, torch.tanh])
@pytest.mark.parametrize(
    ("hidden", "bias", "levels"), [(1, True, BINARY), (3, True, BINARY), (4, False, BINARY), (2, False, TERNARY)]
)
def test_two_layer_is_the_sorted_naive_search(hidden, bias, levels, activation):
    x, y = data(40, 2)
    per = 2 * hidden

    def loss(w: Tensor) -> Tensor:
        u, rest = w[:, :per].unflatten(1, (hidden, 2)), w[:, per:]
        b, v, c = (rest[:, :hidden], rest[:, hidden:-1], rest[:, -1:]) if bias else (rest[:, :hidden] * 0, rest, 0)
        f = (v[:, :, None] * activation(u @ x.T + b[:, :, None])).sum(1) + c
        return torch.nn.functional.softplus(-y * f).mean(-1)

    w = every(levels, hidden * (3 + bias) + bias)
    naive = loss(w).sort().values
    found = exact.two_layer(x, y, hidden, activation=activation, bias=bias, levels=levels, k=6)
    assert found.count == len(w) == int(found.below[-1])
    agrees(found, naive)
    torch.testing.assert_close(loss(found.weights), found.losses, rtol=0, atol=1e-12)
    best = found.losses.repeat_interleave(found.copies)
    torch.testing.assert_close(best, naive[: len(best)], rtol=0, atol=1e-12)
    units = found.weights[:, :per].unflatten(1, (hidden, 2))
    if not bias:  # the best differ by more than the order of units
        states = torch.cat([units, found.weights[:, per:, None]], 2)
        assert len({tuple(sorted(map(tuple, one))) for one in states.tolist()}) == 6


@pytest.mark.parametrize("hidden", [1, 2, 3])
@pytest.mark.parametrize("bias", [False, True])
def test_moons_both_ways(hidden, bias):
    problem = Moons(hidden, n=60, bias=bias)
    fast, slow = exact.exhaustive(problem), exact.enumerate_all(problem.loss, problem.d)
    agrees(fast, problem.loss(every(BINARY, problem.d)).sort().values)
    agrees(slow, spread(fast))
    torch.testing.assert_close(problem.loss(fast.weights), fast.losses, rtol=0, atol=1e-12)
    assert fast.optimum == pytest.approx(slow.optimum, abs=1e-12)


@pytest.mark.parametrize(
    "problem",
    [
        lambda seed: Logistic("hard", d=6, n=50, seed=seed),
        lambda seed: Moons(2, n=40, seed=seed),
        lambda seed: Hinge(d=5, n=30, seed=seed),
    ],
)
def test_each_instance_is_the_instance_alone(problem):
    together = exact.each(problem(torch.arange(3)), k=3)
    for seed, found in enumerate(together):
        alone = exact.exhaustive(problem(seed), k=3)
        assert torch.equal(alone.weights, found.weights)
        torch.testing.assert_close(alone.losses, found.losses)
    with pytest.raises(ValueError, match="each"):
        exact.exhaustive(problem(torch.arange(3)))


def test_a_problem_without_structure_is_enumerated():
    problem = Hinge(d=9, n=30)
    found, naive = exact.exhaustive(problem, k=4), problem.loss(every(BINARY, 9)).sort().values
    torch.testing.assert_close(found.losses, naive[:4], rtol=0, atol=1e-12)
    agrees(found, naive)


def test_the_sums_do_not_depend_on_how_they_are_cut(monkeypatch):
    x, y = data(50, 9)
    whole = exact.logistic(x, y)
    monkeypatch.setattr(product, "TABLES", 2**14)  # tables computed again for each row of tiles
    monkeypatch.setattr(product, "SLICE", 40)
    monkeypatch.setattr(product, "COLUMNS", 8)
    monkeypatch.setattr(product, "ROWS", 2)
    parts = exact.logistic(x, y)
    assert torch.equal(whole.weights, parts.weights)
    agrees(parts, whole.profile)


def test_rank_counts_the_better_ones():
    x, y = data(40, 8)
    found = exact.logistic(x, y)
    naive = logistic_loss(every(BINARY, 8), x, y)
    middle = (naive.sort().values[:-1] + naive.sort().values[1:]) / 2
    between = middle[naive.sort().values.diff() > 10 * found.error]
    assert torch.equal(found.rank(between), 1 + (naive < between[:, None]).sum(1))
    assert int(found.rank(found.optimum)) == 1
    assert found.rank(torch.tensor([float("nan"), 1e9])).tolist() == [257, 257]


def test_a_long_profile_is_counted_in_bins(monkeypatch):
    x, y = data(40, 10)
    listed = exact.logistic(x, y)
    monkeypatch.setattr(result, "KEPT", 100)
    binned = exact.logistic(x, y)
    assert torch.equal(listed.weights, binned.weights)
    assert int(binned.below[-1]) == 2**10
    assert (spread(listed) - spread(binned)).abs().max() <= binned.error
    for loss in listed.profile[::50]:
        low, high = listed.rank(loss - 2 * binned.error), listed.rank(loss + 2 * binned.error)
        assert low <= binned.rank(loss) <= high


def test_the_memory_does_not_grow_with_the_search():
    """What is announced bounds every allocation, and stays below a gibibyte for any number of samples and weights."""
    for n, low in itertools.product((10, 10**4, 10**6), (1, 32, 1024)):
        plan = product._Plan.of(torch.full((n,), 5.0, dtype=torch.float64))
        assert plan.bytes(2**40, low) + result.Collector.elements(2**50) < 2**30
    x, y = data(300, 12)
    plan = product._Plan.of(x.abs().sum(1))
    made: list[int] = []

    class Counting(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            if isinstance(out, Tensor):
                made.append(out.numel() * out.element_size())
            return out

    with Counting():
        exact.logistic(x, y)
    assert max(made) <= plan.bytes(64, 64) + result.Collector.elements(2**12)


@pytest.mark.parametrize(
    "search",
    [
        lambda **how: exact.exhaustive(Logistic(d=45, n=100), **how),
        lambda **how: exact.exhaustive(Logistic(d=2000, n=100), **how),
        lambda **how: exact.exhaustive(Moons(30), **how),
        lambda **how: exact.exhaustive(Hinge(d=60, n=100), **how),
        lambda **how: exact.exhaustive(Hinge(d=1100, n=4), **how),
        lambda **how: exact.exhaustive(Moons(6, batch_norm=True, bias=True, n=50), limit=1e-3, **how),
        lambda **how: exact.exhaustive(Logistic(d=22, n=100), limit=1e-4, **how),
    ],
)
def test_what_cannot_finish_is_refused_with_both_numbers(search):
    begun: list[tuple[int, int]] = []
    with pytest.raises(exact.TooLarge, match="would take about") as refused:
        search(progress=lambda done, total: begun.append((done, total)))
    assert refused.value.seconds > 1e-4
    assert refused.value.bytes >= 0
    assert not begun


def test_progress_reaches_the_end():
    seen: list[tuple[int, int]] = []
    exact.logistic(*data(20, 18), progress=lambda done, total: seen.append((done, total)))
    done = [d for d, _ in seen]
    assert done == sorted(set(done))
    assert len(done) > 1
    assert seen[-1] == (2**18, 2**18)


@pytest.mark.parametrize(("kinds", "size"), [(1, 3), (4, 1), (5, 3), (3, 0), (8, 4)])
def test_multisets_are_all_and_each_once(kinds, size):
    sets = Multisets(kinds, size)
    members = sets.members(torch.arange(sets.count))
    expected = set(itertools.combinations_with_replacement(range(kinds), size))
    assert len(expected) == sets.count
    assert {tuple(row) for row in members.tolist()} == expected
    for row, orders in zip(members.tolist(), sets.orders(members).tolist(), strict=True):
        assert orders == len(set(itertools.permutations(row)))
    assert int(sets.orders(members).sum()) == kinds**size


def test_bad_input_is_named():
    x, y = data(10, 3)
    with pytest.raises(ValueError, match="2 y - 1"):
        exact.logistic(x, (y + 1) / 2)
    with pytest.raises(ValueError, match=r"\(n, d\)"):
        exact.logistic(x, y[:-1])
    with pytest.raises(ValueError, match="increasing"):
        exact.logistic(x, y, levels=(1.0, -1.0))
    with pytest.raises(ValueError, match="increasing"):
        exact.logistic(x, y, levels=(-1.0, math.inf))
    for k, error in ((0, ValueError), (2.5, TypeError)):
        with pytest.raises(error, match=f"k = {k}"):
            exact.logistic(x, y, k=k)
    with pytest.raises(ValueError, match="hidden=0"):
        exact.two_layer(x, y, 0)
    with pytest.raises(ValueError, match="scale the features"):
        exact.logistic(x * 1e4, y)


def test_the_gap_and_the_quantiles():
    x, y = data(30, 9)
    found = exact.logistic(x, y)
    assert float(found.gap(found.optimum * 1.05)) == pytest.approx(0.05)
    ranks, losses = found.quantiles(20)
    assert ranks[0] == 1
    assert ranks[-1] == 2**9
    assert torch.equal(losses, found.profile[ranks - 1])
    assert math.isclose(float(losses[0]), found.optimum, abs_tol=found.error)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize(
    "search",
    [
        exact.logistic,
        exact.sphere,
        lambda x, y: exact.two_layer(x, y, 1),
        exact.milp,
        lambda x, y: exact.milp(x, y, loss="logistic"),
    ],
)
def test_no_search_takes_what_is_no_number(search, bad):
    x, y = data(10, 3)
    x[4, 1] = bad
    with pytest.raises(ValueError, match=r"x has 1 non-finite value.* at \(4, 1\)"):
        search(x, y)


def test_above_an_optimum_of_0_the_gap_is_the_loss():
    found = exact.exhaustive(ReLURegression("planted", d=5, n=30))
    assert found.optimum == 0
    assert torch.equal(found.gap(found.losses), found.losses)


def test_bins_reach_the_largest_loss_wherever_it_is_met(monkeypatch):
    """The first block, all -1 in front, says nothing of the largest loss."""
    monkeypatch.setattr(result, "KEPT", 100)
    monkeypatch.setattr(search_module, "CHUNK", 64 * 12 * 16)

    def loss(w: Tensor) -> Tensor:
        return (w[:, :6] > 0).double().sum(-1) ** 3 + w[:, 6:].abs().sum(-1) / 1000

    found = exact.enumerate_all(loss, 12)
    assert (spread(found) - loss(every(BINARY, 12)).sort().values).abs().max() <= found.error
    assert int(found.below[-1]) == 2**12
