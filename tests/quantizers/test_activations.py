"""Quantized ReLU and DoReFa's activation: values, declared derivatives, the fused form equal to the coarse one."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from quantizer_cases import DTYPES, few, vectors

from qlab.quantizers import DERIVATIVES, DoReFaActivation, QuantReLU, dorefa_activation, dorefa_round, quant_relu
from qlab.quantizers.activations import SMALLEST, FusedDoReFa, FusedQuantReLU, coarse_quant_relu

INF = float("inf")


def dyadic(dtype, shape=(3, 40, 5)):
    """Multiples of 1/16 around every end point, and the infinities: all products and sums below are exact."""
    n = torch.Size(shape).numel()
    x = (torch.arange(n) * 37 % 96 - 32).reshape(shape) / 16
    x.view(-1)[:2] = torch.tensor([INF, -INF])
    g = (torch.arange(n) * 29 % 17 - 8).reshape(shape) / 8
    return x.to(dtype), g.to(dtype)


def value_and_grads(f, x, s, g):
    x, s = x.clone().requires_grad_(), s.clone().requires_grad_()
    y = f(x, s)
    return y.detach(), *torch.autograd.grad(y, (x, s), g)


def test_staircase_and_derivatives_by_hand():
    """bits 2, s_x = 1/2, top 3/2: x = k s_x belongs to level k."""
    x = torch.tensor([-1.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 1.75])
    s = torch.tensor([0.5])
    k = [0, 0, 1, 1, 2, 2, 3, 3]
    ds = {"ae": k, "3-valued": [0, 0, 2, 2, 2, 2, 2, 3], "2-valued": [0, 0, 0, 0, 0, 0, 0, 3]}
    assert tuple(ds) == DERIVATIVES
    for name, expected in ds.items():
        xg, sg = x.clone().requires_grad_(), s.expand(8).clone().requires_grad_()
        y = quant_relu(xg, sg, 2, name)
        assert y.tolist() == [c / 2 for c in k]
        dx, dsx = torch.autograd.grad(y.sum(), (xg, sg))
        assert dx.tolist() == [0, 0, 1, 1, 1, 1, 1, 0]
        assert dsx.tolist() == expected


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_the_ae_derivative_is_the_derivative_almost_everywhere(bits):
    x = torch.linspace(-0.97, 3.01, 200, dtype=torch.float64)
    s, h = torch.tensor([0.3], dtype=torch.float64), 1e-7
    slope = (quant_relu(x, s + h, bits) - quant_relu(x, s - h, bits)) / (2 * h)
    sg = s.expand(200).clone().requires_grad_()
    (ds,) = torch.autograd.grad(quant_relu(x, sg, bits, "ae").sum(), sg)
    assert torch.allclose(ds, slope, atol=1e-6)


@pytest.mark.parametrize("bits", [1, 2, 3, 5])
def test_the_middle_value_is_the_mean_of_the_ae_one_over_the_ramp(bits):
    s, top = torch.tensor(0.25, dtype=torch.float64), 2**bits - 1
    x = (torch.arange(top, dtype=torch.float64) + 0.5) * s  # one point on each step
    means = []
    for name in ("ae", "3-valued"):
        sg = s.clone().requires_grad_()
        means.append(torch.autograd.grad(quant_relu(x, sg, bits, name).mean(), sg)[0])
    assert torch.allclose(means[0], means[1], rtol=1e-14)


@few
@given(vectors(), st.sampled_from([1, 2, 4]), st.sampled_from([0.125, 0.5, 2.0]))
def test_quantized_relu_lies_above_the_ramp_by_less_than_a_step_and_keeps_its_levels(x, bits, s):
    y, top = quant_relu(x, s, bits), (2**bits - 1) * s
    ramp = x.clamp(0, top)
    assert ((y >= ramp) & (y < ramp + s)).all()
    assert torch.equal(y / s, (y / s).round())
    assert torch.equal(quant_relu(y, s, bits), y)


@pytest.mark.parametrize("derivative", DERIVATIVES)
@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("shape", [(), (1,), (3, 1, 1), (5,)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_fused_equals_coarse_bitwise(derivative, bits, shape, dtype):
    x, g = dyadic(dtype)
    s = torch.full(shape, 0.25, dtype=torch.promote_types(dtype, torch.float32))
    fused = value_and_grads(lambda x, s: FusedQuantReLU.apply(x, s, bits, derivative), x, s, g)
    for a, b in zip(
        fused, value_and_grads(lambda x, s: coarse_quant_relu(x, s, bits, derivative), x, s, g), strict=True
    ):
        assert a.dtype == b.dtype
        assert torch.equal(a, b)


@pytest.mark.parametrize("bits", [1, 2, 3, 8])
@pytest.mark.parametrize("dtype", DTYPES)
def test_fused_dorefa_equals_coarse_bitwise(bits, dtype):
    x, g = dyadic(dtype)
    results = []
    for f in (lambda x: dorefa_activation(x, bits), lambda x: FusedDoReFa.apply(x, bits)):
        xg = x.nan_to_num(posinf=9, neginf=-9).requires_grad_()
        y = f(xg)
        results.append((y.detach(), torch.autograd.grad(y, xg, g)[0]))
    for a, b in zip(*results, strict=True):
        assert torch.equal(a, b)


def test_dorefa_activation_by_hand():
    """bits 2, n = 3: a tie at 1/6 and 1/2 goes up; derivative 1 on (0, 1]."""
    x = torch.tensor([-0.5, 0.0, 0.125, 0.25, 0.5, 0.75, 1.0, 1.5], requires_grad=True)
    y = dorefa_activation(x, 2)
    assert torch.equal(y.detach(), torch.tensor([0, 0, 0, 1, 2, 2, 3, 3]) / 3)
    assert torch.autograd.grad(y.sum(), x)[0].tolist() == [0, 0, 1, 1, 1, 1, 1, 0]


@few
@given(st.integers(1, 8))
def test_dorefa_round_has_its_levels_and_is_idempotent(bits):
    n = 2**bits - 1
    levels = torch.arange(n + 1, dtype=torch.float64) / n
    z = torch.linspace(0, 1, 1001, dtype=torch.float64)
    r = dorefa_round(z, bits)
    assert (r.unsqueeze(-1) == levels).any(-1).all()
    assert torch.equal(dorefa_round(r, bits), r)
    assert (r - z).abs().max() <= 0.5 / n + 1e-15


@pytest.mark.parametrize("fused", [True, False])
def test_modules_are_the_functions(fused):
    x, g = dyadic(torch.float32)
    for derivative in DERIVATIVES:
        m = QuantReLU(2, 0.25, derivative, fused=fused)
        y = m(x.clone().requires_grad_())
        y.backward(g)
        expected = value_and_grads(lambda x, s, d=derivative: coarse_quant_relu(x, s, 2, d), x, torch.tensor(0.25), g)
        assert torch.equal(y.detach(), expected[0])
        assert torch.equal(m.resolution.grad, expected[2])
    x = x.nan_to_num(posinf=9, neginf=-9)
    assert torch.equal(DoReFaActivation(3, fused=fused)(x), dorefa_activation(x, 3))


def test_module_surrogates():
    x = torch.tensor([-1.0, 0.5, 9.0], requires_grad=True)
    for name, expected in {"identity": [1, 1, 1], "relu": [0, 1, 1], "clipped-relu": [0, 1, 0]}.items():
        (dx,) = torch.autograd.grad(QuantReLU(2, 0.5, surrogate=name)(x).sum(), x)
        assert dx.tolist() == expected


def test_module_starts_with_top_level_one_and_trains_its_resolution():
    m = QuantReLU(3)
    assert m.resolution.item() == pytest.approx(1 / 7)
    x = torch.rand(100, generator=torch.Generator().manual_seed(0)) * 3
    losses = []
    opt = torch.optim.SGD(m.parameters(), lr=0.01)
    for _ in range(30):
        opt.zero_grad()
        loss = ((m(x) - x) ** 2).mean()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_a_resolution_driven_to_zero_stays_positive_and_recovers():
    m = QuantReLU(2)
    with torch.no_grad():
        m.resolution.fill_(-1.0)
    y = m(torch.tensor([1.0]))
    assert y.item() == pytest.approx(3 * SMALLEST)
    y.backward()
    assert m.resolution.grad == 3


def test_runs_have_their_own_resolution():
    x, g = dyadic(torch.float64)
    s = torch.tensor([0.25, 0.5, 1.0], dtype=torch.float64).reshape(3, 1, 1)
    stacked = value_and_grads(lambda x, s: FusedQuantReLU.apply(x, s, 2, "3-valued"), x, s, g)
    for i in range(3):
        alone = value_and_grads(lambda x, s: FusedQuantReLU.apply(x, s, 2, "3-valued"), x[i], s[i, 0, 0], g[i])
        assert torch.equal(stacked[0][i], alone[0])
        assert torch.equal(stacked[1][i], alone[1])
        assert torch.equal(stacked[2][i, 0, 0], alone[2])


def test_nan_stays_nan():
    x = torch.tensor([float("nan"), 1.0])
    for f in (QuantReLU(2), QuantReLU(2, fused=False), DoReFaActivation(2), DoReFaActivation(2, fused=False)):
        y = f(x)
        assert y[0].isnan()
        assert y[1].isfinite()
