"""`qlab lessons`: what fails, what is said, what is written; two real runs of a small project."""

import csv

import pytest
from typer.testing import CliRunner

from qlab.cli import app
from qlab.lessons import run
from qlab.lessons.page import ABROAD
from qlab.lessons.run import Outcome, summary, wrong
from qlab.lessons.source import Lesson, notebook

GOOD = """# %% [markdown]
# # 00 · Good
#
# $\\frac{1}{2}$

# %% tags=["parameters"]
# written by qlab build

# %% tags=["setup"]
import qlab.lessons as lab
P = lab.parameters("00", globals())

# %% tags=["claims"]
claim = lab.Claim("00.C1", "one is more than zero", "S0", expected="EXPECTED")
lab.verdicts([claim.judge([1.0, 1.1] * 5)])

# %% tags=["compare"]
lab.compare("00", [lab.Row("00.x", "one", 1.0, 1.0 + P.SEED)])
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "notebooks" / "src").mkdir(parents=True)
    (tmp_path / "notebooks" / "solutions").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QLAB_PRESET", raising=False)

    def add(name, text):
        from qlab.lessons.build import place

        lesson = Lesson("00", name, tmp_path)
        lesson.source.write_text(text)
        place(lesson, True, notebook(lesson, True))

    return add


def test_good_and_bad_lessons_end_to_end(project, tmp_path):
    project("00_good", GOOD.replace("EXPECTED", "holds"))
    project("00_surprise", GOOD.replace("EXPECTED", "does not hold"))
    result = CliRunner().invoke(app, ["lessons", "--out", "pages", "--record"])
    assert result.exit_code == 1
    good, bad = (next(line for line in result.output.splitlines() if name in line) for name in ("00_good", "00_surpr"))
    assert good.endswith("ok")
    assert "wall" in good
    assert "cpu" in good
    assert "FAILED" in bad
    assert "00.C1" in bad
    assert "DIFFERS" in result.output
    assert "failed: 00_surprise" in result.output
    page = (tmp_path / "pages" / "00_good.html").read_text()
    assert "<mfrac>" in page
    assert not ABROAD.search(page)
    assert (tmp_path / "pages" / "00_good.ipynb").stat().st_size < 300_000
    assert not (tmp_path / "data").exists()

    result = CliRunner().invoke(app, ["lessons", "00_good", "--out", "pages", "--record"])
    assert result.exit_code == 0, result.output
    with (tmp_path / "data" / "recorded" / "lesson00.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["id"], float(row["value"])) == ("00.x", 1.0)
    assert "torch" in row["versions"]


def test_a_project_without_notebooks_says_what_to_do(project, tmp_path):
    result = CliRunner().invoke(app, ["lessons"])
    assert result.exit_code == 2
    project("00_good", GOOD.replace("EXPECTED", "holds"))
    (tmp_path / "notebooks" / "solutions" / "00_good.ipynb").unlink()
    result = CliRunner().invoke(app, ["lessons"])
    assert result.exit_code == 2
    assert "qlab build" in result.output


VERDICT = {"id": "03.C1", "says": "x", "verdict": "holds", "expected": "cannot tell"}


def test_what_a_solved_lesson_must_not_say():
    assert wrong([{"same": True}, {"check": {"id": "03.1", "status": "correct"}}, {}]) == []
    assert len(wrong([{"same": False}])) == 1
    assert "not answered yet" in wrong([{"check": {"id": "03.1", "status": "not answered yet"}}])[0]
    assert "03.C1" in wrong([{"verdicts": [VERDICT], "at_defaults": True}])[0]
    assert wrong([{"verdicts": [VERDICT], "at_defaults": False}]) == []


def test_the_table_names_every_claim():
    outcome = Outcome("03_x", records=[{"verdicts": [VERDICT, {**VERDICT, "id": "03.C2", "expected": "holds"}]}])
    lines = summary([outcome]).splitlines()
    assert "DIFFERS" in next(line for line in lines if "03.C1" in line)
    assert "DIFFERS" not in next(line for line in lines if "03.C2" in line)


def test_a_crashed_run_is_a_failed_lesson(project, monkeypatch, tmp_path):
    project("00_crash", GOOD.replace("claim =", "import os; os._exit(3)\nclaim ="))
    (outcome,) = run.run_all(out=tmp_path / "pages")
    assert outcome.failure
