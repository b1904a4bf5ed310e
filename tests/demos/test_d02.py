"""Demo D2: declared slopes are the library's backward pass, seen slopes are differences, the sentence is the data."""

import re

import numpy as np
import pytest
import torch

from qlab.demos import look
from qlab.demos.d02_staircase import VIEW, Staircase
from qlab.demos.patch import diff
from qlab.quantizers import QuantReLU
from qlab.schema.lessons import Lesson02

DEMO = Staircase()


def compute(**changes):
    return DEMO.compute(Lesson02().replace(**changes))


def ends():
    for name in (*DEMO.controls, *DEMO.more):
        control = Lesson02.control(name)
        values = control.choices if control.kind == "choice" else (control.min, control.max)
        yield from ((name, value) for value in values if value != control.default)


@pytest.mark.parametrize("by", ["x", "resolution"])
@pytest.mark.parametrize(("name", "value"), [e for e in ends() if e[0] != "DERIVATIVE"])
def test_every_control_changes_the_sentence_and_stays_finite(name, value, by):
    before, after = compute(DERIVATIVE=by), compute(DERIVATIVE=by, **{name: value})
    assert DEMO.alt(before) != DEMO.alt(after)
    changes = diff(DEMO.figure(before), DEMO.figure(after))
    assert {path for _, path, _ in changes} <= {"x", "y", "text"}, "only marks move"
    for curve in (after.stairs, after.ramp, after.blurred, after.slope, after.declared):
        assert np.isfinite(np.concatenate(curve)).all()
        assert curve[0][0] == VIEW[0]
        assert curve[0][-1] == VIEW[1]
    numbers = (after.gap, after.own, after.declared_mean, after.ramp_mean, *after.inside, after.above)
    assert np.isfinite(numbers).all()


def test_the_variable_of_the_derivative_changes_figure_and_sentence():
    a, b = compute(), compute(DERIVATIVE="resolution")
    assert DEMO.alt(a) != DEMO.alt(b)
    assert not any(where == "layout" for where, *_ in diff(DEMO.figure(a), DEMO.figure(b)))


def value_at(curve, x):
    """A curve with corners at points that are none of its corners."""
    return np.interp(x, *curve)


@pytest.mark.parametrize("by", ["x", "resolution"])
@pytest.mark.parametrize("surrogate", ["3-valued", "2-valued"])
@pytest.mark.parametrize(("bits", "s"), [(1, 0.5), (2, 0.5), (3, 0.25), (4, 0.125)])
def test_the_declared_slope_is_the_autograd_of_the_module_on_dyadic_points(bits, s, surrogate, by):
    data = compute(ACT_BITS=bits, RESOLUTION=s, SURROGATE=surrogate, DERIVATIVE=by)
    x = torch.arange(-3, 19, dtype=torch.float64) / 8 + 1 / 64  # no corner: those are multiples of 1/8
    x = x.requires_grad_()
    layer = QuantReLU(bits, torch.full_like(x, s), surrogate)
    layer(x).sum().backward()
    wanted = x.grad if by == "x" else layer.resolution.grad / (2**bits - 1)
    np.testing.assert_array_equal(value_at(data.declared, x.detach().numpy()), wanted.numpy())


def test_the_true_slope_is_what_autograd_finds():
    data = compute(SURROGATE="ae")
    assert not data.slope[1].any()
    assert not data.declared[1].any()
    a_e = compute(SURROGATE="ae", DERIVATIVE="resolution")
    np.testing.assert_array_equal(a_e.declared[1], a_e.slope[1])
    np.testing.assert_array_equal(data.spikes, [0.0, 0.5, 1.0])


