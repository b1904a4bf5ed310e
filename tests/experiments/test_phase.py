"""SGDA's phase diagram: the linearised border is the border of the runs; beyond it a small step size does not help."""

import numpy as np
import pytest
import torch

import qlab
from qlab.constraints import psi, slope
from qlab.experiments import phase

LEVELS = torch.tensor([-1.0, 1.0], dtype=torch.float64)


@pytest.fixture(scope="module")
def point():
    return phase.blocked(target=0.3, curvature=1.0, eps_hat=0.1)


def test_the_point_is_a_kkt_point(point):
    """psi = 0, F' = λ psi', λ > 0, and psi'' is the slope of psi'."""
    w = torch.tensor(point.w, dtype=torch.float64)
    assert psi(w, LEVELS, 0.1).abs() < 1e-15
    assert slope(w, LEVELS).item() == pytest.approx(point.p)
    assert point.w - 0.3 == pytest.approx(point.lam * point.p)
    h = 1e-6
    assert ((slope(w + h, LEVELS) - slope(w - h, LEVELS)) / (2 * h)).item() == pytest.approx(point.psi2, rel=1e-6)
    with pytest.raises(ValueError, match="between the midpoint 0 and the island's end"):
        phase.blocked(target=0.9)


@pytest.mark.parametrize("update", ["simultaneous", "alternating"])
def test_the_border_is_that_of_the_eigenvalues_of_one_step(update, point):
    """J by finite differences of `qlab.step` itself."""

    def one(w, lam, step_size, dual_step):
        state = {"lam": torch.tensor([lam], dtype=torch.float64)}
        w = torch.tensor([w], dtype=torch.float64)
        settings = {"eps_hat": 0.1, "dual_step": dual_step, "update": update, "scale": "one", "state": state}
        new = qlab.step("sgda", w, w - 0.3, lr=step_size, **settings)
        return np.array([new.item(), state["lam"].item()])

    base, h = np.array([point.w, point.lam]), 1e-6
    for step_size in (0.05, 0.3, 0.55, 0.8):
        for dual_step in (0.1, 2.0, 3.5, 20.0):
            columns = [
                (one(*(base + e), step_size, dual_step) - one(*(base - e), step_size, dual_step)) / (2 * h)
                for e in h * np.eye(2)
            ]
            radius = np.abs(np.linalg.eigvals(np.stack(columns, axis=1))).max()
            assert abs(radius - 1) > 1e-4  # no point on the border
            assert phase.stable(point, step_size, dual_step, update) == (radius < 1)


def test_runs_converge_where_the_border_says_so(point):
    step_size, dual_step = np.array([0.02, 0.1, 0.3]), np.array([0.1, 1.0, 2.0, 4.0, 8.0])
    table = phase.diagram(step_size, dual_step, update=["simultaneous", "alternating"], steps=1200)
    for update in ("simultaneous", "alternating"):
        found = table.phase.sel(update=update).isel(seed=0)
        expected = phase.stable(point, step_size[:, None], dual_step[None], update)
        assert np.array_equal(found == phase.CONVERGES, expected)
    converged = table.where(table.phase == phase.CONVERGES)
    np.testing.assert_allclose(converged.end.values[~np.isnan(converged.end)], point.w, atol=1e-4)


def test_no_small_step_size_cures_a_large_dual_step(point):
    """Simultaneous, as S0 prints it: 1.3 k/p² circles at any step size; alternating converges."""
    dual = [1.3 * phase.largest_dual_step(point)]
    table = phase.diagram([0.01, 0.03], dual, update=["simultaneous", "alternating"], steps=1200)
    assert (table.phase.sel(update="simultaneous") == phase.CYCLES).all()
    assert (table.phase.sel(update="alternating") == phase.CONVERGES).all()


def test_a_large_step_diverges():
    table = phase.diagram([3.0], [0.1, 30.0], steps=200)
    assert (table.phase == phase.DIVERGES).all()
