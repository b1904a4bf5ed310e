"""Demos D1 and D1b: the picture and the sentence are the quantizers' own errors; every control moves both."""

import re

import numpy as np
import pytest
import torch

from qlab.demos import look
from qlab.demos.d01_projection import FACTORS, Projection
from qlab.demos.d01_ptq import PostTraining
from qlab.demos.patch import diff
from qlab.experiments import ptq
from qlab.experiments.projection import drawn
from qlab.quantizers import Grid
from qlab.schema.lessons import Lesson01

FAST = {"TRAIN_STEPS": 20}
D1, D1B = Projection(), PostTraining()


def compute(demo, **changes):
    return demo.compute(Lesson01().replace(**FAST, **changes))


def ends(demo):
    for name in (*demo.controls, *demo.more):
        control = Lesson01.control(name)
        values = {"slider": (control.min, control.max), "toggle": (False, True)}.get(control.kind, control.choices)
        yield from ((demo, name, value) for value in values if value != control.default)


def numbers(data):
    for value in vars(data).values():
        if isinstance(value, (float, np.ndarray)):
            yield value


def direct(w, grid, s):
    """|Q(w) - w|² / |w|² by the quantizer itself."""
    w = torch.from_numpy(w)
    return float(((grid.nearest(w, torch.tensor(s, dtype=w.dtype)) - w) ** 2).sum() / (w**2).sum())


@pytest.mark.parametrize(("demo", "name", "value"), list(ends(D1)) + list(ends(D1B)))
def test_every_control_changes_figure_and_sentence_and_axes_stand_still(demo, name, value):
    before, after = compute(demo), compute(demo, **{name: value})
    changes = diff(demo.figure(before), demo.figure(after))
    assert changes
    assert not any(where == "layout" for where, *_ in changes)
    assert demo.alt(before) != demo.alt(after)
    assert all(np.isfinite(x).all() for x in numbers(after))
    assert "nan" not in demo.alt(after).lower()


@pytest.mark.parametrize("name", ["SCALE", "BITS", "LLOYD_STEPS", "N"])
def test_a_drag_moves_only_fast_attributes(name):
    value = {"SCALE": 1.3, "BITS": 8, "LLOYD_STEPS": 100, "N": 200}[name]
    changes = diff(D1.figure(compute(D1)), D1.figure(compute(D1, **{name: value})))
    assert {path for _, path, _ in changes} <= {"x", "y", "text"}


@pytest.mark.parametrize("family", ["symmetric", "dorefa"])
@pytest.mark.parametrize("bits", [1, 2, 3, 8])
def test_errors_are_those_of_the_quantizer(bits, family):
    data = compute(D1, BITS=bits, FAMILY=family, N=200, SCALE=0.7, LLOYD_STEPS=2)
    w = drawn("gaussian", 200)
    w /= np.sqrt(np.mean(w**2))
    best = data.spacing / 0.7
    assert data.error == pytest.approx(direct(w, data.grid, 0.7 * best), rel=1e-9)
    assert data.best_error == pytest.approx(direct(w, data.grid, best), rel=1e-9)
    for k in (0, 60, 120):
        assert data.curve[k] == pytest.approx(direct(w, data.grid, FACTORS[k] * best), rel=1e-9)
    for factor, error in zip(data.path, data.path_error, strict=True):
        assert error == pytest.approx(direct(w, data.grid, factor * best), rel=1e-9)


def test_the_marked_optimum_is_below_the_whole_curve_and_below_every_lloyd_step():
    for bits in range(1, 9):
        data = compute(D1, BITS=bits, N=930, LLOYD_STEPS=100)
        assert data.best_error <= min(data.curve.min(), data.path_error.min()) * (1 + 1e-9)


def test_levels_are_the_grid_and_the_stems_count_the_weights():
    data = compute(D1, BITS=3, SCALE=0.5, N=2000)
    scale = data.spacing
    assert np.allclose(data.levels, scale * data.grid.levels().numpy())
    w = drawn("gaussian", 2000)
    w /= np.sqrt(np.mean(w**2))
    codes = data.grid.codes(torch.from_numpy(w), torch.tensor(scale, dtype=torch.float64)).numpy()
    counts = np.array([(codes == code).sum() for code in data.grid.levels().numpy()])
    assert np.allclose(data.occupied, counts / counts.max())


