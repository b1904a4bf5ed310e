"""Grids: members of the level set bitwise, scales, idempotence, equivariance, stochastic rounding, bad numbers."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from quantizer_cases import BOUNDED, DTYPES, few, levels_of, on_grid, randn, ulps, vectors

from qlab.quantizers import SCALES, Grid

bounded = pytest.mark.parametrize("grid", BOUNDED, ids=lambda g: f"{g.family}-{g.bits}")


def test_level_sets():
    assert Grid(1).levels().tolist() == [-1, 1]
    assert Grid(2).levels().tolist() == [-1, 0, 1]
    assert Grid(3).levels().tolist() == [-3, -2, -1, 0, 1, 2, 3]
    assert Grid(1, "dorefa").levels().tolist() == [-1, 1]
    assert Grid(2, "dorefa").levels().tolist() == [-1, -1 / 3, 1 / 3, 1]
    for b in range(2, 9):
        assert len(Grid(b).levels()) == 2**b - 1
        assert len(Grid(b, "dorefa").levels()) == 2**b
    with pytest.raises(ValueError, match="lattice"):
        Grid(family="lattice").levels()


def test_description():
    assert Grid(2).describe() == "{−1, 0, +1} · s"
    assert Grid(1, scale="one").describe() == "{−1, +1}"
    assert Grid(2, "dorefa").describe() == "{−1, −1/3, +1/3, +1} · s"
    assert Grid(4).describe() == "{−7, −6, …, +6, +7} · s"
    assert Grid(family="lattice", spacing=0.5).describe() == "0.5 · ℤ"


@bounded
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", SCALES)
def test_values_are_levels_bitwise(grid, dtype, kind):
    grid = Grid(grid.bits, grid.family, kind)
    w = randn(6, 5, 3, dtype=dtype)
    u = torch.rand(w.shape, generator=torch.Generator().manual_seed(0))
    for keep in (0, 1, 2):
        s = grid.scale_of(w, keep)
        assert (s.dtype, s.shape) == (dtype, w.shape[:keep] + (1,) * (3 - keep))
        for q in (grid.nearest(w, s), grid.stochastic(w, s, u)):
            assert q.dtype == dtype
            assert on_grid(q, grid, s)
        assert torch.equal(grid.nearest(w, s), s * grid.codes(w, s))


@bounded
@few
@given(w=vectors())
def test_nearest_is_nearest(grid, w):
    s = torch.tensor([0.7], dtype=torch.float64)
    best = (levels_of(grid, s, w.dtype) - w.unsqueeze(-1)).abs().amin(-1)
    assert torch.allclose((grid.nearest(w, s) - w).abs(), best, rtol=1e-15, atol=1e-14)


@bounded
@pytest.mark.parametrize("dtype", DTYPES)
def test_fixed_grids_are_idempotent_bitwise(grid, dtype):
    w = randn(400, dtype=dtype)
    for scale in (1.0, 0.1, 0.3, 7.7):
        s = torch.tensor([scale], dtype=dtype)
        q = grid.nearest(w, s)
        assert torch.equal(grid.nearest(q, s), q)
        for u in (0.0, 1 - 2.0**-24):
            assert torch.equal(grid.stochastic(q, s, torch.full(w.shape, u)), q), "a point of the grid moved"


@pytest.mark.parametrize(
    "grid", [Grid(1), Grid(2), Grid(1, "dorefa"), Grid(4, scale="max"), Grid(3, "dorefa", "max")], ids=str
)
@few
@given(w=vectors(40))
def test_adaptive_scales_are_idempotent_to_4_ulp(grid, w):
    q = grid.nearest(w, grid.scale_of(w))
    again = grid.nearest(q, grid.scale_of(q))
    assert ulps(q, again) <= 4


@pytest.mark.parametrize("grid", [Grid(3), Grid(4), Grid(2, "dorefa"), Grid(4, "dorefa")], ids=str)
@few
@given(w=vectors(40))
def test_a_warm_started_lloyd_scale_is_idempotent_to_4_ulp(grid, w):
    s = grid.scale_of(w)
    q = grid.nearest(w, s)
    if q.any():
        assert ulps(grid.nearest(q, grid.scale_of(q, init=s)), q) <= 4


@bounded
@pytest.mark.parametrize("kind", ["least-squares", "mean", "max"])
@few
@given(w=vectors(), power=st.integers(-60, 60))
def test_powers_of_two_pass_through_exactly(grid, kind, w, power):
    grid, c = Grid(grid.bits, grid.family, kind), 2.0**power
    s, sc = grid.scale_of(w), grid.scale_of(c * w)
    assert torch.equal(sc, c * s)
    assert torch.equal(grid.nearest(c * w, sc), c * grid.nearest(w, s))
    assert torch.equal(grid.codes(c * w, sc), grid.codes(w, s))


def test_scale_kinds():
    w = randn(50)
    for family, bits, top in (("symmetric", 1, 1), ("symmetric", 2, 1), ("symmetric", 4, 7), ("dorefa", 3, 1)):
        assert torch.allclose(Grid(bits, family, "mean").scale_of(w), w.abs().mean(), rtol=1e-14)
        assert Grid(bits, family, "one").scale_of(w) == 1
        largest = Grid(bits, family, "max")
        assert torch.allclose(largest.scale_of(w) * top, w.abs().max(), rtol=1e-15)
        assert torch.allclose(largest.nearest(w, largest.scale_of(w)).abs().max(), w.abs().max(), rtol=1e-15)


@pytest.mark.parametrize("family", ["symmetric", "dorefa"])
@pytest.mark.parametrize("bits", [3, 4, 6])
@few
@given(w=vectors(30))
def test_the_least_squares_scale_beats_the_others_given_its_steps(family, bits, w):
    """Lloyd never ends above the point it starts from, here the grid of max |w| itself."""
    largest = Grid(bits, family, "max").scale_of(w)
    grid = Grid(bits, family, lloyd_steps=20)

    def error(s):
        return ((w - grid.nearest(w, s)) ** 2).sum()

    assert error(grid.scale_of(w, init=largest)) <= error(largest) * (1 + 1e-12) + 1e-15


@bounded
def test_each_slice_is_quantized_as_if_alone(grid):
    w = randn(4, 3, 10)
    w[1, 2] = 0
    for keep in (1, 2):
        s = grid.scale_of(w, keep)
        q, c = grid.nearest(w, s), grid.codes(w, s)
        index = [(i,) for i in range(4)] if keep == 1 else [(i, j) for i in range(4) for j in range(3)]
        for i in index:
            alone = grid.scale_of(w[i])
            assert torch.allclose(s[i], alone, rtol=1e-14)
            assert torch.allclose(q[i], grid.nearest(w[i], alone), rtol=1e-14)
            assert torch.equal(c[i], grid.codes(w[i], alone))


def test_a_spacing_per_run():
    w = randn(3, 2, 5)
    spacing = torch.tensor([0.1, 0.5, 2.0])
    grid = Grid(family="lattice", spacing=spacing)
    q = grid.nearest(w, grid.scale_of(w, 1))
    for i, delta in enumerate(spacing.tolist()):
        alone = Grid(family="lattice", spacing=delta)
        assert torch.allclose(q[i], alone.nearest(w[i], alone.scale_of(w[i])), rtol=1e-6)


@bounded
def test_memory_layout_does_not_matter(grid):
    w = randn(4, 6, 5, 5, dtype=torch.float32)
    for view in (
        w.to(memory_format=torch.channels_last),
        w.transpose(0, 3).contiguous().transpose(0, 3),
        torch.stack((w, -w), -1)[..., 0],
    ):
        for keep in (0, 1):
            s = grid.scale_of(view, keep)
            assert torch.equal(s, grid.scale_of(w, keep))
            assert torch.equal(grid.nearest(view, s), grid.nearest(w, s))
    same = w[:, :1, :1, :1].expand(4, 6, 5, 5)
    assert torch.equal(grid.scale_of(same, 1), grid.scale_of(same.contiguous(), 1))


@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("kind", SCALES)
@bounded
def test_zeros_quantize_to_finite_values(grid, kind, keep):
    grid = Grid(grid.bits, grid.family, kind)
    w = torch.zeros(3, 4)
    s = grid.scale_of(w, keep)
    q = grid.nearest(w, s)
    assert q.isfinite().all()
    assert grid.stochastic(w, s, torch.full_like(w, 0.5)).isfinite().all()
    if kind != "one":
        assert not s.any()
        assert not q.any()
    if kind == "least-squares":
        w[0, 0] = 1.0
        assert (grid.scale_of(w, keep, init=s).flatten()[0] > 0).all(), "a zero scale does not stick as a warm start"


@pytest.mark.parametrize(("dtype", "large"), [(torch.float16, 6e4), (torch.bfloat16, 3e38), (torch.float32, 3e38)])
@bounded
def test_large_numbers_do_not_overflow_inside(grid, dtype, large):
    w = torch.full((1000,), large, dtype=dtype)
    w[::2] = -w[::2]
    s = grid.scale_of(w)
    q = grid.nearest(w, s)
    assert q.isfinite().all()
    assert torch.allclose(q.double(), w.double(), rtol=0.35), "the error of one Lloyd step at most"
    assert grid.stochastic(w, s, torch.full(w.shape, 0.5)).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@bounded
def test_half_precision_is_computed_in_single(grid, dtype):
    w = randn(5000, dtype=dtype)
    s = grid.scale_of(w)
    assert torch.equal(s, grid.scale_of(w.float()).to(dtype))
    assert torch.equal(grid.codes(w, s), grid.codes(w.float(), s.float()).to(dtype))


@bounded
@few
@given(w=vectors())
def test_stochastic_rounding_is_unbiased_inside_and_saturates_outside(grid, w):
    s, n = torch.tensor([30.0], dtype=torch.float64), 4096
    u = ((torch.arange(n, dtype=torch.float64) + 0.5) / n).unsqueeze(-1)
    q = grid.stochastic(w.expand(n, -1), s, u.expand(n, len(w)))
    levels = grid.levels() * s
    mean, inside = q.mean(0), w.clamp(levels[0], levels[-1])
    assert (mean - inside).abs().max() <= float(levels[1] - levels[0]) / n + 1e-12
    assert on_grid(q, grid, s)


@bounded
def test_neighbours_enclose(grid):
    w, s = randn(200), torch.tensor([0.5], dtype=torch.float64)
    lo, hi = grid.neighbours(w, s)
    inside = w.abs() < 0.5 * grid.levels()[-1]
    assert (s * lo <= w)[inside].all()
    assert (w < s * hi)[inside].all()
    assert torch.allclose(hi - lo, grid.levels()[1] - grid.levels()[0], rtol=1e-14)


@pytest.mark.parametrize("grid", [*BOUNDED, Grid(family="lattice", spacing=0.5)], ids=str)
def test_nan_stays_nan_and_never_becomes_a_level(grid):
    w = torch.tensor([0.3, float("nan"), -2.0])
    fixed = torch.tensor([0.5])
    for s in (fixed, grid.scale_of(w)):
        for q in (grid.nearest(w, s), grid.codes(w, s), grid.stochastic(w, s, torch.zeros(3))):
            assert q[1].isnan()
    assert grid.nearest(w, fixed)[[0, 2]].isfinite().all(), "with a fixed scale its neighbours are untouched"
    assert grid.nearest(w, torch.tensor([float("nan")])).isnan().all()


@bounded
def test_infinity_saturates_on_a_fixed_scale_and_spoils_an_adaptive_one(grid):
    w, s = torch.tensor([float("inf"), -float("inf"), 1.0]), torch.tensor([0.5])
    top = 0.5 * float(grid.levels()[-1])
    assert grid.nearest(w, s)[:2].tolist() == [top, -top]
    assert grid.nearest(w, grid.scale_of(w)).isnan().all()
