"""Demo D3b: it runs frame by frame, the step size changes mid-run, sentence and curves are the measurements."""

import re

import numpy as np
import pytest

from qlab.demos import look
from qlab.demos.d03_digits import CURVES, DigitsRace
from qlab.demos.patch import diff
from qlab.experiments import digits
from qlab.schema.lessons import Lesson03

DEMO = DigitsRace()


def run(frames, **changes):
    race = DEMO.begin(Lesson03().replace(**{"TRAIN_STEPS": 100, **changes}))
    for _ in range(frames):
        DEMO.advance(race)
    return race


def test_frames_add_up_to_the_run_and_the_curves_are_the_measurements():
    data = DEMO.snapshot(run(DEMO.frames))
    assert data.done == 100
    assert len(data.step) == DEMO.frames + 1
    for method, curve in data.curves.items():
        alone = digits.train(method, [0], steps=100, measurements=DEMO.frames)
        for what in CURVES:
            assert float(curve[what][-1]) == pytest.approx(float(getattr(alone[-1], what)[0]), abs=1e-5)
    figure = DEMO.figure(data)
    bc = next(t for t in figure["data"] if t.get("name") == look.style("bc").name)
    assert np.array_equal(bc["y"], data.curves["bc"]["quantized_accuracy"])
    assert bc["line"]["color"] == look.COLORS["bc"]


def test_the_sentence_says_the_data():
    data = DEMO.snapshot(run(5))
    bold = re.findall(r"\*\*(.+?)\*\*", DEMO.alt(data))
    right = [look.percent(data.last(m, "quantized_accuracy")) for m in ("full", "bc", "sr", "r")]
    moved = [look.percent(data.last(m, "changed")) for m in ("bc", "sr", "r")]
    assert bold == ["0.1", *right, *moved]
    assert [key.value for key in DEMO.keys(data)] == right[1:]


def test_a_frame_moves_only_fast_attributes():
    race = run(2)
    before = DEMO.figure(DEMO.snapshot(race))
    DEMO.advance(race)
    assert {path for _, path, _ in diff(before, DEMO.figure(DEMO.snapshot(race)))} <= {"x", "y", "text"}


def test_the_step_size_changes_mid_run():
    P = Lesson03().replace(TRAIN_STEPS=100)
    race, still = run(3), run(3)
    before = DEMO.figure(DEMO.snapshot(race)), DEMO.alt(DEMO.snapshot(race))
    DEMO.live(P.replace(TRAIN_STEP_SIZE=0.5), race)
    assert diff(before[0], DEMO.figure(DEMO.snapshot(race)))
    assert DEMO.alt(DEMO.snapshot(race)) != before[1]
    for r in (race, still):
        DEMO.advance(r)
    assert DEMO.snapshot(race).step_sizes == ((0, 0.1), (6, 0.5))
    assert DEMO.snapshot(race).last("full", "train_loss") != DEMO.snapshot(still).last("full", "train_loss")
    DEMO.live(P.replace(TRAIN_STEP_SIZE=0.2), race)
    DEMO.live(P.replace(TRAIN_STEP_SIZE=0.3), race)  # dragging leaves the last value only
    assert DEMO.snapshot(race).step_sizes == ((0, 0.1), (6, 0.5), (8, 0.3))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRAIN_STEP_SIZE", 0.001),
        ("TRAIN_STEP_SIZE", 1.0),
        ("BITS", 8),
        ("TRAIN_BATCH", 8),
        ("TRAIN_BATCH", 128),
        ("RACE", "ste,pgd"),
        ("RACE", "bc"),
        ("TRAIN_STEPS", 400),
    ],
)
def test_every_control_changes_figure_and_sentence_and_stays_finite(name, value):
    before = DEMO.snapshot(run(0))
    assert diff(DEMO.figure(before), DEMO.figure(DEMO.snapshot(run(0, **{name: value}))))
    after = DEMO.snapshot(run(4, **{name: value}))
    assert DEMO.alt(before) != DEMO.alt(DEMO.snapshot(run(0, **{name: value})))
    for curve in after.curves.values():
        for what in CURVES:
            assert np.isfinite(curve[what][1:]).all()
    assert "nan" not in DEMO.alt(after)
