"""Demo D3: its sentence says the data, every control changes both, the data are finite at every end."""

import re

import numpy as np
import pytest
import torch

from qlab.demos import look
from qlab.demos.d03_exploration import SEEN, Exploration
from qlab.demos.patch import diff
from qlab.experiments import wells as experiment
from qlab.problems import wells
from qlab.schema.lessons import Lesson03

DEMO = Exploration()


def compute(**changes):
    return DEMO.compute(Lesson03().replace(**changes))


def ends():
    for name in (*DEMO.controls, *DEMO.more):
        control = Lesson03.control(name)
        values = control.choices if control.kind == "choice" else (control.min, control.max)
        values = ("bc", "sr", "r", "bc,sr,r") if control.kind == "several" else values
        yield from ((name, value) for value in values if value != control.default)


@pytest.mark.parametrize(("name", "value"), list(ends()))
def test_every_control_changes_figure_and_sentence_and_stays_finite(name, value):
    before, after = compute(), compute(**{name: value})
    changes = diff(DEMO.figure(before), DEMO.figure(after))
    assert changes
    assert DEMO.alt(before) != DEMO.alt(after)
    assert not any(where == "layout" for where, *_ in changes), "axes and shapes stand still"
    for law in after.laws.values():
        assert torch.isfinite(law.share).all()
        assert float(law.share.sum()) == pytest.approx(1)
        assert np.isfinite([law.loss, law.near, law.entropy]).all()
    assert "nan" not in DEMO.alt(after).lower()


@pytest.mark.parametrize("changes", [{}, *DEMO.presets.values()])
def test_bars_are_the_laws_and_dragging_moves_only_fast_attributes(changes):
    data = compute(**changes)
    figure = DEMO.figure(data)
    bars = [trace for trace in figure["data"] if trace["type"] == "bar"]
    for method, trace in zip(("bc", "sr", "r"), bars, strict=True):
        assert trace["marker"]["color"] == look.COLORS[method]
        assert trace["visible"] == (method in data.laws)
        if method in data.laws:
            law = data.laws[method]
            for level, share in zip(trace["x"], trace["y"], strict=True):
                expected = float(law.share[(law.levels - level).abs() < 1e-9].sum())
                assert share == pytest.approx(expected) if expected >= SEEN else np.isnan(share)
    moved = DEMO.figure(compute(**{**changes, "STEP_SIZE": 0.03}))
    assert {path for _, path, _ in diff(figure, moved)} <= {"x", "y", "text"}


def test_the_sentence_and_the_key_numbers_are_the_data():
    data = compute()
    sentence = DEMO.alt(data)
    bold = re.findall(r"\*\*(.+?)\*\*", sentence)
    bc, sr = data.laws["bc"], data.laws["sr"]
    assert bold == ["0.01", look.percent(bc.near, 1), look.fmt(bc.loss, 3), look.percent(1 - sr.near, 1)]
    assert [key.value for key in DEMO.keys(data)] == [look.fmt(bc.loss), look.fmt(sr.loss), look.fmt(wells.MINIMUM)]
    assert [key.color for key in DEMO.keys(data)] == [look.COLORS["bc"], look.COLORS["sr"], look.INK]


def test_the_sentence_tells_the_cases_apart():
    assert "wrong well, at 0" in DEMO.alt(compute(START=0.0))
    assert "wrong well, at 2.5" in DEMO.alt(compute(START=2.5))
    assert "would, given time, at any smaller step" in DEMO.alt(compute())
    assert "and no further" in DEMO.alt(compute(STEP_SIZE=0.1))
    assert "still on its way" in DEMO.alt(compute(STEP_SIZE=0.001, START=0.0))
    assert "frozen at **4**" in DEMO.alt(compute(METHODS="r"))
    assert "elsewhere" in DEMO.alt(compute())
    off = "off the two levels next to the minimizer"  # "elsewhere" would mean the wrong well, which BC's clause names
    assert off in DEMO.alt(compute(START=0.0))
    assert "elsewhere" not in DEMO.alt(compute(START=0.0))
    assert off in DEMO.alt(compute(METHODS="sr"))
    assert "frozen" not in DEMO.alt(compute(METHODS="r", STEP_SIZE=0.1))


def test_the_document_mark_is_the_limit_law():
    data = compute(STEP_SIZE=0.1)
    mark = next(trace for trace in DEMO.figure(data)["data"] if "document" in trace.get("name", ""))
    limit = experiment.small_step(noise=3.0, spacing=0.5)
    offset = 0.5 * 0.8 / 4  # two bars share 80 % of a level's width; SR's is the right one
    for x, share in zip(mark["x"], mark["y"], strict=True):
        expected = float(limit.share[(limit.levels - (x - offset)).abs() < 1e-9].sum())
        assert share == pytest.approx(expected) if expected >= SEEN else np.isnan(share)


def test_the_number_of_iterations_and_the_seed_reach_the_simulation():
    a, b = compute(SEED=0).laws["bc"], compute(SEED=1).laws["bc"]
    assert not torch.equal(a.share, b.share)
    assert torch.equal(a.share, compute(SEED=0).laws["bc"].share)
