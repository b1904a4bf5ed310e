"""What rules and modules call: no wait for the device, one graph, liftable over runs."""

import pytest
import torch
from quantizer_cases import BOUNDED, randn
from torch.utils._python_dispatch import TorchDispatchMode

from qlab.quantizers import Grid, coarse
from qlab.quantizers.activations import DERIVATIVES, DoReFaActivation, QuantReLU, coarse_quant_relu
from qlab.quantizers.dorefa import weight
from qlab.quantizers.ste import ACTIVATIONS, WEIGHTS

GRIDS = [
    *(Grid(g.bits, g.family, lloyd_steps=2) for g in BOUNDED),
    Grid(4, scale="max"),
    Grid(2, "dorefa", scale="mean"),
    Grid(family="lattice", spacing=0.5),
    Grid(family="lattice", spacing=torch.tensor([0.5, 0.25, 1.0])),
]
all_grids = pytest.mark.parametrize("grid", GRIDS, ids=lambda g: f"{g.family}-{g.bits}-{g.scale}")

# Operators whose result the host has to read.
WAITS = ("_local_scalar_dense", "is_nonzero", "nonzero", "equal", "masked_select", "item")


class NoSync(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        assert name not in WAITS, f"{name} waits for the device"
        return func(*args, **(kwargs or {}))


def quantize(grid, w, u):
    s = grid.scale_of(w, 1)
    s = grid.scale_of(w, 1, init=s)
    return grid.nearest(w, s), grid.stochastic(w, s, u), grid.codes(w, s)


def test_the_watch_sees_a_wait():
    with NoSync(), pytest.raises(AssertionError, match="waits"):
        torch.ones(1).item()


@all_grids
def test_grids_never_wait(grid):
    w, u = randn(3, 4), torch.full((3, 4), 0.5)
    with NoSync():
        quantize(grid, w, u)
    if not isinstance(grid.spacing, torch.Tensor):
        for q in quantize(grid, w.to("meta"), u.to("meta")):  # a device that holds no numbers to look at
            assert q.shape == w.shape


def test_modules_and_coarse_forms_never_wait():
    x = randn(3, 4, dtype=torch.float32).requires_grad_()
    modules = [QuantReLU(2, 0.5, d, fused=f) for d in DERIVATIVES for f in (True, False)]
    modules += [DoReFaActivation(2, fused=f) for f in (True, False)]
    with NoSync():
        for module in modules:
            module(x).sum().backward()
        weight(x, 2, "mean").sum().backward()
        for surrogate in (*ACTIVATIONS.values(), *WEIGHTS.values()):
            coarse(x.floor(), (x, surrogate.derivative(x, 1.0))).sum().backward()


@pytest.mark.parametrize("grid", GRIDS[1::2], ids=lambda g: f"{g.family}-{g.bits}-{g.scale}")
def test_grids_compile_into_one_graph(grid):
    w, u = randn(3, 4), torch.full((3, 4), 0.5)
    torch.compiler.reset()
    compiled = torch.compile(lambda w, u: quantize(grid, w, u), backend="eager", fullgraph=True)
    for a, b in zip(compiled(w, u), quantize(grid, w, u), strict=True):
        assert torch.equal(a, b)


def test_modules_compile_into_one_graph():
    for module in (QuantReLU(2, 0.5), QuantReLU(2, 0.5, "ae", fused=False), DoReFaActivation(2)):
        torch.compiler.reset()
        grads = []
        for f in (module, torch.compile(module, backend="eager", fullgraph=True)):
            x = randn(3, 4, dtype=torch.float32).requires_grad_()
            y = f(x)
            y.sum().backward()
            grads.append((y.detach(), x.grad))
        for a, b in zip(*grads, strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("grid", [g for g in GRIDS if not isinstance(g.spacing, torch.Tensor)], ids=str)
def test_grids_lift_over_runs(grid):
    w, u = randn(3, 4, 2), torch.rand(3, 4, 2, generator=torch.Generator().manual_seed(0))

    def one(w, u):
        s = grid.scale_of(w)
        return grid.nearest(w, s), grid.stochastic(w, s, u), grid.codes(w, s)

    for lifted, i in zip(torch.vmap(one)(w, u), range(3), strict=True):
        for run in range(3):
            assert torch.allclose(lifted[run], one(w[run], u[run])[i], rtol=1e-14)


@pytest.mark.parametrize("derivative", DERIVATIVES)
def test_quantized_relu_lifts_over_runs_with_its_gradient(derivative):
    x, s = randn(3, 50), torch.tensor([0.25, 0.5, 1.0], dtype=torch.float64)
    module = QuantReLU(2, 0.5, derivative)

    def loss(s, x):
        return (torch.func.functional_call(module, {"resolution": s}, (x,)) ** 2).sum()

    def coarse_loss(s, x):
        return (coarse_quant_relu(x, s, 2, derivative) ** 2).sum()

    lifted = torch.vmap(torch.func.grad(loss, argnums=(0, 1)))(s, x)
    for run in range(3):
        for a, b in zip(lifted, torch.func.grad(coarse_loss, argnums=(0, 1))(s[run], x[run]), strict=True):
            assert torch.allclose(a[run], b, rtol=1e-13)
