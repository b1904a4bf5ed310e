"""`coarse`: exactly the value, exactly the declared derivative; the surrogates' end points."""

import pytest
import torch
from quantizer_cases import DTYPES, randn

from qlab.quantizers import activation_derivative, binary_unit, coarse, weight_derivative
from qlab.quantizers.ste import ACTIVATIONS, WEIGHTS

INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize("dtype", DTYPES)
def test_value_is_exact(dtype):
    x = randn(1000, dtype=dtype).requires_grad_()
    value = x.detach() * 1e-3 + 17
    y = coarse(value, (x, 1.0), (x, value))
    assert y.dtype == dtype
    assert torch.equal(y, value)


def test_gradient_is_the_declared_derivative_times_the_upstream_one():
    x, d, g = randn(50, seed=1).requires_grad_(), randn(50, seed=2), randn(50, seed=3)
    for declared in (d, d > 0, 1.0, -2.5):
        (dx,) = torch.autograd.grad(coarse(x.floor(), (x, declared)), x, g)
        assert torch.equal(dx, g * declared)


def test_several_arguments_and_broadcasting():
    x, s = randn(4, 5).requires_grad_(), torch.ones(4, 1, dtype=torch.float64, requires_grad=True)
    dx, ds, g = randn(4, 5, seed=1), randn(4, 5, seed=2), randn(4, 5, seed=3)
    grads = torch.autograd.grad(coarse(x * s, (x, dx), (s, ds)), (x, s), g)
    assert torch.equal(grads[0], g * dx)
    assert torch.allclose(grads[1], (g * ds).sum(1, keepdim=True), rtol=1e-14)


def test_the_declared_derivative_itself_is_not_differentiated():
    x = randn(5).requires_grad_()
    (dx,) = torch.autograd.grad(coarse(x.floor(), (x, x * x)).sum(), x)
    assert torch.equal(dx, x.detach() ** 2)


def test_non_finite_numbers_leave_the_value_alone():
    x = torch.tensor([INF, -INF, NAN, 1.0], requires_grad=True)
    value = torch.tensor([1.0, -1.0, NAN, INF])
    y = coarse(value, (x, torch.tensor([1.0, 0.0, 1.0, INF])))
    assert torch.equal(y[[0, 1, 3]], value[[0, 1, 3]])
    assert y[2].isnan()


def test_end_points_of_the_activation_surrogates():
    x = torch.tensor([-1.0, 0.0, 0.5, 2.0, 2.5])
    table = {"identity": [1, 1, 1, 1, 1], "relu": [0, 0, 1, 1, 1], "clipped-relu": [0, 0, 1, 1, 0]}
    assert table.keys() == ACTIVATIONS.keys()
    for name, expected in table.items():
        assert activation_derivative(x, name, top=2.0).tolist() == expected
        xg = x.clone().requires_grad_()
        y = binary_unit(xg, name, top=2.0)
        assert y.tolist() == [0, 0, 1, 1, 1]
        assert torch.autograd.grad(y.sum(), xg)[0].tolist() == expected


def test_end_points_of_the_weight_surrogates():
    w = torch.tensor([-1.5, -1.0, 0.0, 1.0, 1.5])
    table = {"identity": [1, 1, 1, 1, 1], "hardtanh": [0, 1, 1, 1, 0]}
    assert table.keys() == WEIGHTS.keys()
    for name, expected in table.items():
        assert weight_derivative(w, name, box=1.0).tolist() == expected


def test_surrogate_derivatives_are_the_slopes_of_their_functions():
    x = torch.tensor([-2.3, -0.7, 0.4, 1.1, 3.2], dtype=torch.float64)
    for surrogate in (*ACTIVATIONS.values(), *WEIGHTS.values()):
        for bound in (1.5, torch.tensor(1.5, dtype=torch.float64)):
            slope = (surrogate.function(x + 1e-6, bound) - surrogate.function(x - 1e-6, bound)) / 2e-6
            assert torch.allclose(surrogate.derivative(x, bound).double(), slope, atol=1e-8)
