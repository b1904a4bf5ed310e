"""psi, its slope and its islands: the printed cases, C¹, zero where they must be; the same on a grid in code units."""

from itertools import pairwise

import pytest
import torch

from qlab.constraints import admissible, eps_of, gap, intervals, on_grid, psi, raw_eps, slope
from qlab.quantizers.grids import Grid

LEVELS = {
    "binary": [-1.0, 1.0],
    "ternary": [-1.0, 0.0, 1.0],
    "uneven": [-2.0, -0.5, 0.25, 3.0],
    "thirds": [-1.0, -1 / 3, 1 / 3, 1.0],
}
GRIDS = [Grid(1), Grid(2), Grid(4), Grid(2, "dorefa"), Grid(family="lattice")]
each = pytest.mark.parametrize("levels", [torch.tensor(c, dtype=torch.float64) for c in LEVELS.values()], ids=LEVELS)


def points(levels, n=4001):
    """A fine grid beyond the outer levels, with every level and midpoint on it."""
    between = (levels[1:] + levels[:-1]) / 2
    fine = torch.linspace(float(levels[0]) - 2, float(levels[-1]) + 2, n, dtype=torch.float64)
    return torch.cat([fine, levels, between]).sort().values


def printed(u, levels, eps):
    """The three cases of S0, one weight at a time."""
    c = levels.tolist()
    if u < c[0]:
        return eps - (c[0] - u) ** 2
    for a, b in pairwise(c):
        if a <= u < b:
            return eps - (u - a) ** 2 * (u - b) ** 2
    return eps - (u - c[-1]) ** 2


@each
def test_psi_is_the_printed_one(levels):
    u = points(levels, 301)
    expected = torch.tensor([printed(float(x), levels, 0.01) for x in u], dtype=torch.float64)
    torch.testing.assert_close(psi(u, levels, 0.01), expected, rtol=0, atol=1e-12)


@each
def test_the_slope_is_the_derivative_also_at_the_levels(levels):
    u, h = points(levels), 1e-5
    numeric = (psi(u + h, levels, 1.0) - psi(u - h, levels, 1.0)) / (2 * h)
    torch.testing.assert_close(slope(u, levels), numeric, rtol=0, atol=2e-4)


@each
def test_the_slope_is_zero_at_levels_and_psi_is_smallest_midway(levels):
    eps, between = 0.003, (levels[1:] + levels[:-1]) / 2
    torch.testing.assert_close(slope(levels, levels), 0 * levels, rtol=0, atol=1e-14)
    torch.testing.assert_close(psi(levels, levels, eps), 0 * levels + eps, rtol=0, atol=1e-14)
    torch.testing.assert_close(slope(between, levels), torch.zeros_like(between), rtol=0, atol=1e-14)
    torch.testing.assert_close(psi(between, levels, eps), eps - (levels[1:] - levels[:-1]) ** 4 / 16)
    for m, half in zip(between, (levels[1:] - levels[:-1]) / 2, strict=True):
        inside = psi(m + half * torch.linspace(-1, 1, 101, dtype=torch.float64), levels, eps)
        assert int(inside.argmin()) == 50


@each
@pytest.mark.parametrize("eps_hat", [0.001, 0.1, 0.9, 0.999])
def test_the_islands_are_where_psi_is_not_negative(levels, eps_hat):
    eps = raw_eps(eps_hat, levels)
    ends = intervals(levels, eps)
    u = points(levels)
    within = ((u[:, None] >= ends[:, 0]) & (u[:, None] <= ends[:, 1])).any(1)
    value = psi(u, levels, eps)
    assert torch.equal(within[value.abs() > 1e-12], (value >= 0)[value.abs() > 1e-12])
    torch.testing.assert_close(psi(ends, levels, eps), torch.zeros_like(ends), rtol=0, atol=1e-12)
    assert (ends[1:, 0] > ends[:-1, 1]).all()
    assert (ends[:, 0] < levels).all()
    assert (ends[:, 1] > levels).all()


def test_wider_islands_merge_and_their_union_stays_the_feasible_set():
    levels = torch.tensor([-1.0, 0.0, 3.0], dtype=torch.float64)
    ends, u = intervals(levels, 0.5), points(levels)
    within = ((u[:, None] >= ends[:, 0]) & (u[:, None] <= ends[:, 1])).any(1)
    assert torch.equal(within, psi(u, levels, 0.5) >= 0)
    assert float(ends[0, 1]) == float(ends[1, 0]) == -0.5


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_on_a_grid_it_is_the_same_in_code_units(grid, dtype):
    s = torch.tensor(0.5, dtype=dtype)  # a power of two: w/s is exact
    codes = torch.arange(-9, 10, dtype=dtype) if grid.family == "lattice" else grid.levels().to(dtype)
    u = torch.linspace(float(codes[0]) - (grid.family != "lattice"), float(codes[-1]), 1200, dtype=dtype)
    value, d = on_grid(u * s, s, grid, 0.3)
    eps = eps_of(0.3, grid.gap / grid.den)
    exact = 1e-12 if dtype == torch.float64 else 1e-4
    torch.testing.assert_close(value, psi(u, codes, eps), rtol=exact, atol=exact)
    torch.testing.assert_close(d, slope(u, codes), rtol=exact, atol=10 * exact)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_with_eps_hat_1_nothing_between_the_levels_is_forbidden_not_even_by_rounding(grid, dtype):
    top = min(grid.top, 5) / grid.den
    w = torch.cat([torch.linspace(-top, top, 20_001), torch.linspace(-1e-3, 1e-3, 2001)]).to(dtype) * 0.7
    value, _ = on_grid(w, torch.tensor(0.7, dtype=dtype), grid, 1.0)
    inside = w.abs() < 0.7 * top * 0.99
    assert (value[inside] >= 0).all()


def test_nan_stays_nan():
    nan = torch.tensor([float("nan")], dtype=torch.float64)
    levels = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    assert psi(nan, levels, 0.1).isnan().all()
    assert slope(nan, levels).isnan().all()
    for grid in GRIDS:
        assert all(x.isnan().all() for x in on_grid(nan, torch.ones(1, dtype=torch.float64), grid, 0.1))


def test_what_is_admissible():
    levels = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
    assert float(gap(levels)) == 1.0
    assert raw_eps(0.5, levels) == 0.5 / 16
    admissible(0.999 / 16, levels)
    for bad in (0.0, 1 / 16, 0.1, float("nan")):
        with pytest.raises(ValueError, match=r"allowed: numbers in \(0, 0.0625\)"):
            admissible(bad, levels)
    for bad in (0.0, 1.0, 1.5):
        with pytest.raises(ValueError, match=r"eps_hat = .*; allowed: numbers in \(0, 1\)"):
            raw_eps(bad, levels)


def test_bad_levels_are_named():
    u = torch.zeros(3, dtype=torch.float64)
    with pytest.raises(TypeError, match="u has dtype"):  # would take levels of +-1/2 for 0
        psi(torch.tensor([0, 1]), torch.tensor([-0.5, 0.5]), 0.01)
    for f in (lambda c: psi(u, c, 0.1), lambda c: slope(u, c), gap):
        with pytest.raises(ValueError, match="not sorted"):
            f(torch.tensor([1.0, -1.0]))
        with pytest.raises(ValueError, match="at least two"):
            f(torch.tensor([1.0]))
    with pytest.raises(ValueError, match="greater than 0"):
        intervals(torch.tensor([-1.0, 1.0]), 0.0)
