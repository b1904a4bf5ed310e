"""Demo D5: islands, slope and velocity are the library's, and the sentence tells the cases of S0 5 apart."""

import re

import numpy as np
import pytest
import torch

import qlab
from qlab.constraints import eps_of, psi, slope
from qlab.demos import look
from qlab.demos.d06_wells import LEVELS, Wells, X
from qlab.demos.patch import diff
from qlab.schema.lessons.lesson06 import Lesson06

DEMO = Wells()


def compute(**changes):
    return DEMO.compute(Lesson06().replace(**changes))


@pytest.mark.parametrize("levels", LEVELS)
@pytest.mark.parametrize("eps_hat", [0.001, 0.1, 0.99])
def test_a_point_is_in_a_band_exactly_where_psi_is_not_negative(levels, eps_hat):
    data = compute(LEVELS=levels, EPS_HAT=eps_hat)
    inside = ((X.numpy()[:, None] >= data.ends[:, 0]) & (X.numpy()[:, None] <= data.ends[:, 1])).any(1)
    assert np.array_equal(inside, data.psi >= 0)
    c = torch.tensor(LEVELS[levels], dtype=torch.float64)
    unit = eps_of(1.0, data.gap)
    np.testing.assert_allclose(data.psi, (psi(X, c, eps_hat * unit) / unit).numpy())
    assert (data.limit[(X.numpy() > c[0].item()) & (X.numpy() < c[-1].item())] >= 0).all()  # the islands touch


def test_without_a_clip_the_velocity_is_that_of_the_method_mj_and_with_one_that_of_askew():
    data = compute(EPS_HAT=0.2, PUSH=2.0, TARGET=-0.4, PUSH_MAX="2")
    setting = {"bits": 1, "family": "symmetric", "scale": "one", "eps_hat": 0.2, "push": 2.0}
    mj = (qlab.step("mj", X, X + 0.4, lr=1.0, **setting) - X).numpy()
    askew = (qlab.step("askew", X, X + 0.4, lr=1.0, push_max=2.0, **setting) - X).numpy()
    np.testing.assert_allclose(data.unclipped, mj, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(data.clipped, askew, rtol=1e-9, atol=1e-9)


def test_the_arrow_is_the_tangent_cone():
    for w in (-1.7, -1.0, -0.3, 0.0, 0.3, 0.9, 1.9):
        data = compute(W=w)
        arrow = next(t["text"][0] for t in DEMO.figure(data)["data"] if "text" in t)
        c, here = torch.tensor([-1.0, 1.0], dtype=torch.float64), torch.tensor([w], dtype=torch.float64)
        feasible, way = float(psi(here, c, 0.1)) >= 0, float(slope(here, c))
        assert arrow == f"<b>{'↔' if feasible else '×' if way == 0 else '→' if way > 0 else '←'}</b>"


def test_the_sentence_and_the_key_numbers_are_the_data():
    data = compute()
    assert re.findall(r"\*\*(.+?)\*\*", DEMO.alt(data)) == [
        "0.1", look.fmt(data.inward), f"v = {look.fmt(data.v)}", look.percent(data.share),
    ]  # fmt: skip
    assert [key.value for key in DEMO.keys(data)] == [look.fmt(v) for v in (data.v, data.inward, data.eps)]
    assert data.inward == pytest.approx(1 - np.sqrt(1 - np.sqrt(0.1)))


def test_the_sentence_tells_the_cases_apart():
    assert "both ways are open" in DEMO.alt(compute(W=0.9))
    assert "overrules descent" in DEMO.alt(compute(W=0.2))
    assert "fast enough" in DEMO.alt(compute(W=1.9))
    assert "a convention" in DEMO.alt(compute(W=0.0))
    assert "no clip" in DEMO.alt(compute(PUSH_MAX="off"))


def test_dragging_moves_only_fast_attributes():
    figure = DEMO.figure(compute())
    for changes in ({"W": -0.7}, {"EPS_HAT": 0.5}, {"PUSH": 4.0}):
        assert {path for _, path, _ in diff(figure, DEMO.figure(compute(**changes)))} <= {"x", "y", "text"}
