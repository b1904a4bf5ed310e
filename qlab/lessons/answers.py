"""Exercises: an answer is tried on inputs against the reference; the first counterexample and a hint are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from qlab.lessons.emit import emit
from qlab.lessons.equal import difference, short
from qlab.messages import unknown


@dataclass(frozen=True)
class Exercise:
    """One exercise of a lesson.

    reference: the right function, or the right value of an exercise whose answer is a value.
    inputs: for a function, returns the cases, each a dict of keyword arguments (the message shows them: "for w=0.2");
        the first failing one is reported, so simple cases come first.
    hint: shown after a wrong answer. tolerance: absolute and relative.
    """

    reference: Any
    inputs: Callable[[], Iterable[dict[str, Any]]] | None = None
    hint: str = ""
    tolerance: float = 1e-9


@dataclass(frozen=True)
class Result:
    """`status`: "correct", "not answered yet" or "not yet"; `why`: the first counterexample."""

    status: str
    why: str = ""


def exercises(lesson: str) -> dict[str, Exercise]:
    """The exercises of a lesson: `EXERCISES` of `qlab/lessons/exercises/lesson03.py`, none if there is no such file."""
    return _beside(lesson, "EXERCISES")


def predictions(lesson: str) -> dict[str, int]:
    """The option that turns out right of each prediction of a lesson: `PREDICTIONS` in the same file."""
    return _beside(lesson, "PREDICTIONS")


def _beside(lesson: str, name: str) -> dict[str, Any]:
    module = f"qlab.lessons.exercises.lesson{lesson}"
    return getattr(import_module(module), name, {}) if find_spec(module) else {}


def find(id: str) -> Exercise:
    """The exercise "03.1"; ValueError names those of the lesson."""
    known = exercises(id.split(".")[0])
    if id not in known:
        raise ValueError(unknown("exercise", id, known))
    return known[id]


def judge(exercise: Exercise, answer: Any) -> Result:
    """Judge an answer. A stub is none: `...`, None, a function returning one of them or raising NotImplementedError."""
    if answer is ... or answer is None:
        return Result("not answered yet")
    if exercise.inputs is None:
        return Result("correct") if _is_value(answer, exercise) else Result("not yet", f"{short(answer)} is not it")
    if not callable(answer):
        return Result("not yet", f"expected a function, got {short(answer)}")
    tried = 0
    for case in exercise.inputs():
        tried += 1
        given = "for " + ", ".join(f"{name}={short(value)}" for name, value in case.items())
        try:
            got = answer(**deepcopy(case))
        except NotImplementedError:
            return Result("not answered yet")
        except Exception as error:
            return Result("not yet", f"{given} it raised {type(error).__name__}: {error}")
        if got is ... or got is None:
            return Result("not answered yet")
        apart = difference(got, exercise.reference(**deepcopy(case)), exercise.tolerance)
        if apart:
            return Result("not yet", f"{given} {apart}")
    if not tried:
        raise ValueError("an exercise needs at least one case")
    return Result("correct")


def _is_value(answer: Any, exercise: Exercise) -> bool:
    if isinstance(exercise.reference, str):
        return isinstance(answer, str) and answer.strip().lower() == exercise.reference.lower()
    return difference(answer, exercise.reference, exercise.tolerance) is None


def check(id: str, answer: Any) -> None:
    """Judge the answer to exercise `id`: "03.1 correct", "03.1 not answered yet", "03.1 not yet: for w=0.2 ..."."""
    exercise = find(id)
    result = judge(exercise, answer)
    text = f"{id} {result.status}"
    if result.why:
        text += f": {result.why}" + (f"\n     hint: {exercise.hint}" if exercise.hint else "")
    emit(text, check={"id": id, "status": result.status})
