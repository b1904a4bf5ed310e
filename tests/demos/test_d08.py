"""Demos D7, D7b, D7c: the sentences and key numbers are the data, and the cases are told apart."""

import re

import numpy as np
import pytest

from qlab.demos import look
from qlab.demos.d08_duality import Duality, problem
from qlab.demos.d08_multiplier import Multiplier
from qlab.demos.d08_phase import DUAL_STEPS, STEP_SIZES, StepSizes
from qlab.demos.patch import diff
from qlab.experiments import multipliers as experiment
from qlab.schema.lessons.lesson08 import Lesson08

D7, D7B, D7C = Multiplier(), Duality(), StepSizes()


def compute(demo, **changes):
    return demo.compute(Lesson08().replace(**changes))


def test_d7_the_sentence_and_the_key_numbers_are_the_run():
    data = compute(D7)
    path = experiment.run(start=0.05, step_size=0.05, dual_step=0.1, eps_hat=0.1)
    bold = re.findall(r"\*\*(.+?)\*\*", D7.alt(data))
    lam, peak = look.fmt(path.end.lam, 3), look.fmt(path.peak, 3)
    assert bold == ["0.05", "0.1", str(path.feasible_after), peak, look.fmt(path.end.w, 3), lam]
    assert [key.value for key in D7.keys(data)] == [lam, peak, str(path.feasible_after)]


def test_d7_the_sentence_tells_the_cases_apart():
    assert "the right KKT point" in D7.alt(compute(D7))
    assert "the left KKT point" in D7.alt(compute(D7, START=-0.8))
    assert "the right KKT point" in D7.alt(compute(D7, START=-0.8, DUAL_STEP=0.02))
    assert "neither is at rest" in D7.alt(compute(D7, **D7.presets["it never settles"]))
    assert "diverges after" in D7.alt(compute(D7, **D7.presets["too large for both"]))
    assert "starts feasible" in D7.alt(compute(D7, START=0.9))
    assert "under noise 0.5" in D7.alt(compute(D7, NOISE=0.5))


def test_d7_the_stars_are_the_kkt_points_and_the_path_ends_at_one():
    data = compute(D7)
    star = next(t for t in D7.figure(data)["data"] if "stationary" in t.get("name", ""))
    assert [(p.w, p.lam) for p in experiment.kkt_points(0.1)] == list(zip(star["x"], star["y"], strict=True))
    assert abs(data.w[-1] - star["x"][1]) < 1e-3
    assert abs(data.lam[-1] - star["y"][1]) < 1e-3


def test_d7_dragging_moves_only_fast_attributes():
    figure = D7.figure(compute(D7))
    for changes in ({"DUAL_STEP": 0.5}, {"START": -1.2}, {"EPS_HAT": 0.3}):
        assert {path for _, path, _ in diff(figure, D7.figure(compute(D7, **changes)))} <= {"x", "y", "text"}


@pytest.mark.parametrize("inputs", ["rounding", "1", "2", "8", "continuous"])
@pytest.mark.parametrize("budget", [0.02, 0.3, 0.4, 1.2])
def test_d7b_the_lines_lie_below_the_optimum_and_the_best_one_is_highest_at_the_budget(inputs, budget):
    data = compute(D7B, INPUTS=inputs, BUDGET=budget, LAM=0.7)
    lines = [t for t in D7B.figure(data)["data"] if t.get("mode") == "lines" and len(t["x"]) == 2][:2]
    eps = np.linspace(0.002, 1.25, 500)
    for line in lines:
        on = np.interp(eps, line["x"], line["y"])
        assert (on <= data.price + 1e-9).all()
    assert data.mine <= data.bound + 1e-12
    assert data.bound <= data.here + 1e-12
    instance, unit = problem(inputs)
    assert data.gap == pytest.approx((instance.price(budget * unit) - instance.bound(budget * unit)) / unit, abs=1e-12)


def test_d7b_the_sentence_tells_the_cases_apart():
    assert "a gap of **0.400**" in D7B.alt(compute(D7B))
    assert "no gap" in D7B.alt(compute(D7B, INPUTS="rounding"))
    assert "does not bind" in D7B.alt(compute(D7B, INPUTS="rounding", BUDGET=1.2))
    assert "proves nothing" in D7B.alt(compute(D7B, INPUTS="rounding", LAM=4.0))


def test_d7c_every_pair_is_drawn_once_as_what_became_of_it():
    data = compute(D7C, START=-0.8)
    marks = [t for t in D7C.figure(data)["data"] if t["mode"] == "markers"]
    drawn = np.array([np.isfinite(t["x"]) for t in marks])
    assert (drawn.sum(0) == 1).all()
    k = int(np.flatnonzero(drawn[0])[0])
    path = experiment.run(
        start=-0.8, eps_hat=0.1, step_size=STEP_SIZES[k], dual_step=DUAL_STEPS[k], iterations=1000
    )  # the first trace: at rest on the right
    assert experiment.outcome(path) == "right"
    assert sum(data.share.values()) == pytest.approx(1)


def test_d7c_below_the_ceiling_runs_rest_and_above_none_does():
    data = compute(D7C, START=0.6, EPS_HAT=0.5)
    right = data.outcome == experiment.OUTCOMES.index("right")
    assert right[(0.8 * data.limits[1] > DUAL_STEPS) & (STEP_SIZES > 0.04)].all()
    assert not right[1.05 * data.limits[1] < DUAL_STEPS].any()
    assert "no ceiling" in D7C.alt(compute(D7C, START=0.6, EPS_HAT=0.5, UPDATE="alternating"))
    assert "its price is 0" in D7C.alt(compute(D7C, EPS_HAT=0.9))
