"""Answers are judged on inputs; a stub is never accepted; `same` finds a single different number."""

import numpy as np
import pytest
import torch

from qlab.lessons.answers import Exercise, check, find, judge
from qlab.lessons.equal import same
from qlab.lessons.exercises import lesson00

SIGN = Exercise(reference=lambda w: np.where(w >= 0, 1.0, -1.0), inputs=lambda: [{"w": 0.2}, {"w": -0.3}, {"w": 0.0}])


def stub(w):
    return ...


def unwritten(w):
    raise NotImplementedError


@pytest.mark.parametrize("answer", [..., None, stub, unwritten, lambda w: None])
def test_a_stub_is_not_answered_yet(answer):
    assert judge(SIGN, answer).status == "not answered yet"


@pytest.mark.parametrize("reference", [..., None])
def test_a_stub_is_not_accepted_even_where_it_equals_the_reference(reference):
    assert judge(Exercise(reference=reference), reference).status == "not answered yet"
    equal = Exercise(reference=lambda w: reference, inputs=lambda: [{"w": 1}])
    assert judge(equal, stub).status == "not answered yet"


def test_a_right_answer_is_correct_in_any_numeric_type():
    assert judge(SIGN, lambda w: 1 if w >= 0 else -1).status == "correct"
    assert judge(SIGN, lambda w: torch.tensor(1.0 if w >= 0 else -1.0)).status == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda w: 1, "for w=-0.3 expected -1, got 1"),
        (lambda w: np.sign(w), "for w=0 expected 1, got 0"),
        (lambda w: [1, 1], "expected shape"),
        (lambda w: "one", "expected numbers"),
        (lambda w: float("nan"), "for w=0.2 expected 1, got nan"),
        (lambda w: 1 / 0, "ZeroDivisionError"),
        (lambda v: v, "TypeError"),
        (3, "expected a function"),
    ],
)
def test_a_wrong_answer_comes_with_its_first_counterexample(answer, words):
    result = judge(SIGN, answer)
    assert result.status == "not yet"
    assert words in result.why


def test_an_answer_that_changes_its_input_cannot_spoil_the_reference():
    doubled = Exercise(reference=lambda w: 2 * w, inputs=lambda: [{"w": np.ones(3)}])

    def spoiled(w):
        w *= 0
        return w

    assert judge(doubled, spoiled).status == "not yet"


def test_values_and_words():
    assert judge(Exercise(reference=0.5), 0.5).status == "correct"
    assert "0.4 is not it" in judge(Exercise(reference=0.5), 0.4).why
    assert judge(Exercise(reference="SR"), " sr").status == "correct"
    assert judge(Exercise(reference="SR"), "bc").status == "not yet"


def test_an_exercise_without_cases_is_refused():
    with pytest.raises(ValueError, match="at least one case"):
        judge(Exercise(reference=lambda w: w, inputs=list), lambda w: w)


def test_an_unknown_exercise_lists_those_there_are():
    known = next(iter(lesson00.EXERCISES))
    with pytest.raises(ValueError, match=known):
        find("00.99")


def test_the_line_and_the_hint(capsys, monkeypatch):
    monkeypatch.setitem(lesson00.EXERCISES, "00.7", Exercise(reference=0.5, hint="half"))
    check("00.7", 0.5)
    check("00.7", ...)
    check("00.7", 0.4)
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["00.7 correct", "00.7 not answered yet", "00.7 not yet: 0.4 is not it", "     hint: half"]


def test_same_says_yes_and_finds_a_difference(capsys):
    def plus(w, g, lr):
        return w - lr * g

    def other(w, g, lr):
        step = w - lr * g
        step[3] += 1e-6
        return step

    same(plus, plus, w="normal", g="normal", lr=0.1)
    same(other, plus, w="normal", g="normal", lr=0.1)
    yes, no = capsys.readouterr().out.splitlines()
    assert yes == "same as the library: yes (100 random inputs)"
    assert no.startswith("same as the library: no")
    assert "at index 3" in no


def test_same_gives_numpy_arrays_and_new_numbers_each_time(capsys):
    seen = []

    def mine(w):
        assert isinstance(w, np.ndarray)
        seen.append(float(w[0]))
        return np.abs(w)

    same(mine, lambda w: w.abs(), n=20, numpy=True, w="uniform")
    assert len(set(seen)) == 20
    assert all(0 <= v < 1 for v in seen)
    assert "yes (20" in capsys.readouterr().out


def test_same_needs_arguments_and_cases():
    with pytest.raises(ValueError, match="by name"):
        same(abs, abs)
    with pytest.raises(ValueError, match="at least 1"):
        same(abs, abs, n=0, w="normal")
