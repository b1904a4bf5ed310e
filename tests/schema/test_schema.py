"""One class per lesson is the single source of cell, validation, controls and command."""

import ast
import shlex

import pytest
from pydantic import ValidationError

from qlab.devices import present
from qlab.schema import LESSONS, ParameterError, Parameters, parameter, split
from qlab.schema.fields import nice_step


class Toy(Parameters):
    lesson = "99"
    notebook = "99_toy"
    BITS: int = parameter(1, help="bits per weight", ge=1, le=8, symbol="b")
    STEP_SIZE: float = parameter(0.01, help="step size", ge=0.001, le=0.1, symbol="η", scale="log", document=0.01)
    DECREASE: bool = parameter(False, help="smaller and smaller steps")
    METHODS: str = parameter("bc,sr", help="methods", choices=("bc", "sr", "r"), several=True)
    KIND: str = parameter("fixed", help="kind", choices=("fixed", "1"))
    STEPS: int = parameter(4000, help="steps", ge=10, le=10_000, quick=50)


def test_defaults_pass_and_int_is_accepted_for_float():
    assert Toy.check({}) == Toy()
    assert Toy.check({"STEP_SIZE": 0.05}).STEP_SIZE == 0.05
    wide = type("Wide", (Toy,), {"__annotations__": {"X": float}, "X": parameter(1.0, help="x", ge=0, le=3)})
    assert wide.check({"X": 2}).X == 2.0


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("STEPSIZE", 0.01, ["did you mean STEP_SIZE", "0.001 to 0.1", "BITS"]),
        ("step_size", 0.01, ["did you mean STEP_SIZE"]),
        ("zzz", 1, ["zzz is not a parameter of lesson 99", "METHODS"]),
        ("BITS", 2.5, ["BITS = 2.5", "a whole number from 1 to 8"]),
        ("BITS", 2.0, ["a whole number from 1 to 8"]),
        ("BITS", True, ["a whole number from 1 to 8"]),
        ("BITS", 9, ["BITS = 9", "from 1 to 8"]),
        ("BITS", "2", ["this is a text"]),
        ("BITS", None, ["a whole number from 1 to 8"]),
        ("STEP_SIZE", -1, ["STEP_SIZE = -1", "from 0.001 to 0.1"]),
        ("STEP_SIZE", float("nan"), ["from 0.001 to 0.1"]),
        ("STEP_SIZE", float("inf"), ["from 0.001 to 0.1"]),
        ("DECREASE", "false", ["True or False", "this is a text"]),
        ("DECREASE", 0, ["True or False"]),
        ("METHODS", "bc,rs", ["'rs' is not a choice", "bc, sr, r"]),
        ("METHODS", "bc,bc", ["each choice once"]),
        ("METHODS", "", ["at least one"]),
        ("KIND", "fixde", ["did you mean 'fixed'"]),
        ("DEVICE", "cuda:77", present()),
        ("SEED", -1, ["SEED = -1"]),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(name, value, words):
    with pytest.raises(ParameterError) as error:
        Toy.check({name: value})
    for word in words:
        assert word in str(error.value)


def test_all_problems_are_listed_at_once():
    with pytest.raises(ParameterError) as error:
        Toy.check({"BITS": 2.5, "STEPSIZE": 0.1, "STEP_SIZE": 3})
    assert str(error.value).count("\n  - ") == 3


def test_parameters_are_frozen_and_closed():
    with pytest.raises(ValidationError):
        Toy().BITS = 3
    with pytest.raises(ValidationError):
        Toy(BITS="2")
    with pytest.raises(ParameterError):
        Toy().replace(BITS=99)
    assert Toy().replace(BITS=3).changed() == {"BITS": 3}


def test_the_cell_is_flat_literals_equal_to_the_defaults():
    body = ast.parse(Toy.cell()).body
    assert [node.target.id for node in body] == list(Toy.names())
    assert {n.target.id: ast.literal_eval(n.value) for n in body} == Toy.defaults()
    assert {n.annotation.id for n in body} <= {"float", "int", "str", "bool"}


