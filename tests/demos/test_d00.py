"""Demo D0: the paths are `qlab.step`, every method has its panel, the sentence is the data."""

import re

import numpy as np
import pytest
import torch

import qlab
from qlab.demos import look
from qlab.demos.d00_discreteness import MINIMIZER, STEPS, Discreteness, loss
from qlab.methods import METHODS, Rule
from qlab.quantizers.grids import Grid
from qlab.schema.lessons import Lesson00
from qlab.schema.lessons.lesson00 import KINDS

DEMO = Discreteness()
ALL = ",".join(KINDS)


def compute(**changes):
    return DEMO.compute(Lesson00().replace(**changes))


@pytest.mark.parametrize("bits", [1, 3])
@pytest.mark.parametrize("slug", KINDS)
def test_a_path_is_the_step_of_the_library(slug, bits):
    data = compute(METHODS=slug, BITS=bits, STEP_SIZE=0.4, SEED=5)
    path = data.paths[slug]
    grid, scale = Grid(bits, scale="one"), 1 / Grid(bits).top
    w = torch.tensor([0.9], dtype=torch.float64)
    w = grid.nearest(w, torch.tensor(scale, dtype=w.dtype)) if METHODS[slug].fixed_scale else w
    state = {}
    for t in range(STEPS + 1):
        assert path.w[t] == pytest.approx(float(w), abs=1e-12)
        g = torch.tensor([path.seen[t] - MINIMIZER], dtype=torch.float64)
        w = qlab.step(slug, w, g, lr=0.4, bits=bits, scale=scale, seed=5, t=t, steps=STEPS, state=state)


def test_where_the_discreteness_lives():
    for changes in ({}, {"BITS": 3}, {"START": -1.2, "STEP_SIZE": 0.4}):
        paths = compute(METHODS=ALL, **changes).paths
        found = {slug: path.where for slug, path in paths.items()}
        assert found["full"] == "deploy"
        assert {found[slug] for slug in ("bc", "ste", "bcgd")} == {"view"}
        assert found["proxquant"] == "a penalty"
        assert found["askew"] == "a constraint"
        assert found["sgda"] == "a multiplier"
        assert {found[slug] for slug in ("r", "sr", "pgd")} == {"settle"}
        for slug in ("full", "r", "sr", "pgd"):
            np.testing.assert_array_equal(paths[slug].seen, paths[slug].w)
        for slug in ("bc", "ste"):
            np.testing.assert_array_equal(paths[slug].seen, paths[slug].deployed)
        np.testing.assert_array_equal(paths["ste"].w, paths["bc"].w)
        np.testing.assert_array_equal(paths["pgd"].w[1:], paths["r"].w[1:])


def test_what_is_deployed_is_a_level_and_the_best_level_has_the_lowest_loss():
    for bits in (1, 2, 3, 4):
        data = compute(METHODS=ALL, BITS=bits)
        assert data.best == min(data.levels, key=loss)
        for path in data.paths.values():
            assert np.abs(path.deployed[:, None] - data.levels).min(1).max() < 1e-12


def test_a_method_that_is_added_appears(monkeypatch):
    class Drifting(Rule):
        slug, name = "drifting", "Drifting"

        def direction(self, w, g, s, h):
            return g + 0.1 * (w - h.Q(w))

    monkeypatch.setitem(METHODS, "drifting", Drifting())
    P = Lesson00().model_copy(update={"METHODS": "full,drifting"})
    data = DEMO.compute(P)
    assert data.paths["drifting"].where == "a constraint"
    assert "Drifting" in str(DEMO.figure(data)["data"])
    assert "drifting" in DEMO.alt(data)


def test_the_choices_are_methods():
    assert set(Lesson00.control("METHODS").choices) <= set(METHODS)


@pytest.mark.parametrize("methods", ["bc", "full,sr", ALL])
def test_panels_do_not_overlap_and_show_the_paths(methods):
    data = compute(METHODS=methods)
    figure = DEMO.figure(data)
    boxes = []
    for number, slug in enumerate(KINDS):
        k = str(number + 1) if number else ""
        mine = [trace for trace in figure["data"] if trace["xaxis"] == f"x{k}"]
        assert all(trace["visible"] == (slug in data.paths) for trace in mine)
        if slug in data.paths:
            kept, seen = (
                next(t for t in mine if t.get("name") == name) for name in ("kept weight", "what the network sees")
            )
            np.testing.assert_array_equal(kept["y"], data.paths[slug].w)
            np.testing.assert_array_equal(seen["y"], data.paths[slug].seen)
            assert kept["line"]["color"] == look.COLORS[slug]
            boxes.append((*figure["layout"][f"xaxis{k}"]["domain"], *figure["layout"][f"yaxis{k}"]["domain"]))
    for i, (a, b, c, d) in enumerate(boxes):
        assert 0 <= a < b <= 1
        assert 0 <= c < d <= 1
        for e, f, g, h in boxes[:i]:
            assert b <= e or f <= a or d <= g or h <= c
    assert sum(bool(t.get("showlegend")) and t.get("name") == "deployed" for t in figure["data"]) == 1


def test_the_sentence_and_the_key_numbers_are_the_data():
    data = compute()
    bold = re.findall(r"\*\*(.+?)\*\*", DEMO.alt(data))
    numbers = []
    for path in data.paths.values():
        numbers += [look.value(float(path.deployed[-1])), str(path.changes)]
        assert path.changes == sum(a != b for a, b in zip(path.deployed, path.deployed[1:], strict=False))
    assert bold == [*numbers, look.value(data.best)]
    assert [key.value for key in DEMO.keys(data)] == [numbers[0], numbers[2], look.value(data.best)]
    assert "in view for BC; in settle for R, SR" in DEMO.alt(data)


def test_the_seed_moves_what_is_random_and_nothing_else():
    one, two = (compute(METHODS=ALL, SEED=seed).paths for seed in (1, 2))
    moved = {slug for slug in KINDS if not np.array_equal(one[slug].w, two[slug].w)}
    assert moved == {slug for slug in KINDS if METHODS[slug].random}
