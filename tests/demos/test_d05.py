"""Demos D8 and D8b: the data are the prox and the paths, the sentence says them, every control changes both."""

import re

import numpy as np
import pytest
import torch

from qlab.demos import look
from qlab.demos.d05_prox import GRIDS, ProxMap, once, total
from qlab.demos.d05_twins import SIDES, Twins
from qlab.demos.patch import diff
from qlab.experiments import proxquant as experiment
from qlab.quantizers import nearest
from qlab.schema.lessons import Lesson05

MAP, TWINS = ProxMap(), Twins()
W = torch.linspace(-2, 2, 401, dtype=torch.float64)


def compute(demo, **changes):
    return demo.compute(Lesson05().replace(**changes))


def ends(demo):
    for name in (*demo.controls, *demo.more):
        control = Lesson05.control(name)
        values = control.choices if control.kind == "choice" else (control.min, control.max)
        yield from ((demo, name, value) for value in values if value != control.default)


def numbers(figure):
    return [np.asarray(trace[k], dtype=float) for trace in figure["data"] for k in ("x", "y")]


@pytest.mark.parametrize(("demo", "name", "value"), [*ends(MAP), *ends(TWINS)])
def test_every_control_changes_figure_and_sentence_and_stays_finite(demo, name, value):
    before, after = compute(demo), compute(demo, **{name: value})
    changes = diff(demo.figure(before), demo.figure(after))
    assert changes
    assert not any(where == "layout" for where, *_ in changes), "axes stand still"
    assert demo.alt(before) != demo.alt(after)
    assert not re.search("nan|inf|not a number|∞", demo.alt(after))
    for values in vars(after).values() if demo is MAP else [p for one in after.paths.values() for p in one.values()]:
        if not isinstance(values, str):
            assert np.isfinite(values).all()


@pytest.mark.parametrize("demo", [MAP, TWINS])
def test_dragging_moves_only_fast_attributes(demo):
    figure = demo.figure(compute(demo))
    for name in demo.controls:
        control = Lesson05.control(name)
        value = control.choices[-1] if control.kind == "choice" else control.max
        moved = demo.figure(compute(demo, **{name: value}))
        assert {path for _, path, _ in diff(figure, moved)} <= {"x", "y", "text"}


@pytest.mark.parametrize("norm", ["l1", "l2", "l2-full"])
@pytest.mark.parametrize("levels", GRIDS)
def test_repeating_the_prox_is_one_prox_with_the_total_parameter(norm, levels):
    at = GRIDS[levels].levels()
    for nu, repeat in ((0.02, 10), (0.3, 3), (0.001, 100)):
        w = W
        for _ in range(repeat):
            w = once(w, at, nu, norm)
        assert torch.allclose(w, once(W, at, total(nu, repeat, norm), norm), rtol=0, atol=1e-12)


def test_at_every_pull_and_repetition_the_map_is_finite_and_monotone():
    for norm in ("l1", "l2", "l2-full"):
        for repeat in (1, 10_000):
            mapped = compute(MAP, NU=1.2, REPEAT=repeat, NORM=norm).mapped
            assert np.isfinite(mapped).all()
            assert (np.diff(mapped) >= -1e-12).all()


def test_the_share_on_a_level_is_the_share_of_weights_sent_there():
    fine = (torch.arange(40_000, dtype=torch.float64) + 0.5) / 10_000 - 2
    for levels in GRIDS:
        for nu in (0.0, 0.1, 0.26, 0.7, 1.2):
            data, at = compute(MAP, NU=nu, LEVELS=levels), GRIDS[levels].levels()
            sent = (once(fine, at, nu, "l1") == nearest(fine, at)).double().mean()
            assert data.landed == pytest.approx(float(sent), abs=1e-3)


def test_the_map_is_the_staircase_from_1_on_and_the_identity_at_0():
    assert np.array_equal(compute(MAP, NU=1.0).mapped, compute(MAP).staircase)
    assert compute(MAP, NU=1.0).landed == 1.0
    assert compute(MAP, NU=0.98).landed < 1
    assert np.allclose(compute(MAP, NU=0.0).mapped, W, rtol=0, atol=1e-15)
    assert not compute(MAP, NU=1.2, NORM="l2").landed


def test_the_point_stands_at_the_minimum_of_the_right_hand_curve():
    for changes in ({}, {"WEIGHT": -1.4}, {"NORM": "l2"}, {"LEVELS": "ternary", "NU": 0.1}, {"NORM": "l2-full"}):
        data = compute(MAP, **changes)
        assert data.lowest <= data.objective.min() + 1e-12
        assert np.interp(data.here, W, data.objective) == pytest.approx(data.lowest, abs=2e-3)


def test_the_documents_w_is_marked_where_it_is_drawn():
    def words(**changes):
        return [t["text"] for t in MAP.figure(compute(MAP, **changes))["data"] if t.get("mode") == "text"]

    assert ["document"] in words()
    assert ["document"] not in words(NORM="l2")
    assert ["document"] not in words(LEVELS="ternary")


def test_the_sentence_of_the_map_says_its_numbers():
    data = compute(MAP)
    assert re.findall(r"\*\*(.+?)\*\*", MAP.alt(data)) == ["0.4", "0.7", "0.4", "40 %"]
    assert [key.value for key in MAP.keys(data)] == ["0.7", "1", "40 %"]
    assert "the map **is** Q" in MAP.alt(compute(MAP, NU=1.0))
    assert "leaves every weight where it is" in MAP.alt(compute(MAP, NU=0.0))
    assert "divides each distance by **2.00**" in MAP.alt(compute(MAP, NU=1.0, NORM="l2"))
    assert "divides each distance by **3.00**" in MAP.alt(compute(MAP, NU=1.0, NORM="l2-full"))
    assert "nearly 1" in MAP.alt(compute(MAP, NU=0.2, NORM="l2", REPEAT=100))
    assert "leaves 1, a level, where it is" in MAP.alt(compute(MAP, WEIGHT=1.0))


def test_the_twins_have_the_same_slopes_on_the_levels_and_other_better_levels():
    at = np.array([-1.0, 1.0])
    assert np.array_equal(experiment.slope(at, 1), experiment.slope(at, -1))
    for sign in SIDES:
        values = dict(zip(at, experiment.twin(at, sign), strict=True))
        assert min(values, key=values.get) == experiment.BEST[sign]
        assert sorted(values.values()) == [0, 1]


@pytest.mark.parametrize("changes", [{}, *TWINS.presets.values()])
def test_the_sentence_of_the_twins_is_the_data(changes):
    data = compute(TWINS, **changes)
    assert np.array_equal(data.paths[1]["bc"], data.paths[-1]["bc"]), "the same path on both"
    assert len(data.right("bc")) == 1
    bold = re.findall(r"\*\*(.+?)\*\*", TWINS.alt(data))
    assert bold[1] == "1"
    assert bold[2] == look.value(data.reg)
    assert bold[5] == str(len(data.right("proxquant")))
    assert TWINS.keys(data)[1].value == f"{bold[5]} of 2"
    assert ("off a level" in TWINS.alt(data)) == (data.reg == 0)


def test_presets_show_what_they_are_called():
    sets = {name: compute(TWINS, **changes) for name, changes in TWINS.presets.items()}
    assert len(sets["hard from the first step"].right("proxquant")) == 1
    assert len(sets["ProxQuant tells them apart"].right("proxquant")) == 2
    assert sets["BinaryConnect guesses the other"].right("bc") != sets["ProxQuant tells them apart"].right("bc")
