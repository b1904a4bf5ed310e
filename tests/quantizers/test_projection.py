"""Projection: optimal against exhaustive search, Lloyd monotone and a fixed point, channels, layouts, dtypes."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from quantizer_cases import DTYPES, error, few, randn, ulps, vectors

from qlab.quantizers import Grid, project
from qlab.quantizers.grids import ternary_scale


def exhaustive(w, codes):
    """The smallest |s q - w|² over all code vectors q and s >= 0 (0 is the best s where q'w <= 0)."""
    q = torch.tensor(list(itertools.product(codes, repeat=len(w))), dtype=torch.float64)
    norm = (q * q).sum(1)
    s = ((q @ w) / torch.where(norm == 0, 1, norm)).clamp(min=0)
    return float(((s[:, None] * q - w) ** 2).sum(1).min())


@few
@given(vectors(7))
def test_binary_projection_is_optimal(w):
    p = project(w, 1)
    assert error(w, p.values) <= exhaustive(w, (-1, 1)) * (1 + 1e-12) + 1e-20
    assert torch.equal(p.codes, torch.where(w >= 0, 1, -1).to(torch.int8)), "sign(0) = +1"


@few
@given(vectors(6))
def test_ternary_projection_is_optimal(w):
    p = project(w, 2)
    assert error(w, p.values) <= exhaustive(w, (-1, 0, 1)) * (1 + 1e-12) + 1e-20
    assert not p.codes[w == 0].any(), "sign(0) = 0"


def test_ternary_projection_by_hand():
    """|w_[t]|²/t: 9, 12.5 (t* = 2), 12, 9."""
    p = project(torch.tensor([3.0, -2.0, 1.0, 0.0], dtype=torch.float64), 2)
    assert p.scale.item() == 2.5
    assert p.codes.tolist() == [1, -1, 0, 0]


@few
@given(vectors(30))
def test_ternary_scale_is_the_mean_of_the_kept(w):
    s = ternary_scale(w)
    kept = w.abs() >= s / 2
    if w.any():
        assert torch.allclose(s[0], w.abs()[kept].mean(), rtol=1e-12)


@pytest.mark.parametrize("bits", [3, 4, 5, 8])
@few
@given(w=vectors(30))
def test_lloyd_is_monotone_from_its_start(bits, w):
    s0 = 2 / (2**bits - 1) * w.abs().max().reshape(1)
    errors = [error(w, Grid(bits).nearest(w, s0))] + [error(w, project(w, bits, steps=k).values) for k in range(1, 7)]
    slack = 1e-13 * error(w, 0 * w)
    for before, after in itertools.pairwise(errors):
        assert after <= before + slack


@pytest.mark.parametrize("bits", [3, 4])
def test_lloyd_gains_much_on_a_large_tensor(bits):
    """One step is enough only for small tensors: s0 grows with max |W|."""
    w = randn(50_000)
    one, many = (error(w, project(w, bits, steps=k).values) for k in (1, None))
    assert many < 0.7 * one


@pytest.mark.parametrize("bits", [3, 4, 6])
@few
@given(w=vectors(30))
def test_converged_lloyd_is_a_fixed_point(bits, w):
    p = project(w, bits, steps=None)
    q = p.codes.double()
    if w.any():
        assert torch.equal(Grid(bits).codes(w, p.scale), q), "the codes are nearest for the scale"
        assert ulps(p.scale, (q @ w / (q @ q)).reshape(1)) <= 8, "the scale is best for the codes"
        again = project(w, bits, init=p.scale)
        assert torch.equal(again.codes, p.codes)
        assert ulps(again.scale, p.scale) <= 4


def test_k_steps_are_k_warm_started_steps():
    w, init = randn(500), None
    for k in range(1, 6):
        p = project(w, 4, init=init)
        assert torch.allclose(p.scale, project(w, 4, steps=k).scale, rtol=1e-13)
        init = p.scale


@pytest.mark.parametrize("start", [0.0, 1e3])
def test_a_warm_start_of_0_or_without_codes_means_the_usual_start(start):
    w = randn(100)
    p = project(w, 4, init=torch.tensor([start], dtype=torch.float64))
    assert p.scale == project(w, 4).scale


@pytest.mark.parametrize("bits", [1, 2, 3, 5, 8, 12])
@pytest.mark.parametrize("dtype", DTYPES)
def test_values_are_scale_times_integer_codes(bits, dtype):
    w = randn(4, 5, 6, dtype=dtype)
    for axis in (None, 0, 1, -1):
        p = project(w, bits, axis)
        assert p.values.dtype == p.scale.dtype == dtype
        assert p.codes.dtype == (torch.int8 if bits <= 8 else torch.int32)
        assert torch.equal(p.values, p.scale * p.codes)
        assert p.codes.abs().max() <= max(1, 2 ** (bits - 1) - 1)
        assert p.scale.shape == tuple(n if axis is not None and i == axis % 3 else 1 for i, n in enumerate(w.shape))


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
@pytest.mark.parametrize("steps", [1, 3, None])
def test_per_channel_is_a_loop_over_channels(bits, axis, steps):
    w = randn(4, 3, 7)
    w.select(axis, 1).zero_()
    p = project(w, bits, axis, steps)
    for i in range(w.shape[axis]):
        alone = project(w.select(axis, i), bits, None, steps)
        assert torch.equal(p.codes.select(axis, i), alone.codes)
        assert torch.allclose(p.values.select(axis, i), alone.values, rtol=1e-13)


@given(st.sampled_from([1, 2, 3, 4]), st.sampled_from([None, 0, 1]))
@few
def test_memory_layout_does_not_matter(bits, axis):
    w = randn(4, 6, 3, 3, dtype=torch.float32)
    expected = project(w, bits, axis)
    for view in (w.to(memory_format=torch.channels_last), torch.stack((w, w), -1)[..., 1]):
        for a, b in zip(project(view, bits, axis), expected, strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_zeros_project_to_zeros(bits):
    for axis in (None, 0):
        for steps in (1, None):
            p = project(torch.zeros(2, 3), bits, axis, steps)
            assert not p.values.any()
            assert not p.scale.any()


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_a_number_is_its_own_projection(bits):
    w = torch.tensor(-0.3, dtype=torch.float64)
    p = project(w, bits)
    assert p.values.shape == p.scale.shape == ()
    assert torch.allclose(p.values, w, rtol=1e-15)
