"""Demos D10 and D10b: sentence, keys and figure say the data; the theorem's picture and the counterexample's."""

import math
import re

import numpy as np
import pytest
import torch

from qlab.demos import look
from qlab.demos.d10_coarse import FINE, Coarse, second_layer
from qlab.demos.d10_landing import Descents
from qlab.demos.patch import diff
from qlab.experiments import two_layer as experiment
from qlab.schema.lessons import Lesson10
from qlab.theory import surrogates

DEMO, LANDING = Coarse(), Descents()


def compute(demo=DEMO, **changes):
    return demo.compute(Lesson10().replace(**changes))


def trace(figure, name):
    return next(t for t in figure["data"] if t.get("name") == name)


def ends(demo):
    for name in (*demo.controls, *demo.more):
        control = Lesson10.control(name)
        values = control.choices if control.kind == "choice" else (control.min, control.max)
        yield from ((demo, name, value) for value in values if value != control.default)


@pytest.mark.parametrize(("demo", "name", "value"), [*ends(DEMO), *ends(LANDING)])
def test_every_control_moves_only_what_is_drawn_at_once(demo, name, value):
    before, after = compute(demo), compute(demo, **{name: value})
    changes = diff(demo.figure(before), demo.figure(after))
    assert changes
    assert {path for _, path, _ in changes} <= {"x", "y", "text"}
    assert demo.alt(before) != demo.alt(after)
    assert "nan" not in demo.alt(after).lower()


def test_the_theorem_is_the_dotted_line_and_the_inner_product():
    for surrogate in surrogates.MASKS:
        data = compute(SURROGATE=surrogate)
        assert data.inner == pytest.approx(data.formula)
        np.testing.assert_allclose(data.cosine, data.document, atol=1e-12)
    model, v = experiment.teacher(), 0.5 * experiment.teacher().v_star
    at = int((FINE - 45.5).abs().argmin())
    w = experiment.at(FINE[at])
    g, true = model.coarse(v, w).numpy(), model.gradient_w(v, w).numpy()
    assert compute().cosine[at] == pytest.approx(g @ true / np.linalg.norm(g) / np.linalg.norm(true))


def test_the_arrows_point_downhill_and_start_at_w():
    data = compute(THETA=70.0, CONDITION=5.0)
    figure, w = DEMO.figure(data), experiment.at(70.0).numpy()
    for name, g in (("true gradient", data.true), ("coarse gradient", data.coarse)):
        x, y = (np.asarray(trace(figure, name)[k]) for k in "xy")
        np.testing.assert_allclose((x[0], y[0]), w)
        arrow = np.array([x[1] - x[0], y[1] - y[0]])
        np.testing.assert_allclose(arrow / np.linalg.norm(arrow), -g / np.linalg.norm(g), atol=1e-12)


def test_the_sentence_is_the_data_and_tells_up_from_down():
    down, up, kink = compute(), compute(THETA=20.0, CONDITION=10.0), compute(THETA=0.0)
    assert down.inner > 0 > up.inner
    assert "still goes downhill" in DEMO.alt(down)
    assert "uphill for the loss" in DEMO.alt(up)
    assert "does not exist" in DEMO.alt(kink)
    assert DEMO.keys(kink)[0].value == "–"
    bold = re.findall(r"\*\*(.+?)\*\*", DEMO.alt(down))
    assert bold == ["120°", f"{look.fmt(down.apart)}°", look.fmt(down.inner, 3), look.fmt(down.formula, 3)]
    assert "gradient **0**" in DEMO.alt(compute(SAMPLES=10))
    assert 2 * down.inner == pytest.approx(compute(SURROGATE="identity").inner)


def test_samples_scatter_around_the_mean_and_their_loss_is_stairs():
    data = compute(SAMPLES=1000)
    exact = np.interp(np.arange(1.5, 180, 3), FINE, data.cosine)
    assert 0 < np.abs(data.estimates - exact).max() < 0.3
    few = compute(SAMPLES=10).sample_loss
    assert (np.diff(few) == 0).any()
    assert compute(SAMPLES=10, SEED=1).sample_loss.tolist() != few.tolist()
    assert compute().estimates is None


def test_the_best_v_has_no_gradient():
    model = experiment.teacher(3.0)
    a, b = second_layer("best", model, 1.1)
    expected = model.best_v(torch.tensor(1.1).double())
    torch.testing.assert_close(a * model.v_star + b, expected)


@pytest.mark.parametrize("step_size", [0.03, 0.1, 0.3])
def test_the_true_gradient_swings_as_predicted_and_the_coarse_one_lands(step_size):
    data = compute(LANDING, STEP_SIZE=step_size)
    assert data.true.angle[-2:].mean() == pytest.approx(data.chatter, rel=0.02)
    assert data.chatter == pytest.approx(math.degrees(math.atan(step_size * 1.5 / (2 * math.pi))) / 2, rel=0.05)
    assert data.coarse.angle[-1] < 1e-4 * data.chatter
    figure = LANDING.figure(data)
    band = np.asarray(trace(figure, "true gradient")["y"])[-2:]
    assert band.mean() == pytest.approx(data.chatter, rel=0.02), "thinning keeps the zigzag"
    said = LANDING.alt(data)
    assert f"after **{round(60 / step_size)}** steps" in said
    assert f"(predicted **{look.fmt(data.chatter)}°**)" in said
    assert LANDING.keys(data)[0].value == f"{look.fmt(data.true.angle[-2:].mean())}°"


def test_from_behind_both_end_at_the_spurious_minimum():
    data = compute(LANDING, START=170.0, SECOND="opposite")
    assert data.coarse.angle[-1] > 179.9
    said = LANDING.alt(data)
    assert "spurious minimum" in said
    assert "settles there too" in said
    loss = experiment.teacher().loss(experiment.teacher().spurious_v(), experiment.at(180.0))
    assert data.coarse.loss[-1] == pytest.approx(loss.item(), rel=1e-3)


def test_where_v_is_orthogonal_the_sentences_say_that_nothing_turns_w():
    for surrogate in ("identity", "relu", "clipped-relu"):
        data = compute(LANDING, START=108.0, SECOND="best", SURROGATE=surrogate)
        assert data.true.angle[-1] == pytest.approx(108)
        assert data.coarse.angle[-1] == pytest.approx(108)
        assert "no gradient turns it" in LANDING.alt(data)
        assert "v is orthogonal to v*" in DEMO.alt(compute(THETA=108.0, SECOND="best", SURROGATE=surrogate))


def test_a_descent_under_way_is_not_called_settled():
    data = compute(LANDING, START=95.0, SECOND="opposite", SURROGATE="clipped-relu")
    assert data.true.angle[-1] > 20 * data.chatter
    assert "swings" not in LANDING.alt(data)
    late = compute(LANDING, START=109.0, SECOND="best", SURROGATE="clipped-relu")
    assert 180 - late.coarse.angle[-1] > 1
    assert "settles" not in LANDING.alt(late)
