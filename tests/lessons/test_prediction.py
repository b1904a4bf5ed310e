"""Predictions are recorded whole, never leak the answer, and meet the outcome."""

import pytest

from qlab.lessons import prediction
from qlab.lessons.comparison import Row, compare, flag, recorded_file
from qlab.lessons.places import write
from qlab.lessons.prediction import outcome, predict, record, recorded


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    (tmp_path / "notebooks" / "src").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QLAB_VIEW", "static")


def test_the_static_text_is_constant_and_hides_the_answer(capsys):
    predict("03.a", "Which one moves?", ["BC", "SR"], answer="SR")
    first = capsys.readouterr().out
    predict("03.a", "Which one moves?", ["BC", "SR"], answer="BC")
    assert first == capsys.readouterr().out == "03.a Which one moves?\n  (a) BC\n  (b) SR\n"


def test_a_live_prediction_is_recorded_and_shown_against_the_outcome(monkeypatch, capsys):
    predict("03.a", "Which one moves?", ["BC", "SR"], answer=1)
    record("03.a", "Which one moves?", "BC")
    assert recorded("03.a") == "BC"
    monkeypatch.setenv("QLAB_VIEW", "live")
    capsys.readouterr()
    outcome("03.a")
    assert capsys.readouterr().out == "03.a what happened: SR\n     you predicted: BC (it came differently: why?)\n"


def test_the_radio_buttons_record_a_choice(monkeypatch):
    import ipywidgets as widgets

    made = []
    monkeypatch.setenv("QLAB_VIEW", "live")
    original = widgets.RadioButtons

    def spy(*args, **kwargs):
        made.append(original(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(widgets, "RadioButtons", spy)
    predict("03.b", "Which?", ["x", "y"], answer="x")
    made[0].value = "y"
    assert recorded("03.b") == "y"
    predict("03.b", "Which?", ["x", "y"], answer="x")
    assert made[1].value == "y"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"x": 1}'])
def test_a_damaged_record_is_no_record(text):
    write(prediction._file("03.c"), text)
    assert recorded("03.c") is None


def test_bad_questions_are_refused():
    with pytest.raises(ValueError, match="two to four"):
        predict("x", "q", ["only"])
    with pytest.raises(ValueError, match="none of its options"):
        predict("x", "q", ["a", "b"], answer="c")
    with pytest.raises(ValueError, match="run its predict cell"):
        outcome("never asked")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "runs" / "x.json"
    write(path, "old")
    with pytest.raises(TypeError):
        write(path, 5)
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["x.json"]


def test_the_comparison_reads_the_recorded_results_and_flags_differences(capsys):
    write(
        recorded_file("03"),
        "id,value,spread,date,device,versions,commit,seeds\n03.x,0.5,0.01,2026-01-01,cpu,torch 2,abc,10\n",
    )
    compare("03", [Row("03.x", "share", 0.5, 0.505, 0.01), Row("03.y", "law", "about a half", 0.4)])
    same = capsys.readouterr().out
    assert "differs" not in same
    assert "not recorded" in same
    assert "commit abc" in same
    compare("03", [Row("03.x", "share", 0.5, 0.9, 0.01)])
    assert "differs from the document, differs from the recorded run" in capsys.readouterr().out


def test_the_flag_is_three_standard_deviations_wide_and_catches_nan():
    assert not flag(1.0, 1.29, 0.1)
    assert flag(1.0, 1.31, 0.1)
    assert flag(float("nan"), 1.0, 0.1)
    assert not flag(1.0, 1.0, 0.0)
