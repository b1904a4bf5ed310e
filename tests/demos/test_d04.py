"""Demos D4, D4b, D4c: figure and sentence are the exact chain and the runs; dragging moves only fast attributes."""

import re

import numpy as np
import pytest
import torch

from qlab.demos import look
from qlab.demos.d04_chain import Chain, shares
from qlab.demos.d04_floors import SPACING, AccuracyFloors
from qlab.demos.d04_plane import FULL, TwoWeights
from qlab.demos.patch import diff
from qlab.experiments import floors, plane
from qlab.experiments import wells as experiment
from qlab.problems import wells
from qlab.schema.lessons import Lesson04
from qlab.theory import chain, chain2d

D4, D4B, D4C = Chain(), AccuracyFloors(), TwoWeights()
FAST = {"ITERATIONS": 500}


def compute(demo, **changes):
    return demo.compute(Lesson04().replace(**changes))


def ends(demo):
    for name in (*demo.controls, *demo.more):
        control = Lesson04.control(name)
        values = control.choices if control.kind == "choice" else (control.min, control.max)
        yield from ((demo, name, value) for value in values if value != control.default)


@pytest.mark.parametrize(("demo", "name", "value"), [*ends(D4), *ends(D4B), *ends(D4C)])
def test_every_control_changes_figure_and_sentence_and_axes_stand_still(demo, name, value):
    before, after = compute(demo), compute(demo, **{name: value})
    changes = diff(demo.figure(before), demo.figure(after))
    assert changes
    assert demo.alt(before) != demo.alt(after)
    assert {path for _, path, _ in changes} <= {"x", "y", "text"}, "only what is drawn at once"
    assert "not a number" not in demo.alt(after)


@pytest.mark.parametrize("changes", [{}, {"SPACING": 1.0, "STATE": -1.0}, {"STEP_SIZE": 1e-4}, {"SPACING": 0.25}])
def test_d4_shows_the_row_and_the_law_of_the_chain(changes):
    data = compute(D4, **changes)
    P = Lesson04().replace(**changes)
    T = chain.transition(data.law.levels, wells.gradient, step_size=P.STEP_SIZE, noise=P.NOISE)
    i = int((data.law.levels == data.x).nonzero()[0])
    assert abs(data.x - P.STATE) <= P.SPACING / 2
    assert data.stay == float(T[i, i])
    assert data.left == pytest.approx(float(T[i, :i].sum()))
    assert data.right == pytest.approx(float(T[i, i + 1 :].sum()))
    assert data.wait == pytest.approx(1 / (data.left + data.right))
    traces = D4.figure(data)["data"]
    bars = next(t for t in traces if t["type"] == "bar")
    mark = next(t for t in traces if "document" in t.get("name", ""))
    np.testing.assert_array_equal(bars["y"], shares(bars["x"], data.law))
    np.testing.assert_array_equal(mark["y"], shares(bars["x"], data.limit))
    for level, share in zip(bars["x"], bars["y"], strict=True):
        exact = float(data.law.share[(data.law.levels - level).abs() < 1e-9].sum())
        assert (np.isnan(share) and exact < 5e-4) or share == exact
    arcs = [t for t in traces if t.get("yaxis") == "y2" and t["mode"] == "lines"]
    assert [float(t["y"].max()) for t in arcs] == pytest.approx([1 - data.to_right, data.to_right])
    assert [float(t["x"][-1] - t["x"][0]) for t in arcs] == pytest.approx([-P.SPACING, P.SPACING])


def test_d4_a_smaller_step_changes_the_waiting_and_nothing_else():
    small, tiny = compute(D4, STEP_SIZE=1e-3), compute(D4, STEP_SIZE=1e-4)
    assert tiny.wait == pytest.approx(10 * small.wait, rel=1e-6)
    assert tiny.to_right == pytest.approx(small.to_right, rel=1e-6)
    assert experiment.distance(tiny.law, small.law) < 1e-9


