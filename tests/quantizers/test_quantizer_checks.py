"""Bad input to a public function: an error that names the argument, what was given and what is allowed."""

import re

import pytest
import torch

import qlab.quantizers as q

W, U, L = torch.tensor([0.5, -1.0]), torch.tensor([0.5, 0.5]), torch.tensor([-1.0, 1.0])
EMPTY, INTS = torch.empty(0, 3), torch.tensor([1, 2])
NAN, INF = torch.tensor([0.0, float("nan")]), torch.tensor([float("inf")])

# Every public function of one tensor, called on x.
OF_A_TENSOR = {
    "round_half_away": (q.round_half_away, "x"),
    "nearest": (lambda w: q.nearest(w, L), "w"),
    "q_d": (lambda w: q.q_d(w, 0.5), "w"),
    "q_s": (lambda w: q.q_s(w, 0.5, U), "w"),
    "stochastic_binarize": (lambda w: q.stochastic_binarize(w, U), "w"),
    "project": (lambda w: q.project(w, 2), "w"),
    "dorefa_weight": (lambda w: q.dorefa_weight(w, 2), "w"),
    "dorefa_activation": (lambda x: q.dorefa_activation(x, 2), "x"),
    "dorefa_round": (lambda z: q.dorefa_round(z, 2), "z"),
    "quant_relu": (lambda x: q.quant_relu(x, 0.5, 2), "x"),
    "activation_derivative": (q.activation_derivative, "x"),
    "weight_derivative": (q.weight_derivative, "w"),
    "binary_unit": (q.binary_unit, "x"),
}
# Every public call that takes bits.
OF_BITS = {
    "Grid": q.Grid,
    "project": lambda b: q.project(W, b),
    "dorefa_weight": lambda b: q.dorefa_weight(W, b),
    "dorefa_activation": lambda b: q.dorefa_activation(W, b),
    "dorefa_round": lambda b: q.dorefa_round(W, b),
    "quant_relu": lambda b: q.quant_relu(W, 0.5, b),
    "QuantReLU": q.QuantReLU,
    "DoReFaActivation": q.DoReFaActivation,
}
# Every public call that takes a positive number, and its name.
OF_A_POSITIVE = {
    "q_d": (lambda s: q.q_d(W, s), "spacing"),
    "q_s": (lambda s: q.q_s(W, s, U), "spacing"),
    "Grid": (lambda s: q.Grid(family="lattice", spacing=s), "spacing"),
    "stochastic_binarize": (lambda s: q.stochastic_binarize(W, U, s), "scale"),
    "quant_relu": (lambda s: q.quant_relu(W, s, 2), "resolution"),
    "QuantReLU": (lambda s: q.QuantReLU(2, s), "resolution"),
    "activation_derivative": (lambda s: q.activation_derivative(W, "relu", s), "top"),
    "weight_derivative": (lambda s: q.weight_derivative(W, "hardtanh", s), "box"),
}


def refused(call, kind, *fragments):
    with pytest.raises(kind) as caught:
        call()
    for fragment in (*fragments, "allowed: "):
        assert re.search(re.escape(fragment), str(caught.value)), f"{fragment!r} not in {caught.value}"


@pytest.mark.parametrize("name", OF_A_TENSOR)
def test_bad_tensors(name):
    f, argument = OF_A_TENSOR[name]
    refused(lambda: f([1.0, 2.0]), TypeError, f"{argument} is list", f"torch.as_tensor({argument})")
    refused(lambda: f(INTS), TypeError, f"{argument} has dtype torch.int64", "floating-point", f"{argument}.float()")
    refused(lambda: f(EMPTY), ValueError, f"{argument} is empty", "(0, 3)", "at least one element")
    refused(lambda: f(NAN), ValueError, f"{argument} has 1 non-finite", "nan at (1,)", "finite numbers")
    refused(lambda: f(INF), ValueError, f"{argument} has 1 non-finite", "inf at (0,)")


@pytest.mark.parametrize("name", OF_BITS)
def test_bad_bits(name):
    f = OF_BITS[name]
    refused(lambda: f(0), ValueError, "bits = 0", "1 to 16")
    refused(lambda: f(-3), ValueError, "bits = -3")
    refused(lambda: f(17), ValueError, "bits = 17")
    refused(lambda: f(2.5), TypeError, "bits = 2.5", "an integer from 1 to 16", "did you mean 2?")
    refused(lambda: f("2"), TypeError, "bits = '2'")
    refused(lambda: f(True), TypeError, "bits = True")