@pytest.mark.parametrize("h", [0.25, 0.5, 1.0])
def test_a_slope_seen_is_the_difference_over_the_width(h):
    s, x = 0.5, (np.arange(-3, 19) / 8 + 1 / 64)
    sigma = QuantReLU(2, s)
    with torch.no_grad():
        y = [sigma(torch.tensor(v)).numpy() for v in (x, x - h * s)]
    np.testing.assert_allclose(value_at(compute(STEP_BACK=h).slope, x), (y[0] - y[1]) / (h * s), atol=1e-12)
    r = [QuantReLU(2, s * (1 + side * h / 2)) for side in (1, -1)]
    with torch.no_grad():
        y = [sigma(torch.tensor(x)).numpy() for sigma in r]
    seen = value_at(compute(STEP_BACK=h, DERIVATIVE="resolution").slope, x)
    corners = np.concatenate([np.arange(4) * s * (1 + side * h / 2) for side in (1, -1)])
    away = np.abs(x[:, None] - corners).min(1) > 1e-6
    np.testing.assert_allclose(seen[away], ((y[0] - y[1]) / (h * s) / 3)[away], atol=1e-6)


def test_at_one_level_the_curves_fall_together():
    data = compute(STEP_BACK=1.0)
    x = np.linspace(*VIEW, 333)
    np.testing.assert_allclose(value_at(data.blurred, x), value_at(data.ramp, x), atol=1e-12)
    assert data.gap == pytest.approx(0, abs=1e-12)
    np.testing.assert_array_equal(data.slope[1][data.slope[1] > 0], 1.0)
    assert data.own == pytest.approx(data.declared_mean)


def test_the_sentence_and_the_key_numbers_are_the_data():
    def bold(data):
        return re.findall(r"\*\*(.+?)\*\*", DEMO.alt(data))

    data = compute()
    assert bold(data) == ["3", "0", "0.5", "1", "1.5"]
    assert (data.n, data.gap, data.inside[1], data.end) == (3, 0.5, 1.0, 1.5)
    assert [key.value for key in DEMO.keys(data)] == ["0", "1", "0.5"]
    data = compute(STEP_BACK=0.4)
    assert bold(data) == ["0.4", "3", "2.5", "0.3", "1", "1.5"]
    assert data.gap == pytest.approx(0.3)
    assert data.slope[1].max() == pytest.approx(2.5)
    data = compute(DERIVATIVE="resolution", ACT_BITS=3)
    assert bold(data) == ["4", "4", "7"]
    assert (data.own, data.inside[0], data.above) == (pytest.approx(4), 4, 7)
    data = compute(DERIVATIVE="resolution", STEP_BACK=0.5)
    assert bold(data)[:2] == [look.fmt(data.own, 3), look.fmt(data.ramp_mean, 3)]
    assert DEMO.keys(data)[0].value == look.fmt(data.own)
    assert "nothing below" in DEMO.alt(compute(SURROGATE="ae"))


@pytest.mark.parametrize("bits", range(1, 9))
def test_the_document_mark_is_the_mean_of_the_stairs(bits):
    data = compute(ACT_BITS=bits, DERIVATIVE="resolution")
    assert data.own == pytest.approx(2 ** (bits - 1))
    traces = DEMO.figure(data)["data"]
    words = next(number for number, t in enumerate(traces) if "document" in str(t.get("text", "")))
    assert traces[words]["text"][0].endswith(f"= {2 ** (bits - 1)}")
    assert traces[words - 1]["y"] * data.n == pytest.approx(2 ** (bits - 1))  # the mark under its words


@pytest.mark.parametrize("changes", DEMO.presets.values())
def test_presets_are_allowed(changes):
    assert np.isfinite(compute(**changes).gap)


@pytest.mark.parametrize("h", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("by", ["x", "resolution"])
def test_one_bit_is_one_stair_in_words_too(by, h):
    one = DEMO.alt(compute(ACT_BITS=1, DERIVATIVE=by, STEP_BACK=h))
    assert not re.search(r"jumps|blur into|each of|1 to 1|falls of", one)
    two = DEMO.alt(compute(ACT_BITS=2, DERIVATIVE=by, STEP_BACK=h))
    assert not re.search(r"jump\b|blurs|one stair|single", two)