def test_d4s_sentence_and_key_numbers_are_the_data():
    data = compute(D4)
    bold = re.findall(r"\*\*(.+?)\*\*", D4.alt(data))
    right, near = look.percent(data.to_right, 1), look.percent(data.law.near, 1)
    assert bold == ["0.01", "3", look.fmt(data.wait, 3), right, near]
    assert "as at any smaller step" in D4.alt(data)
    large = compute(D4, STEP_SIZE=0.1, NOISE=6.0)
    assert f"would bring to **{look.percent(large.limit.near, 1)}** and no further" in D4.alt(large)
    assert [key.value for key in D4.keys(data)] == [
        look.fmt(data.wait, 3),
        look.percent(data.to_right),
        look.percent(data.law.near),
    ]


def test_d4b_is_the_experiment_and_its_sentence_the_data():
    data = compute(D4B, **FAST)
    run = floors.simulate("bc", SPACING, seeds=range(6), d=10, noise=1.0, iterations=500)
    np.testing.assert_array_equal(data.bc_deployed, run.deployed.mean(1))
    np.testing.assert_array_equal(data.bc_average, run.average_deployed.mean(1))
    np.testing.assert_array_equal(data.bc_latent, run.average.mean(1))
    assert (data.bc_deployed < data.bc_bound).all()
    assert (data.sr < data.sr_bound).all()
    k = SPACING.index(0.1)
    bold = re.findall(r"\*\*(.+?)\*\*", D4B.alt(data))
    numbers = (data.sr[k], data.bc_average[k], data.bc_latent[k], data.bc_deployed[k], data.sr_power, data.bc_power)
    assert bold == [look.fmt(value) for value in numbers]
    names = [trace["name"] for trace in D4B.figure(data)["data"]]
    assert sum("document" in name for name in names) == 1


def test_d4b_the_curved_loss_has_no_exact_floor_of_sr():
    exact = D4B.figure(compute(D4B, LOSS="curved", **FAST))["data"][-1]["y"]
    assert np.isnan(exact[: len(SPACING)]).all()
    assert np.isfinite(exact[len(SPACING) :]).all()


def test_d4c_draws_squares_of_the_law():
    data = compute(D4C, STEP_SIZE=0.05)
    solved = plane.solve(step_size=0.05, noise=3.0, valley=9)
    xs, ys = (D4C.figure(data)["data"][1][axis].reshape(len(data.x), len(data.x), 6) for axis in "xy")
    side = np.nanmax(xs, -1) - np.nanmin(xs, -1)
    np.testing.assert_allclose(side, plane.SPACING * np.sqrt(data.law / FULL), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(xs[..., :4].mean(-1), np.broadcast_to(data.x[:, None], side.shape))
    np.testing.assert_allclose(ys[..., :4].mean(-1), np.broadcast_to(data.x[None, :], side.shape))
    inside = np.isin(plane.X.numpy(), data.x)
    np.testing.assert_array_equal(data.law, solved.law.numpy()[np.ix_(inside, inside)])
    for part in (look.percent(solved.both, 2), look.fmt(solved.wait, 3), look.fmt(solved.loss, 3)):
        assert f"**{part}**" in D4C.alt(data)


def test_the_plane_is_the_chain_of_its_loss():
    w = torch.tensor([[0.3, -1.2], [2.0, 0.7]], dtype=torch.float64, requires_grad=True)
    plane.loss(w, 9).sum().backward()
    torch.testing.assert_close(w.grad, (w.detach() - plane.CENTRE) @ plane.hessian(9))
    assert torch.linalg.eigvalsh(plane.hessian(9)).tolist() == pytest.approx([1, 9])
    found = plane.solve(step_size=0.05, noise=3.0, valley=3)
    T = chain2d.transition(plane.X, lambda w: (w - plane.CENTRE) @ plane.hessian(3), step_size=0.05, noise=3.0)
    pi = found.law.ravel()
    torch.testing.assert_close(pi @ T, pi, rtol=0, atol=1e-13)
    assert found.loss == pytest.approx(float(pi @ plane.loss(chain2d.points(plane.X), 3)))
    assert found.wait == pytest.approx(1 / float(pi @ (1 - T.diagonal())))
    steps, both = plane.both_over_steps(noise=3.0, valley=3)
    assert both[:-1] == pytest.approx(both[1:] * steps[:-1] / steps[1:], rel=0.3)
    assert both[0] / both[2] == pytest.approx(0.1, rel=0.01)
