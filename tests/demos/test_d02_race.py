"""Demo D2b: curves are the experiment's measurements, the sentence says them, the step size changes mid-run."""

import re

import numpy as np
import pytest

from qlab.demos import look
from qlab.demos.d02_race import PENS, SurrogateRace
from qlab.demos.patch import diff
from qlab.experiments import activations
from qlab.schema.lessons import Lesson02

DEMO = SurrogateRace()


def run(frames, **changes):
    race = DEMO.begin(Lesson02().replace(**{"TRAIN_STEPS": 50, **changes}))
    for _ in range(frames):
        DEMO.advance(race)
    return race


def test_the_run_is_the_experiment():
    data = DEMO.snapshot(run(DEMO.frames))
    assert data.done == 50
    for choice in ("none", "3-valued", "relu"):
        alone = activations.train(choice, [0], steps=50)
        assert data.accuracy[choice][-1] == pytest.approx(float(alone.accuracy), abs=1e-6)
        assert data.moved[choice] == float(alone.moved)
    assert data.moved["none"] == 0
    drawn = {t["name"]: t for t in DEMO.figure(data)["data"] if t.get("showlegend") and "name" in t}
    for choice, y in data.accuracy.items():
        np.testing.assert_array_equal(drawn[PENS[choice][2]]["y"], y)


def test_every_choice_has_its_own_pen():
    assert set(PENS) == set(activations.CHOICES)
    assert len({(color, dash) for color, dash, _ in PENS.values()}) == len(PENS)


def test_the_sentence_and_the_key_numbers_are_the_data():
    data = DEMO.snapshot(run(10))
    bold = re.findall(r"\*\*(.+?)\*\*", DEMO.alt(data))
    right = [look.percent(y[-1]) for y in data.accuracy.values()]
    assert bold == [*right, "0 %"]
    assert [key.value for key in DEMO.keys(data)] == right
    assert "After 10 of 50 steps at η = 0.1 with 2-bit" in DEMO.alt(data)


def test_a_frame_moves_only_fast_attributes_and_the_step_size_is_live():
    race = run(2)
    before = DEMO.figure(DEMO.snapshot(race))
    DEMO.advance(race)
    assert {path for _, path, _ in diff(before, DEMO.figure(DEMO.snapshot(race)))} <= {"x", "y", "text"}
    DEMO.live(Lesson02().replace(TRAIN_STEP_SIZE=0.5), race)
    assert all(stack.descent.param_groups[0]["lr"] == 0.5 for stack in race.stacks.values())
    assert "η = 0.5" in DEMO.alt(DEMO.snapshot(race))