@pytest.mark.parametrize("name", OF_A_POSITIVE)
def test_bad_positive_numbers(name):
    f, argument = OF_A_POSITIVE[name]
    for bad in (0, -0.5, float("nan"), float("inf")):
        refused(lambda bad=bad: f(bad), ValueError, f"{argument} = {bad!r}", "greater than 0")
    refused(lambda: f("one"), TypeError, f"{argument} = 'one'")
    if name != "Grid":  # a grid does not read its tensors
        refused(lambda: f(torch.tensor([0.0])), ValueError, argument, "0.0", "greater than 0")
        refused(lambda: f(torch.tensor([1])), TypeError, f"{argument} has dtype torch.int64")


def test_bad_levels():
    def near(*levels):
        return lambda: q.nearest(W, torch.tensor(levels))

    refused(near(1.0, -1.0), ValueError, "levels is not sorted: 1.0 before -1.0", "strictly increasing")
    refused(near(-1.0, 0.5, 0.5), ValueError, "levels has the value 0.5 twice")
    refused(near(0.0, float("nan")), ValueError, "levels has 1 non-finite")
    refused(near(0, 1), TypeError, "levels has dtype torch.int64")
    refused(near(), ValueError, "levels is empty")
    refused(lambda: q.nearest(W, L.reshape(2, 1)), ValueError, "levels has shape (2, 1)", "one dimension")
    close = torch.tensor([1.0, 1.0 + 2**-40], dtype=torch.float64)
    refused(lambda: q.nearest(W, close), ValueError, "levels in torch.float32", "twice")


def test_bad_uniforms():
    for f in (lambda u: q.q_s(W, 0.5, u), lambda u: q.stochastic_binarize(W, u)):
        refused(lambda f=f: f(torch.tensor([0.5, 1.0])), ValueError, "u lies between 0.5 and 1.0", "[0, 1)")
        refused(lambda f=f: f(torch.tensor([-0.1, 0.5])), ValueError, "u lies between")
        refused(lambda f=f: f(torch.rand(3)), ValueError, "u has shape (3,)", "(2,)")
        refused(lambda f=f: f(torch.tensor([0, 0])), TypeError, "u has dtype torch.int64")


def test_bad_shapes_and_axes():
    refused(lambda: q.q_d(W, torch.ones(3)), ValueError, "spacing has shape (3,)", "(2,)")
    refused(lambda: q.quant_relu(W, torch.ones(4, 2), 2), ValueError, "resolution has shape (4, 2)")
    for f in (lambda a: q.project(W, 2, a), lambda a: q.dorefa_weight(W, 2, axis=a)):
        refused(lambda f=f: f(1), ValueError, "axis = 1", "-1 to 0")
        refused(lambda f=f: f(0.0), TypeError, "axis = 0.0")


def test_bad_lloyd_settings():
    refused(lambda: q.project(W, 3, steps=0), ValueError, "steps = 0", "at least 1")
    refused(lambda: q.project(W, 3, steps=1.5), TypeError, "steps = 1.5")
    refused(lambda: q.Grid(3, lloyd_steps=0), ValueError, "lloyd_steps = 0")
    refused(lambda: q.project(W, 3, init=torch.tensor([-1.0])), ValueError, "init has the value -1.0", "at least 0")
    refused(lambda: q.project(W, 3, init=torch.ones(2)), ValueError, "init has shape (2,)", "(1,)")


def test_unknown_names_come_with_the_nearest_one():
    refused(lambda: q.Grid(family="symetric"), ValueError, "unknown family 'symetric'", "did you mean 'symmetric'?")
    refused(lambda: q.Grid(scale="meen"), ValueError, "unknown scale 'meen'", "did you mean 'mean'?")
    refused(lambda: q.quant_relu(W, 0.5, 2, "3valued"), ValueError, "unknown derivative", "did you mean '3-valued'?")
    refused(lambda: q.QuantReLU(2, derivative="a.e."), ValueError, "unknown derivative 'a.e.'")
    refused(lambda: q.binary_unit(W, "Relu"), ValueError, "unknown surrogate 'Relu'", "did you mean 'relu'?")
    refused(lambda: q.weight_derivative(W, "relu"), ValueError, "unknown surrogate 'relu'", "identity, hardtanh")
    refused(lambda: q.dorefa_weight(W, 2, "max"), ValueError, "unknown scale 'max'", "one, mean")
