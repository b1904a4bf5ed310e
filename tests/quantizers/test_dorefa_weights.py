"""DoReFa weights: the printed formula, its levels, its derivative, the mean scale, zeros, runs."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from quantizer_cases import DTYPES, few, randn, vectors

from qlab.quantizers import Grid, dorefa_round, dorefa_weight


@few
@given(vectors(), st.sampled_from([1, 2, 3, 8]))
def test_it_is_the_printed_formula_off_ties(w, bits):
    if not w.any():
        return
    z = 0.5 + w.tanh() / (2 * w.tanh().abs().max())
    tie = ((z * (2**bits - 1)) % 1 - 0.5).abs() < 1e-9
    printed = 2 * dorefa_round(z, bits) - 1
    assert torch.allclose(dorefa_weight(w, bits)[~tie], printed[~tie], atol=1e-14)


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", DTYPES)
def test_values_are_levels(bits, dtype):
    w = randn(200, dtype=dtype)
    levels = Grid(bits, "dorefa").levels()
    q = dorefa_weight(w, bits)
    assert q.dtype == dtype
    assert (q.unsqueeze(-1) == levels.to(dtype)).any(-1).all()
    assert q.abs().max() == 1, "the largest weight goes to the top level"


def test_ties_follow_the_house():
    assert dorefa_weight(torch.tensor([0.0, 1.0, -1.0]), 1).tolist() == [1, 1, -1]
    assert dorefa_weight(torch.tensor([0.0, -0.0, 1.0], dtype=torch.float64), 2).tolist() == [1 / 3, 1 / 3, 1]


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_derivative_is_that_of_the_normalised_tanh(bits):
    w, g = randn(30).requires_grad_(), randn(30, seed=1)
    (dw,) = torch.autograd.grad(dorefa_weight(w, bits), w, g)
    t = w.tanh()
    (expected,) = torch.autograd.grad(t / t.abs().max(), w, g)
    assert torch.allclose(dw, expected, rtol=1e-13)
    assert dw.any()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_mean_scale(bits):
    w = randn(30)
    assert torch.allclose(dorefa_weight(w, bits, "mean"), w.abs().mean() * dorefa_weight(w, bits), rtol=1e-14)
    if bits == 1:
        assert torch.allclose(dorefa_weight(w, bits, "mean"), w.sign() * w.abs().mean(), rtol=1e-14)


@pytest.mark.parametrize("scale", ["one", "mean"])
def test_zeros_stay_finite(scale):
    w = torch.zeros(4, requires_grad=True)
    q = dorefa_weight(w, 2, scale)
    q.sum().backward()
    assert q.isfinite().all()
    assert w.grad.isfinite().all()


@pytest.mark.parametrize("scale", ["one", "mean"])
def test_each_slice_alone(scale):
    w = randn(3, 4, 5)
    for axis in (0, 1, -1):
        q = dorefa_weight(w, 3, scale, axis)
        for i in range(w.shape[axis]):
            assert torch.allclose(q.select(axis, i), dorefa_weight(w.select(axis, i), 3, scale), rtol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_large_weights_do_not_overflow(dtype):
    w = torch.full((500,), 6e4, dtype=dtype)
    assert torch.allclose(dorefa_weight(w, 2, "mean").double(), w.double())
