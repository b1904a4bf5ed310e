"""The command: clear messages, exit codes, no traceback for a user's error."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from qlab import cli
from qlab.cli import app
from qlab.lessons import health
from qlab.lessons.health import Finding, findings, numbers, report


def qlab(*words):
    result = CliRunner().invoke(app, words)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def test_the_doctor_finds_this_environment_ready():
    result = qlab("doctor")
    assert result.exit_code == 0, result.output
    assert "This machine is ready." in result.output


def test_the_doctor_names_what_is_wrong_and_what_to_do(monkeypatch):
    result = qlab("doctor", "--device", "cuda:77")
    assert result.exit_code == 1
    assert "present: cpu" in result.output
    assert "what to do" in result.output

    monkeypatch.setattr(health, "version", lambda package: None if package == "papermill" else (99,))
    assert "missing: papermill" in health.packages().words
    monkeypatch.setattr(health, "version", lambda package: (5, 24) if package == "plotly" else (99,))
    assert health.widgets().state == "problem"
    assert "plotly" in health.widgets().words


def test_a_look_that_fails_is_a_finding(monkeypatch):
    monkeypatch.setattr(health, "packages", lambda: 1 / 0)
    assert any("ZeroDivisionError" in f.words for f in findings())


def test_a_kernel_of_another_environment_is_a_problem(monkeypatch):
    monkeypatch.setattr(health, "_kernelspec_prefix", lambda: "/somewhere/else")
    assert health.one_environment().state == "problem"


def test_the_report_counts_problems_only():
    found = [Finding("a", "ok", "x"), Finding("b", "note", "y", "z"), Finding("c", "problem", "y", "z")]
    assert "1 problem:" in report(found)
    assert "ready" in report(found[:2])


@pytest.mark.parametrize(("text", "value"), [("2.15.0+cpu", (2, 15, 0)), ("4.6.6", (4, 6, 6)), ("7.0rc1", (7, 0, 1))])
def test_versions_are_numbers(text, value):
    assert numbers(text) == value


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["lessons", "77"], 2, "unknown lesson '77'; lessons: 00_start_here"),
        (["lessons", "--device", "cuda:77"], 2, "present: cpu"),
        (["build", "77"], 2, "unknown lesson"),
        (["data", "digitz"], 2, "did you mean 'digits'"),
        (["data", "--fetch"], 2, "needs the name"),
        (["data", "folder:/nowhere/at/all"], 0, "not here"),
        (["data", "folder:/nowhere/at/all", "--fetch"], 2, "nowhere"),
        (["data"], 0, "digits: handwritten digits"),
        (["lessons", "03", "--parameters"], 0, "| `STEP_SIZE` |"),
    ],
)
def test_messages_and_exit_codes(words, code, says):
    result = qlab(*words)
    assert (result.exit_code, says in result.output) == (code, True), result.output


def test_train_gets_its_words_unchanged(monkeypatch):
    import qlab.train.__main__ as train_main

    got = []
    monkeypatch.setattr(train_main, "main", lambda argv: got.append(argv) or 3)
    result = qlab("train", "--method", "bc", "--help", "--set", "box=1", "-x")
    assert got == [["--method", "bc", "--help", "--set", "box=1", "-x"]]
    assert result.exit_code == 3


def test_the_installed_command_starts_without_loading_torch():
    code = "import sys, qlab.cli; sys.exit('torch' in sys.modules or 'plotly' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_an_interrupt_is_one_line(monkeypatch, capsys):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", interrupted)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 130
    assert capsys.readouterr().err == "qlab: interrupted\n"
