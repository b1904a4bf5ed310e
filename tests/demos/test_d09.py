"""Demo D9: bars, leash and sentence say what the exact theory says; every control changes figure and sentence."""

import re

import numpy as np
import pytest
import torch

from qlab.demos.d09_blending import BLENDS, Blending
from qlab.demos.patch import diff
from qlab.experiments import blending
from qlab.schema.lessons import Lesson09
from qlab.theory import descent

DEMO = Blending()
LEVELS = torch.tensor(blending.LEVELS)


def compute(**changes):
    return DEMO.compute(Lesson09().replace(**changes))


@pytest.mark.parametrize("step_size", [0.01, 0.1, 0.5])
def test_the_bars_are_the_phases_of_the_theory(step_size):
    """Oscillates exactly where no level holds; all four starts on the best level where it alone holds."""
    data = compute(STEP_SIZE=step_size)
    grip = descent.grip(LEVELS, LEVELS - blending.CENTRE).numpy()
    for k, rho in enumerate(BLENDS):
        effective = step_size / rho
        if (np.abs(effective / grip - 1) < 0.1).any():
            continue  # the time to leave grows without bound towards the edge
        holds = grip > effective
        ends = data.phases[:, k + 1]
        assert (ends == blending.OSCILLATES).all() if not holds.any() else holds[ends].all()
        if holds.sum() == 1:
            assert (ends == blending.BEST).all()
    assert (data.phases[:, 0] == blending.OSCILLATES).all()


def test_guaranteed_descent_is_not_optimality():
    """Finding: at step 0.1, blend 0.2 descent is guaranteed, and two of four starts are stuck on -1/3."""
    data = compute()
    assert descent.descent_constant(0.2, 0.1, 1.0) > 0
    assert data.ends.tolist() == [2, 2, 1, 1]
    losses = blending.loss(blending.LEVELS[data.level])
    assert (np.diff(losses, axis=0) <= 0).all()


def test_the_bars_of_the_figure_cover_each_start_and_blend_once():
    figure = DEMO.figure(compute())
    bars = [t for t in figure["data"] if t.get("name") in ("ends on the best level", "stuck on another", "oscillates")]
    length = dict.fromkeys(range(4), 0.0)
    for trace in bars:
        for a, b, y in zip(trace["x"][1::3], trace["x"][2::3], trace["y"][1::3], strict=True):
            length[int(y)] += b - a
    for total in length.values():
        assert total == pytest.approx(0.3 + 5.05)


@pytest.mark.parametrize("changes", [{}, *DEMO.presets.values()])
def test_dragging_moves_only_fast_attributes(changes):
    figure = DEMO.figure(compute(**changes))
    for name, value in (("RHO", 0.03), ("STEP_SIZE", 0.07)):
        if changes.get("METHOD") == "bc" and name == "RHO":
            continue
        moved = diff(figure, DEMO.figure(compute(**{**changes, name: value})))
        assert {path for _, path, _ in moved} <= {"x", "y", "text"}
        assert not any(where == "layout" for where, *_ in moved)


def test_the_leash_is_drawn_from_the_level_to_where_the_latent_weight_goes():
    data = compute(RHO=0.2, START=-0.9)
    leash = next(t for t in DEMO.figure(data)["data"] if t.get("name") == "leash")
    assert leash["y"][0] == pytest.approx(-1 / 3)
    assert leash["y"][1] == pytest.approx(float(data.latent[-1, data.start]), abs=1e-6)
    assert float(descent.leash(LEVELS[1] - 0.1, 0.1, 0.2)) == pytest.approx(leash["y"][1] - leash["y"][0])


def test_the_sentence_tells_the_cases_apart_and_says_the_data():
    stuck = compute(START=-0.9)
    assert "stuck on −⅓" in DEMO.alt(stuck)
    assert "**0.0939**" in DEMO.alt(stuck)
    assert "2 of the four starts end" in DEMO.alt(stuck)
    assert "no step raises the loss" in DEMO.alt(stuck)
    best = compute(RHO=0.1)
    assert "rests on the best level, ⅓" in DEMO.alt(best)
    assert "all four starts end" in DEMO.alt(best)
    assert "not guaranteed, as" in DEMO.alt(best)
    long = compute(RHO=0.05)
    assert f"{100 * long.flips[0]:.0f} %" in DEMO.alt(long)
    assert "none of the four" in DEMO.alt(long)
    bc = compute(METHOD="bc")
    assert "without a leash" in DEMO.alt(bc)
    assert "not guaranteed at any" in DEMO.alt(bc)
    assert [key.value for key in DEMO.keys(bc)][1] == "∞"
    for data in (stuck, best, long, bc):
        assert not re.search("nan|inf", DEMO.alt(data))
        assert DEMO.keys(data)[0].value == f"{(data.ends == blending.BEST).sum()} of 4"
