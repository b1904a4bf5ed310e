"""The teacher-student problem: what is true of it beyond every problem (`test_problems.py`)."""

import pytest
import torch

from qlab.problems import Problem, TeacherStudent, problem
from qlab.problems.teacher_student import covariance
from qlab.theory import two_layer_samples

SEEDS = torch.tensor([3, 5, 8])


def test_the_planted_teacher_is_on_the_grid_and_the_minimum():
    p = problem("teacher-student", condition=10.0, seed=SEEDS)
    assert p.w_star.abs().unique().tolist() == [1.0]
    assert p.loss(p.w_star).abs().max() < 1e-14
    assert (p.loss(p.start(SEEDS, dtype=torch.float64)) > 0).all()
    on_samples = problem("teacher-student", samples=40, seed=SEEDS)
    assert on_samples.loss(on_samples.w_star).tolist() == [0.0] * 3


@pytest.mark.parametrize("condition", [1.0, 30.0])
def test_the_inputs_have_their_condition(condition):
    p = TeacherStudent(condition=condition, seed=2)
    values = torch.linalg.eigvalsh(p.covariance)
    assert (values[-1] / values[0]).item() == pytest.approx(condition)
    assert values.prod().item() == pytest.approx(1)


@pytest.mark.parametrize("surrogate", ["true", "identity", "relu", "clipped-relu"])
def test_a_coarse_gradient_stands_in_for_the_first_layer_alone(surrogate):
    settings = {"condition": 4.0, "clip": 0.5, "seed": SEEDS}
    p = TeacherStudent(surrogate=surrogate, **settings)
    w = p.start(SEEDS, dtype=torch.float64)
    (v, w1), model = p.split(w), p.model(w)
    g_v, g_w = p.split(p.gradient(w))
    torch.testing.assert_close(g_v, p.split(Problem.gradient(p, w))[0])
    expected = model.gradient_w(v, w1) if surrogate == "true" else model.coarse(v, w1, surrogate, 0.5)
    torch.testing.assert_close(g_w, expected)


@pytest.mark.parametrize("surrogate", ["true", "relu"])
def test_on_samples_rows_are_a_mean_and_an_instance_is_the_instance_alone(surrogate):
    settings = {"samples": 30, "condition": 3.0, "surrogate": surrogate}
    p = TeacherStudent(seed=SEEDS, **settings)
    w = p.start(SEEDS, dtype=torch.float64)
    parts = [torch.arange(15), torch.arange(15, 30)]
    parts = [rows.expand(3, -1) for rows in parts]
    torch.testing.assert_close(sum(p.loss(w, rows) for rows in parts) / 2, p.loss(w))
    torch.testing.assert_close(sum(p.gradient(w, rows) for rows in parts) / 2, p.gradient(w))
    for i, seed in enumerate(SEEDS.tolist()):
        alone = TeacherStudent(seed=seed, **settings)
        torch.testing.assert_close(p.loss(w)[i], alone.loss(w[i]))
        torch.testing.assert_close(p.gradient(w)[i], alone.gradient(w[i]))
    if surrogate == "true":
        assert p.split(p.gradient(w))[1].abs().max() == 0


def test_samples_are_drawn_from_the_inputs():
    p = TeacherStudent(samples=40_000, condition=10.0, seed=1)
    w = p.start(1, dtype=torch.float64)
    spread = two_layer_samples.loss(p.model(w), *p.split(w), p.Z.view(200, 200, 3, 4))
    assert abs(p.loss(w) - p.model(w).loss(*p.split(w))) < 4 * spread.std() / 200**0.5


def test_bad_settings_are_named():
    with pytest.raises(ValueError, match="did you mean 'clipped-relu'"):
        TeacherStudent(surrogate="clip-relu")
    with pytest.raises(ValueError, match="1 for a single input"):
        covariance(1, 2.0)
    with pytest.raises(ValueError, match=r"condition = 0\.5"):
        TeacherStudent(condition=0.5)
    with pytest.raises(ValueError, match="units=0"):
        TeacherStudent(units=0)
