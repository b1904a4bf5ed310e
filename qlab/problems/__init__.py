"""Small problems whose answer is known: objectives with their gradients, as pure functions of tensors."""

from collections.abc import Callable

from qlab.messages import unknown
from qlab.problems.base import Problem
from qlab.problems.linear import Hinge, Logistic, ReLURegression
from qlab.problems.moons import Moons
from qlab.problems.quadratic import Quadratic
from qlab.problems.teacher_student import TeacherStudent
from qlab.problems.wells import Wells

PROBLEMS: dict[str, Callable[..., Problem]] = {
    "wells": Wells,
    "quadratic": Quadratic,
    "logistic-planted": lambda **settings: Logistic("planted", **settings),
    "logistic-hard": lambda **settings: Logistic("hard", **settings),
    "moons": Moons,
    "moons-bn": lambda **settings: Moons(batch_norm=True, **settings),
    "moons-bias": lambda **settings: Moons(bias=True, **settings),
    "hinge": Hinge,
    "relu": ReLURegression,
    "teacher-student": TeacherStudent,
}
"""Every problem by its slug: a function of its settings."""


def problem(slug: str | Problem, **settings) -> Problem:
    """The problem of a slug with settings such as d, n, seed; a Problem is returned as it is.

    ValueError for an unknown slug, with the nearest; TypeError for settings that the problem does not have.
    """
    if isinstance(slug, Problem):
        if settings:
            raise TypeError(f"{slug!r} is made already; settings {', '.join(settings)} go where it is made")
        return slug
    if slug not in PROBLEMS:
        raise ValueError(unknown("problem", slug, PROBLEMS))
    return PROBLEMS[slug](**settings)


__all__ = [
    "PROBLEMS",
    "Hinge",
    "Logistic",
    "Moons",
    "Problem",
    "Quadratic",
    "ReLURegression",
    "TeacherStudent",
    "Wells",
    "problem",
]
