"""The setup cell reads the parameters cell and papermill's injected cell, nothing else."""

import pytest

from qlab.lessons import setup
from qlab.lessons.setup import assigned, assignments, parameters
from qlab.schema import LESSONS, ParameterError, parameter
from qlab.schema.base import Parameters


class Toy(Parameters):
    lesson = "99"
    notebook = "99_toy"
    BITS: int = parameter(1, help="bits per weight", ge=1, le=8)
    STEP_SIZE: float = parameter(0.01, help="step size", ge=0.001, le=0.1)
    STEPS: int = parameter(4000, help="steps", ge=10, le=10_000, quick=50)


@pytest.fixture(autouse=True)
def _toy(monkeypatch):
    monkeypatch.setitem(LESSONS, "99", Toy)
    monkeypatch.delenv("QLAB_PRESET", raising=False)
    monkeypatch.setattr(setup, "current", {})


def notebook(*cells):
    """A namespace as it is after these cells were run in IPython."""
    space = {"In": ["", *cells]}
    for cell in cells:
        exec(cell, {}, space)
    return space


def test_defaults_are_silent(capsys):
    assert parameters("99", notebook(Toy.cell())) == Toy()
    assert capsys.readouterr().out == ""


def test_an_edited_cell_and_an_injected_cell_count_and_the_difference_is_shown(capsys):
    edited = Toy.cell().replace("BITS: int = 1", "BITS: int = 3")
    P = parameters("99", notebook(edited, "# Parameters\nSTEP_SIZE = 0.02\n"))
    assert (P.BITS, P.STEP_SIZE) == (3, 0.02)
    out = capsys.readouterr().out
    assert "BITS" in out
    assert "0.02" in out
    assert "STEPS" not in out


@pytest.mark.parametrize(
    ("injected", "words"),
    [
        ("STEPSIZE = 0.01", "did you mean STEP_SIZE"),
        ("step_size = 0.01", "did you mean STEP_SIZE"),
        ("BITS = 2.5", "a whole number from 1 to 8"),
        ("STEP_SIZE = -1", "from 0.001 to 0.1"),
        ("STEP_SIZE = float('nan')", "from 0.001 to 0.1"),
        ("BITS = None", "a whole number"),
        ('BITS = "2"', "this is a text"),
        ("X = Y = 1", "X is not a parameter"),
    ],
)
def test_bad_injected_parameters_stop_the_run(injected, words):
    with pytest.raises(ParameterError, match=words):
        parameters("99", notebook(Toy.cell(), f"# Parameters\n{injected}\n"))


@pytest.mark.parametrize(
    "line", ["STEPSIZE: float = 0.01", "STEPSIZE = 0.01", "Bits: int = 2", "(BITS, STEPZ) = (1, 2)"]
)
def test_a_misspelt_name_in_the_parameters_cell_stops_the_run(line):
    with pytest.raises(ParameterError, match="did you mean"):
        parameters("99", notebook(Toy.cell() + "\n" + line))


@pytest.mark.parametrize(
    "own",
    [
        "STEPSIZE = 'mine'",
        "step_size = 1",
        "BITS = 'abc'",
        "Bits = []",
        "parameters = {}\nIn = 5",
        "lesson = 99",
        "x = 1",
    ],
)
def test_a_learners_own_variables_never_stop_the_run(own):
    cells = [Toy.cell(), own]
    space = notebook(*cells)
    space["In"] = ["", *cells]
    assert parameters("99", space) == Toy()


def test_running_the_parameters_cell_again_means_its_values():
    space = notebook(Toy.cell(), "# Parameters\nBITS = 4\n", Toy.cell().replace("BITS: int = 1", "BITS: int = 2"))
    assert parameters("99", space).BITS == 2


def test_a_corrected_cell_forgets_the_mistake():
    assert parameters("99", notebook(Toy.cell() + "\nSTEPSIZE = 1", Toy.cell())) == Toy()


def test_an_expression_has_the_value_of_the_namespace():
    edited = Toy.cell().replace("= 0.01", "= 1 / 64")
    assert parameters("99", notebook(edited)).STEP_SIZE == 1 / 64


def test_without_the_parameters_cell_the_defaults_are_used_and_said(capsys):
    assert parameters("99", notebook("BITS = 'abc'")) == Toy()
    assert "has not been run" in capsys.readouterr().out


def test_another_lessons_cell_is_not_this_lessons():
    other = Toy.cell().replace("lesson 99", "lesson 98").replace("BITS: int = 1", "BITS: int = 77")
    assert parameters("99", notebook(Toy.cell(), other)) == Toy()


def test_in_a_plain_script_known_names_are_read():
    assert parameters("99", {"BITS": 2, "bits": "x"}).BITS == 2
    with pytest.raises(ParameterError):
        parameters("99", {"BITS": 2.5})


def test_the_quick_preset_changes_what_is_at_its_default_only(monkeypatch):
    monkeypatch.setenv("QLAB_PRESET", "quick")
    assert parameters("99", notebook(Toy.cell())).STEPS == 50
    assert parameters("99", notebook(Toy.cell(), "# Parameters\nSTEPS = 99\n")).STEPS == 99


def test_an_unknown_preset_is_refused(monkeypatch):
    monkeypatch.setenv("QLAB_PRESET", "quik")
    with pytest.raises(ParameterError, match="did you mean 'quick'"):
        parameters("99", notebook(Toy.cell()))


def test_an_unknown_lesson_lists_those_there_are():
    with pytest.raises(ParameterError, match="00"):
        parameters("77", {})


def test_assignments_see_the_top_level_only():
    assert set(assignments("a = 1\nb: int = 2\nc, d = 1, 2\nc.x = 3\ndef f():\n    e = 1\n%magic")) == set()
    assert set(assignments("a = 1\nb: int = 2\nc, *d = 1, 2\nif 1:\n    e = 1\nx[0] = 1")) == {"a", "b", "c", "d"}
    assert assigned("99", ["x = 1"], {}) is None
