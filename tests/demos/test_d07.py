"""Demos D6 and D6b: the sentence and the numbers are the data, the presets show what they say."""

import re

import numpy as np
import pytest

from qlab.demos import look
from qlab.demos.d07_askew import STEPS, VIEW, Askew
from qlab.demos.d07_cases import BANDS, POINTS, Cases
from qlab.demos.patch import diff
from qlab.experiments import barrier as experiment
from qlab.schema.lessons.lesson07 import Lesson07

DEMO, CASES = Askew(), Cases()


def compute(**changes):
    return DEMO.compute(Lesson07().replace(**changes))


def trace(figure, name):
    return next(t for t in figure["data"] if t.get("name") == name)


@pytest.mark.parametrize("changes", [*DEMO.presets.values(), {"FREE_PHASE": 0.3, "NOISE": 2.0}], ids=str)
def test_the_three_lines_are_the_path(changes):
    data = compute(**changes)
    figure = DEMO.figure(data)
    for case, name in enumerate(("descent", "descent mends ψ", "pushed")):
        line = trace(figure, name)
        x, y = (np.asarray(line[axis]).reshape(STEPS, 3) for axis in "xy")
        drawn = ~np.isnan(y[:, 0])
        assert np.array_equal(drawn, data.path.case == case)
        assert np.array_equal(y[drawn, :2], np.stack([data.path.w[:-1], data.path.w[1:]], 1)[drawn])
        goes_on = drawn & np.append(drawn[1:], False)
        assert np.array_equal(~np.isnan(y[:, 2]), goes_on)
        assert np.array_equal(y[goes_on, 2], data.path.w[1:][goes_on])
        assert np.array_equal(x[:, 1], np.arange(STEPS) + 1)


def test_the_islands_are_those_of_each_step():
    data = compute(FREE_PHASE=0.5, EPS_HAT=0.2)
    island = trace(DEMO.figure(data), "feasible, ψ ≥ 0")
    outer, inner = np.asarray(island["y"]).reshape(2, STEPS)
    inner = inner[::-1]
    for t in (0, STEPS // 2 - 1, STEPS // 2, STEPS - 1):
        low, high = experiment.edges(data.path.eps_hat[t])
        assert inner[t] == pytest.approx(low)
        assert outer[t] == pytest.approx(min(high, VIEW[1]))
    assert inner[0] == 0 < inner[-1]


def test_dragging_moves_only_fast_attributes():
    figure = DEMO.figure(compute())
    for changes in ({"FREE_PHASE": 0.4}, {"START": 0.3}, {"EPS_HAT": 0.8}, {"STEP_SIZE": 1.0}, {"CLIP": "off"}):
        assert {path for _, path, _ in diff(figure, DEMO.figure(compute(**changes)))} <= {"x", "y", "text"}


def test_the_sentence_and_the_key_numbers_are_the_data():
    data = compute()
    own, inner = look.fmt(data.path.longest), look.fmt(float(data.inner[-1]))
    bold = re.findall(r"\*\*(.+?)\*\*", DEMO.alt(data))
    assert bold == ["0.1", "0.1", look.fmt(data.path.w[-1]), own, inner, "0.845"]
    assert [key.value for key in DEMO.keys(data)] == [own, inner, "0.845"]
    free = DEMO.alt(compute(FREE_PHASE=0.5))
    assert "a free phase of **50 %**, the weight crosses in step" in free
    assert "F(w_Q) = **0.245**" in free


def test_the_presets_show_what_they_say():
    at = {name: compute(**changes) for name, changes in DEMO.presets.items()}
    assert not at["the barrier holds"].path.crossed
    assert at["a free phase"].path.crossed
    for seed in range(20):
        assert not compute(**DEMO.presets["noise is not enough"], SEED=seed).path.crossed
    thin = at["a step longer than the barrier"]
    assert thin.path.crossed
    assert thin.path.longest > thin.inner[-1]
    assert "thrown as far as" in DEMO.alt(at["no clip, next to the midpoint"])
    assert "not quantized" in DEMO.alt(at["feasible is not quantized"])


def test_the_bands_of_d6b_are_the_shares():
    P = Lesson07().replace(TASK_STEPS=100)
    data = CASES.compute(P)
    figure = CASES.figure(data)
    for (name, _), share in zip(BANDS, data.shares, strict=True):
        y = np.asarray(trace(figure, name)["y"])
        np.testing.assert_allclose(y[:POINTS] - y[: POINTS - 1 : -1], share, atol=1e-12)
    np.testing.assert_allclose(data.shares.sum(0), 1, atol=1e-12)
    assert (data.shares[0][data.at < 0.49] == 1).all()
    pushed = look.percent(float(data.late[2]))
    assert f"**{pushed}** are pushed" in CASES.alt(data)
    assert CASES.keys(data)[0].value == pushed
    assert ("within ε" in CASES.alt(data)) == (data.farthest <= P.TASK_EPS_HAT)
