"""Rounding: exact at every float16 and bfloat16 number, the tie rule, the coin of stochastic rounding."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from quantizer_cases import few, numbers, randn, vectors

from qlab.quantizers import Grid, nearest, q_d, q_s, round_half_away, stochastic_binarize
from qlab.quantizers.rounding import away, closer, nearest_level


def every(dtype):
    """All finite numbers of a 16-bit format."""
    x = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(dtype)
    return x[x.isfinite()]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_rounding_is_exact_at_every_number_of_the_format(dtype):
    x = every(dtype)
    exact = x.double().sign() * (x.double().abs() + 0.5).floor()  # exact in float64 for these numbers
    assert torch.equal(round_half_away(x).double(), exact)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_rounding_to_odd_integers_is_exact_at_every_number_of_the_format(dtype):
    x = every(dtype)
    wide = x.double()
    exact = torch.where(wide >= 0, 1.0, -1.0) * (2 * (wide.abs() / 2).floor() + 1)
    odd = away(x.float(), 2).double()
    small = x.abs() < 2**20  # beyond, float32 has no odd integers left to tell apart
    assert torch.equal(odd[small], exact[small])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rounding_next_to_a_tie(dtype):
    for k in (0.5, 1.5, 2.5, 1000.5, -0.5, -1.5):
        tie = torch.tensor(k, dtype=dtype)
        inward, outward = torch.nextafter(tie, 0 * tie), torch.nextafter(tie, 2 * tie)
        out = tie.sign() * (tie.abs() + 0.5)
        assert round_half_away(tie) == out, "a tie goes away from zero"
        assert round_half_away(outward) == out
        assert round_half_away(inward) == out - tie.sign(), "a number below the tie does not"


def test_rounding_returns_no_negative_zero():
    assert not torch.signbit(round_half_away(torch.tensor([-0.3, -0.0, 0.3]))).any()


@few
@given(vectors(), st.lists(numbers, min_size=1, max_size=6, unique=True))
def test_nearest_level_is_nearest_and_a_level(w, levels):
    levels = torch.tensor(sorted(levels), dtype=torch.float64)
    q = nearest(w, levels)
    assert (q.unsqueeze(-1) == levels).any(-1).all()
    assert torch.equal((q - w).abs(), (levels - w.unsqueeze(-1)).abs().amin(-1))


def test_tie_table():
    """Ties go away from zero; between -s and +s to +s; -0.0 counts as 0."""
    table = [
        ([-1.0, 1.0], 0.0, 1.0),
        ([-1.0, 1.0], -0.0, 1.0),
        ([-1.0, 0.0, 1.0], 0.5, 1.0),
        ([-1.0, 0.0, 1.0], -0.5, -1.0),
        ([-1.0, 0.0, 1.0], 0.0, 0.0),
        ([1.0, 2.0, 4.0], 3.0, 4.0),
        ([-4.0, -2.0, -1.0], -3.0, -4.0),
        ([-3.0, -1.0, 1.0, 3.0], 2.0, 3.0),
        ([-3.0, -1.0, 1.0, 3.0], -2.0, -3.0),
    ]
    for levels, w, expected in table:
        for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
            q = nearest(torch.tensor([w], dtype=dtype), torch.tensor(levels))
            assert q.tolist() == [expected], (levels, w, dtype)


def test_nan_becomes_no_level():
    w = torch.tensor([float("nan"), float("inf"), -float("inf"), 0.4])
    for levels in ([0.0], [-1.0, 1.0], [-1.0, 0.0, 2.0]):
        q = nearest_level(w, torch.tensor(levels))
        assert q[0].isnan()
        assert q[1:3].tolist() == [levels[-1], levels[0]]
    assert away(w)[0].isnan()
    assert away(w, 2)[0].isnan()


@few
@given(vectors(), st.sampled_from([(b, f) for b in (1, 2, 3) for f in ("symmetric", "dorefa")]))
def test_grids_and_lists_of_levels_share_the_tie_rule(w, kind):
    grid = Grid(*kind)
    s = torch.tensor([float(grid.den)], dtype=torch.float64)  # integer levels: every tie is exact
    assert torch.equal(grid.nearest(w, s), nearest(w, grid.levels() * s))


def test_away_is_the_closer_of_the_two_integers():
    y = torch.arange(-64, 65, dtype=torch.float64) / 8
    assert torch.equal(away(y), closer(y, y.floor(), y.floor() + 1))
    lo = 2 * ((y - 1) / 2).floor() + 1
    assert torch.equal(away(y, 2), closer(y, lo, lo + 2))


@few
@given(vectors(), st.sampled_from([0.25, 0.5, 1.0, 2.0]))
def test_q_d_is_the_printed_formula_and_the_lattice_grid(w, spacing):
    assert torch.equal(q_d(w, spacing), w.sign() * spacing * (w.abs() / spacing + 0.5).floor())
    grid = Grid(family="lattice", spacing=spacing)
    assert torch.equal(q_d(w, spacing), grid.nearest(w, grid.scale_of(w)))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("spacing", [0.1, 0.3, 1.0])
def test_lattice_points_never_move(dtype, spacing):
    """Not at u = 0, not at the largest u, although k·spacing/spacing is not always k."""
    points = torch.tensor(spacing, dtype=dtype) * torch.arange(-300, 301, dtype=dtype)
    assert torch.equal(q_d(points, spacing), points)
    for u in (0.0, 0.5, 1 - 2.0**-24):
        assert torch.equal(q_s(points, spacing, torch.full_like(points, u)), points)


@few
@given(vectors(), st.sampled_from([0.1, 0.5, 2.0]))
def test_q_s_is_unbiased(w, spacing):
    """E Q_s(w) = w: the mean over a fine midpoint rule in u is off by less than one cell of the rule."""
    n = 4096
    u = ((torch.arange(n, dtype=torch.float64) + 0.5) / n).unsqueeze(-1)
    mean = q_s(w.expand(n, -1), spacing, u).mean(0)
    assert (mean - w).abs().max() <= spacing / n + 1e-12


def test_q_s_reaches_only_the_two_neighbours_and_is_monotone_in_u():
    w, u = randn(500), torch.rand(500, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    q = q_s(w, 0.5, u)
    assert ((q - w).abs() < 0.5).all()
    assert (q_s(w, 0.5, u / 2) >= q).all(), "a smaller u never moves down"


@few
@given(vectors(), st.sampled_from([0.5, 1.0, 3.0]))
def test_stochastic_binarization_has_the_hard_sigmoid_mean(w, s):
    n = 4096
    u = ((torch.arange(n, dtype=torch.float64) + 0.5) / n).unsqueeze(-1)
    q = stochastic_binarize(w.expand(n, -1), u, s)
    assert ((q == s) | (q == -s)).all()
    assert ((q == s).double().mean(0) - ((w / s + 1) / 2).clamp(0, 1)).abs().max() <= 1 / n


def test_rounding_keeps_dtype_and_shape():
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        w = randn(3, 4, dtype=dtype)
        u = torch.full((3, 4), 0.5)
        for q in (
            round_half_away(w),
            q_d(w, 0.1),
            q_s(w, 0.1, u),
            stochastic_binarize(w, u),
            nearest(w, w[0].sort()[0]),
        ):
            assert (q.dtype, q.shape) == (dtype, w.shape)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_codes_beyond_the_format_do_not_overflow(dtype):
    """1000 is 100,000 times 0.01: no float16, but the rounded weight is one."""
    w = torch.tensor([1000.0, -1000.0], dtype=dtype)
    spacing = torch.tensor(0.01, dtype=dtype)
    assert ((q_d(w, spacing) - w).abs() <= spacing).all()
    for u in (0.0, 0.5, 0.999):
        assert ((q_s(w, spacing, torch.full((2,), u)) - w).abs() <= spacing).all()
