"""Demos D13, D13b, D13c: their sentences say their data, and their data are what the library computes."""

import re

import numpy as np
import pytest
import torch

from qlab import exact
from qlab.demos import look
from qlab.demos.d13_area import RUNS as MAP_RUNS
from qlab.demos.d13_area import Area
from qlab.demos.d13_landscape import FIRST, Landscape, _border, _optima
from qlab.demos.d13_panels import RUNS, FourPanels
from qlab.experiments import exact_tasks as tasks
from qlab.problems import Moons
from qlab.schema.lessons import Lesson13

SHORT = {"STEPS": 100}


def compute(demo, **changes):
    return demo.compute(Lesson13().replace(**{**SHORT, **changes}))


def trained(**changes):
    demo = Landscape()
    P = Lesson13().replace(**{**SHORT, **changes})
    run = demo.begin(P)
    for _ in range(demo.frames):
        demo.advance(run)
    return demo, run, demo.snapshot(run)


def test_the_landscape_is_the_exhaustive_search():
    demo, run, data = trained()
    problem = Moons(4, seed=FIRST)
    found = exact.enumerate_all(problem.loss, problem.d)
    assert data.count == 2**problem.d
    assert data.optimum == pytest.approx(found.optimum)
    assert data.done == 100
    for method, block in run.blocks.items():
        loss = problem.loss(block.deployed().double())[0]
        assert data.trail[method][1][-1] == pytest.approx(float(loss))
        assert data.trail[method][0][-1] == int(found.rank(loss))
        assert (data.away[method] == 0) == (data.trail[method][0][-1] == 1)
    bold = re.findall(r"\*\*(.+?)\*\*", demo.alt(data))
    assert bold == [f"{ranks[-1]:.0f}" for ranks, _ in data.trail.values()]
    assert [key.value for key in demo.keys(data)] == [f"{data.trail[m][0][-1]:.0f}" for m in ("bc", "full", "askew")]


def test_all_optima_have_the_least_loss_and_none_is_missing():
    problem = Moons(3, n=60, seed=2)
    listed = exact.enumerate_all(problem.loss, problem.d, k=64)
    best = listed.weights[listed.losses <= listed.optimum + 1e-9]
    found = _optima(problem, exact.exhaustive(problem))
    assert {tuple(w) for w in found.tolist()} == {tuple(w) for w in best.tolist()}


def test_the_border_is_where_the_output_vanishes():
    problem = Moons(3, n=60, seed=1)
    w = exact.exhaustive(problem).best
    border = torch.from_numpy(_border(problem, w))
    assert len(border) > 20
    assert float(problem.logits(w, border).abs().max()) < 0.05  # interpolated: exact but where a ReLU bends


@pytest.mark.parametrize("kind", tasks.KINDS)
def test_the_panels_are_the_runs(kind):
    demo, chosen = FourPanels(), ("full", "bc")
    data = compute(demo, PROBLEM=kind, METHODS="full,bc")
    seeds = range(RUNS)
    runs = tasks.run(kind, chosen, seeds, steps=100, hidden=4)
    for method in chosen:
        assert data.gap[method] == pytest.approx(float(runs[method]["gap"].mean()))
        assert data.curves[method]["quantized_loss"][-1] == pytest.approx(float(runs[method]["quantized_loss"].mean()))
        name = "rank" if kind == "moons" else "distance"
        assert data.curves[method]["last"][-1] == pytest.approx(float(runs[method][name].mean()))
    optima = tasks.task(kind, tuple(seeds), hidden=4)[1]
    assert data.optimum == pytest.approx(np.mean([o.optimum for o in optima]))
    sentence = demo.alt(data)
    assert re.findall(r"\*\*(.+?)\*\*", sentence) == [look.percent(data.gap[m], 1) for m in chosen]
    for method in chosen:
        assert f"optimal in {int((runs[method]['rank'] == 1).sum())}" in sentence


def test_diverged_runs_are_named():
    demo = FourPanels()
    data = compute(demo, PROBLEM="moons", METHODS="bc,sgda", STEP_SIZE=10.0)
    assert data.lost["sgda"] > 0
    assert "diverged" in demo.alt(data)
    assert "nan" not in demo.alt(data).lower()


@pytest.mark.parametrize("axis", ["noise", "eps_hat"])
def test_the_map_counts_what_ends_within_five_percent(axis):
    demo = Area()
    data = compute(demo, AXIS=axis)
    for method, hits in data.hits.items():
        assert hits.shape == (12, 12)
        assert 0 <= hits.min() <= hits.max() <= MAP_RUNS
        assert data.share[method] == pytest.approx(hits.mean() / MAP_RUNS)
        if axis == "eps_hat" and method not in tasks.CONSTRAINED:
            assert (hits == hits[0]).all()
    assert ("rows alike" in demo.alt(data)) == (axis == "eps_hat")
    order = sorted(data.share.values(), reverse=True)
    assert re.findall(r"\*\*(.+?)\*\*", demo.alt(data)) == [look.percent(s) for s in order]
    drawn = [trace["z"] for trace in demo.figure(data)["data"] if trace["type"] == "heatmap"]
    assert all(np.array_equal(a, b) for a, b in zip(drawn, data.hits.values(), strict=True))
