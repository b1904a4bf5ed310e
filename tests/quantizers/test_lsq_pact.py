"""LSQ and PACT: values on their grids, gradients as printed (end points included), and their place among the others."""

import math

import pytest
import torch
from quantizer_cases import randn

from qlab.quantizers import LSQ, PACT, QuantReLU, lsq, lsq_start, pact, quant_relu

X = torch.arange(-24, 40, dtype=torch.float64) / 8  # dyadic: every end point of the grids below is among them


def grads(f, x, s):
    """(value, d/dx, d/ds of each entry) for a scalar s."""
    x, s = x.clone().requires_grad_(), torch.full_like(x, s).requires_grad_()
    y = f(x, s)
    return y.detach(), *torch.autograd.grad(y.sum(), (x, s))


@pytest.mark.parametrize(("signed", "bits"), [(False, 1), (False, 2), (True, 2), (True, 3)])
def test_lsq_is_the_printed_rule_entry_by_entry(signed, bits):
    s, n = 0.5, len(X)
    low, high = (2 ** (bits - 1), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    y, dx, ds = grads(lambda x, s: lsq(x, s, bits, signed), X, s)
    for x, value, by_x, by_s in zip(X.tolist(), y.tolist(), dx.tolist(), ds.tolist(), strict=True):
        z = x / s
        k = math.copysign(math.floor(abs(z) + 0.5), z)
        wanted = (-low, 0, -low) if z <= -low else (high, 0, high) if z >= high else (k, 1, k - z)
        assert value == s * wanted[0]
        assert by_x == wanted[1]
        assert by_s == pytest.approx(wanted[2] / math.sqrt(n * high), abs=1e-15)


def test_the_scale_gradient_is_the_derivative_almost_everywhere_with_the_identity_through_rounding():
    """d/ds of s (z + (round(z) - z)) with the rounding error held: what the straight-through estimator makes of it."""
    x, s, h = randn(400), torch.tensor(0.37, dtype=torch.float64), 1e-6

    def held(t):
        z = (x / t).clamp(-4, 3)
        error = ((x / s).clamp(-4, 3)).round() - (x / s).clamp(-4, 3)
        return t * (z + error)

    slope = (held(s + h) - held(s - h)) / (2 * h)
    _, _, ds = grads(lambda x, s: lsq(x, s, 3, True, count=1), x, float(s))
    assert torch.allclose(ds * math.sqrt(3), slope, atol=1e-8)


def test_lsq_sums_over_the_rest_and_weighs_by_the_count():
    x = randn(6, 4)
    s = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    (one,) = torch.autograd.grad(lsq(x, s, 2).sum(), s)
    (four,) = torch.autograd.grad(lsq(x, s, 2, count=4).sum(), s)
    assert float(four / one) == pytest.approx(math.sqrt(24 / 4))
    module = LSQ(2, 0.3).double()
    module(x).sum().backward()
    assert float(module.scale.grad) == pytest.approx(float(four), rel=1e-6)  # 0.3 as a float32
    whole = LSQ(2, torch.tensor(0.3, dtype=torch.float64), per_example=False)
    whole(x).sum().backward()
    assert float(whole.scale.grad) == pytest.approx(float(one))


def test_lsq_learns_a_better_scale_than_it_starts_from():
    x = randn(512).abs()
    module = LSQ(2, lsq_start(x, 2)).double()
    first = ((module(x) - x) ** 2).mean().item()
    opt = torch.optim.SGD(module.parameters(), lr=1.0)
    for _ in range(200):
        opt.zero_grad()
        ((module(x) - x) ** 2).mean().backward()
        opt.step()
    assert ((module(x) - x) ** 2).mean().item() < first


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("rounding", ["nearest", "up"])
def test_pact_is_the_clipped_relu_rounded_with_its_derivatives(bits, rounding):
    c, top = 1.5, 2**bits - 1
    x = X
    y, dx, dc = grads(lambda x, c: pact(x, c, bits, rounding), x, c)
    ramp = x.clamp(0, c)
    error = y - ramp
    assert (error.abs() <= c / top / 2 + 1e-12).all() if rounding == "nearest" else (error > -1e-12).all()
    codes = y / (c / top)
    assert torch.allclose(codes, codes.round(), rtol=0, atol=1e-12)
    assert torch.equal(dx, ((x > 0) & (x <= c)).double())
    assert torch.equal(dc, (x > c).double())


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_pact_rounding_up_is_the_quantized_relu_with_the_2_valued_derivative(bits):
    """With c = (2^b - 1) s_x, value and d/dx are the same, and d/ds_x = (2^b - 1) d/dc."""
    top, s = 2**bits - 1, 0.25
    a = grads(lambda x, c: pact(x, c, bits, "up"), X, top * s)
    b = grads(lambda x, s: quant_relu(x, s, bits, "2-valued"), X, s)
    assert torch.equal(a[0], b[0])
    assert torch.equal(a[1], b[1])
    assert torch.equal(top * a[2], b[2])
    first, second = PACT(bits, top * s, "up"), QuantReLU(bits, s, "2-valued")
    x = X.float()
    for module in (first, second):
        (module(x) ** 2).sum().backward()
    assert torch.equal(first(x), second(x))
    assert float(second.resolution.grad) == pytest.approx(top * float(first.clip.grad))


def test_a_scale_or_clip_that_training_drives_to_zero_counts_as_its_floor_and_can_come_back():
    for module, name in ((LSQ(2, 0.5), "scale"), (PACT(2, 0.5), "clip")):
        with torch.no_grad():
            getattr(module, name).fill_(-1.0)
        y = module(X.float())
        y.sum().backward()
        assert y.isfinite().all()
        assert float(getattr(module, name).grad) != 0


def test_the_start_is_the_authors_and_never_zero():
    x = randn(100)
    assert lsq_start(x, 3, signed=True) == pytest.approx(2 * float(x.abs().mean()) / math.sqrt(3))
    assert lsq_start(torch.zeros(3), 2) > 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: lsq(X, 0.0, 2), "scale"),
        (lambda: lsq(X, 0.5, 1, signed=True), "from 2 bits"),
        (lambda: LSQ(1, signed=True), "from 2 bits"),
        (lambda: lsq(X, 0.5, 2, count=0), "count"),
        (lambda: lsq(X, torch.ones(3), 2), "scale has shape"),
        (lambda: pact(X, -1.0, 2), "clip"),
        (lambda: pact(X, 1.0, 2, "upp"), "did you mean 'up'"),
        (lambda: PACT(2, 1.0, "down"), "rounding"),
        (lambda: PACT(0), "bits"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_modules_say_what_they_are():
    assert "bits=3, signed=True" in repr(LSQ(3, signed=True))
    assert "rounding='up'" in repr(PACT(2, rounding="up"))
