"""The notebooks run: every cell through nbval, other parameters and bad ones through papermill."""

import os
import subprocess
import sys

import pytest
from shelf import BOOK_NAMES, BOOKS, LESSONS, NAMES, book

from qlab.lessons.build import read
from qlab.schema import LESSONS as SCHEMAS
from qlab.schema import ParameterError

RICHEST = max(LESSONS, key=lambda lesson: len(SCHEMAS[lesson.number].names()))


def environment(**extra):
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("QLAB_VIEW", "QLAB_PRESET", "PYTEST_"))}
    return {**keep, "OMP_NUM_THREADS": "1", "QLAB_VIEW": "static", **extra}


@pytest.mark.parametrize(("lesson", "solved"), BOOKS, ids=BOOK_NAMES)
def test_nbval(lesson, solved, tmp_path):
    """Every cell runs; checks, predictions and (solved) verdicts say what is stored."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    words = [
        "-m",
        "pytest",
        "--nbval-lax",
        "--nbval-current-env",
        "--nbval-cell-timeout",
        "300",
        "-p",
        "no:cacheprovider",
    ]
    words += ["-c", str(tmp_path / "pytest.ini"), "-q", str(lesson.notebook(solved))]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=lesson.project,
        env=environment(QLAB_PRESET="full" if solved else "quick"),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    cells = sum(cell.cell_type == "code" for cell in book(lesson, solved).cells)
    assert f"{cells} passed" in done.stdout


def papermill(lesson, out, *parameters):
    words = [str(lesson.notebook(False)), str(out), "--no-progress-bar", *parameters]
    return subprocess.run(
        [sys.executable, "-m", "papermill", *words],
        cwd=lesson.project,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
    )


def other_values(schema):
    """Values that are no defaults: another seed, one more bit, a larger step."""
    values = {"SEED": 7}
    for name in ("BITS", "STEP_SIZE"):
        if name in schema.names():
            control = schema.control(name)
            values[name] = control.default + 1 if control.type == "int" else (control.max + control.default) / 2
    return schema.check(values)


def test_other_parameters_run_small_and_without_widgets(tmp_path):
    P = other_values(SCHEMAS[RICHEST.number])
    words = P.command().split()[3:]
    done = papermill(RICHEST, tmp_path / "out.ipynb", *words)
    assert done.returncode == 0, done.stderr[-4000:]
    result = read(tmp_path / "out.ipynb")
    assert (tmp_path / "out.ipynb").stat().st_size < 300_000
    assert "widgets" not in result.metadata
    setup = next(cell for cell in result.cells if "setup" in cell.metadata.get("tags", []))
    shown = "".join(output.data["text/plain"] for output in setup.outputs)
    assert all(name in shown for name in P.changed())


@pytest.mark.parametrize("lesson", LESSONS, ids=NAMES)
def test_bad_values_of_every_parameter_are_refused(lesson):
    schema = SCHEMAS[lesson.number]
    for name in schema.names():
        control = schema.control(name)
        bad = {"int": [2.5, "1", None, True], "float": ["0.1", None, True, float("nan")], "bool": ["false", 0]}
        values = bad.get(control.type, [0.123, None, "no such choice"])
        values += [edge + step for edge, step in ((control.min, -1), (control.max, 1)) if edge is not None]
        for value in values:
            if value in control.choices and type(value) is type(control.default):
                continue
            with pytest.raises(ParameterError, match=name):
                schema.check({name: value})
        for wrong in (name.lower(), name.replace("_", "") + "X"):
            with pytest.raises(ParameterError, match=f"{wrong} is not a parameter"):
                schema.check({wrong: control.default})


def test_a_bad_parameter_stops_papermill_in_the_setup_cell(tmp_path):
    """All four mistakes at once: one run, one message, nothing computed."""
    schema = SCHEMAS[RICHEST.number]
    controls = [schema.control(name) for name in schema.names()]
    whole = next(c.name for c in controls if c.type == "int" and not c.choices)
    step = "STEP_SIZE" in schema.names()
    words = ["-p", "SEEDD", "1", "-p", "seed", "1", "-p", whole, "2.5", *(["-p", "STEP_SIZE", "-1"] if step else [])]
    done = papermill(RICHEST, tmp_path / "out.ipynb", *words)
    assert done.returncode != 0
    for phrase in ("ParameterError", "SEEDD is not a parameter", "did you mean SEED", "seed is not a parameter"):
        assert phrase in done.stderr
    assert f"{whole} = 2.5: allowed is a whole number" in done.stderr
    assert not step or "STEP_SIZE = -1: allowed is a number from" in done.stderr
    ran = [c for c in read(tmp_path / "out.ipynb").cells if c.cell_type == "code" and c.execution_count is not None]
    assert "setup" in ran[-1].metadata.tags
    assert len(ran) == 3