def test_the_command_names_what_differs_and_reads_back():
    assert Toy().command() == "papermill notebooks/99_toy.ipynb out.ipynb"
    words = shlex.split(Toy.check({"STEP_SIZE": 0.02, "METHODS": "sr,bc", "KIND": "1", "DECREASE": True}).command())
    assert words[3:] == [
        "-p",
        "STEP_SIZE",
        "0.02",
        "-p",
        "DECREASE",
        "True",
        "-p",
        "METHODS",
        "sr,bc",
        "-r",
        "KIND",
        "1",
    ]


def test_a_number_that_is_the_text_of_a_choice_is_that_choice():
    """papermill's -p KIND 1 arrives as a number."""
    assert Toy.check({"KIND": 1}).KIND == "1"
    for value in (True, 2, 1.0):
        with pytest.raises(ParameterError, match="KIND"):
            Toy.check({"KIND": value})


def test_a_device_does_not_leave_the_defaults():
    assert Toy(DEVICE="cpu").at_defaults()
    assert not Toy(SEED=1).at_defaults()


def test_controls_follow_the_type():
    kinds = {name: Toy.control(name).kind for name in Toy.names()}
    assert kinds["BITS"] == kinds["STEP_SIZE"] == "slider"
    assert (kinds["DECREASE"], kinds["METHODS"], kinds["KIND"]) == ("toggle", "several", "choice")
    assert Toy.control("BITS").step == 1
    assert Toy.control("STEP_SIZE").document == 0.01
    with pytest.raises(KeyError, match="STEP_SIZE"):
        Toy.control("STEPS_SIZE")


def test_quick_values_are_only_those_declared():
    assert Toy.quick() == {"STEPS": 50}


@pytest.mark.parametrize(("low", "high", "step"), [(0.0, 1.0, 0.01), (-2.0, 7.0, 0.05), (0.1, 1.0, 0.005), (0, 300, 2)])
def test_steps_are_round(low, high, step):
    assert nice_step(low, high) == step


def test_split_forgives_blanks():
    assert split(" bc, sr,") == ("bc", "sr")


@pytest.mark.parametrize("wrong", [{"scale": "lin"}, {"scale": "log"}, {"update": "always"}, {"several": True}])
def test_a_wrong_declaration_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong)).replace("update", "update=")[:5]):
        parameter(1.0, help="x", **wrong)


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_lesson_declares_valid_defaults(lesson):
    schema = LESSONS[lesson]
    assert schema.lesson == lesson
    assert schema.notebook.startswith(f"{lesson}_")
    assert schema.check(schema.defaults()) == schema()
    assert schema.check(schema.quick()).lesson == lesson
    for name in schema.names():
        assert name == name.upper()
        assert schema.model_fields[name].description
        assert schema.model_fields[name].annotation in (float, int, str, bool)
        control = schema.control(name)
        if control.kind == "slider":
            assert control.min is not None
            assert control.max is not None
            assert control.min <= control.default <= control.max
        document = control.document
        assert document is None or schema.problem(name, document) is None


def test_labels_are_for_the_control_alone():
    fields = {"SHAPE": parameter("clipped-relu", help="shape", choices={"ae": "a.e.", "clipped-relu": "clipped ReLU"})}
    shapes = type("Shapes", (Toy,), {"__annotations__": {"SHAPE": str}, **fields})
    control = shapes.control("SHAPE")
    assert control.choices == ("ae", "clipped-relu")
    assert control.labels == ("a.e.", "clipped ReLU")
    assert shapes.check({"SHAPE": "ae"}).SHAPE == "ae"
    assert shapes.allowed("SHAPE") == "one of: ae, clipped-relu"
    assert Toy.control("METHODS").labels == ()