def test_the_number_of_lloyd_steps_is_the_librarys():
    for steps in (1, 2, 10):
        data = compute(D1, BITS=4, N=2000, LLOYD_STEPS=steps)
        w = drawn("gaussian", 2000)
        w = torch.from_numpy(w / np.sqrt(np.mean(w**2)))
        s = Grid(4, lloyd_steps=steps).scale_of(w)
        assert data.path[-1] * data.spacing / data.factor == pytest.approx(float(s), rel=1e-12)
        assert data.path.size == steps + 1


def test_the_document_mark_is_one_lloyd_step_or_the_exact_scale():
    three, two = compute(D1, BITS=3, LLOYD_STEPS=10), compute(D1, BITS=2)
    mark = D1.figure(three)["data"][-1]
    assert mark["x"][0] == three.path[1]
    assert "one step" in mark["text"][1]
    mark = D1.figure(two)["data"][-1]
    assert mark["x"][0] == 1
    assert "exact" in mark["text"][1]


def test_d1_says_its_numbers():
    data = compute(D1)
    bold = re.findall(r"\*\*(.+?)\*\*", D1.alt(data))
    more = look.percent(data.lloyd_error / data.best_error - 1)
    share = look.percent(data.clipping / data.error)
    wanted = ["20 000", look.fmt(data.best_error, 3), look.fmt(data.lloyd_error, 3), more]
    assert bold == [*wanted, "0.5", look.fmt(data.error, 3), share]
    assert data.grid.describe() in D1.alt(data)
    keys = [look.fmt(data.error), look.fmt(data.lloyd_error), look.fmt(data.best_error)]
    assert [key.value for key in D1.keys(data)] == keys


def test_d1_tells_the_cases_apart():
    assert "it clipping" in D1.alt(compute(D1, SCALE=0.2))
    assert "it rounding" in D1.alt(compute(D1, SCALE=2.0))
    assert "no more" in D1.alt(compute(D1, BITS=1))
    lattice = compute(D1, FAMILY="lattice", SCALE=1.0)
    assert lattice.clipping == 0
    assert f"**{lattice.used}** levels" in D1.alt(lattice)


def test_a_scale_per_channel_is_never_worse():
    for bits in (1, 2, 3):
        one, many = compute(D1, BITS=bits), compute(D1, BITS=bits, PER_CHANNEL=True)
        assert many.best_error <= one.best_error


def test_trained_weights_are_the_first_layer_of_the_networks():
    data = compute(D1, DISTRIBUTION="trained", SCALE=1.0)
    w = ptq.train(0, 10, 20).matrices("first")["layers.0.weight"][0].double().numpy()
    assert data.n == w.size
    unit = np.sqrt(np.mean(w**2))
    assert data.best_error == pytest.approx(direct(w.ravel(), data.grid, data.spacing * unit), rel=1e-9)


@pytest.mark.parametrize("kind", ptq.KINDS)
@pytest.mark.parametrize("layers", ["all", "middle"])
def test_d1b_is_the_experiment(kind, layers):
    data = compute(D1B, BITS=2, SCALE_KIND=kind, LAYERS=layers)
    networks = ptq.train(0, 10, 20)
    score = ptq.rounded(networks, 2, kind, layers)
    assert np.array_equal(data.now, score.accuracy)
    assert np.array_equal(data.full, networks.full.accuracy)
    bold = re.findall(r"\*\*(.+?)\*\*", D1B.alt(data))
    assert look.percent(score.accuracy.mean(), 1) in bold
    assert look.percent(networks.full.accuracy.mean(), 1) in bold
    assert bold[-2:] == [look.fmt(data.error[0]), look.fmt(data.error[1])]
    assert data.error[1] > 0 if kind == "least-squares" else data.error[1] == 0
    assert next(key.value for key in D1B.keys(data)) == look.percent(score.accuracy.mean(), 1)
