"""The presenter, the static view, the controls' values and the numbers as text."""

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import Toy, ToyDemo, ToyTraining

from qlab.demos import look, present, show
from qlab.demos.card import Card
from qlab.demos.controls import grid, spec
from qlab.demos.static import WIDTH, Static, wrap
from qlab.demos.training import TrainingCard
from qlab.schema import parameter


class Shell:
    """An IPython whose kernel was asked to run a cell with this metadata."""

    def __init__(self, metadata):
        self.kernel = SimpleNamespace(get_parent=lambda: {"metadata": metadata})


@pytest.mark.parametrize(
    ("shell", "view"), [(None, "static"), (Shell({}), "static"), (Shell({"cellId": "a", "deletedCells": []}), "live")]
)
def test_live_only_where_a_front_end_names_the_cell(monkeypatch, shell, view):
    monkeypatch.delenv("QLAB_VIEW", raising=False)
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    assert present.view() == view
    assert isinstance(show(ToyDemo(), Toy()), Static if view == "static" else Card)


def test_the_environment_decides(monkeypatch):
    monkeypatch.setenv("QLAB_VIEW", "live")
    assert isinstance(show(ToyTraining(), Toy()), TrainingCard)
    monkeypatch.setenv("QLAB_VIEW", "static")
    assert isinstance(show(ToyTraining(), Toy()), Static)
    monkeypatch.setenv("QLAB_VIEW", "statik")
    with pytest.raises(ValueError, match="did you mean 'static'"):
        show(ToyDemo(), Toy())


def test_an_unknown_slug_names_the_known_ones():
    with pytest.raises(ValueError, match="D3"):
        show("D33", Toy())


def test_the_package_is_light_for_the_server_extension():
    code = "import sys, qlab.demos.server; print([m for m in ('torch', 'plotly', 'anywidget') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "[]"


def test_the_static_bundle_is_small_and_has_no_widget():
    static = Static(ToyDemo(), Toy(STEP_SIZE=0.1))
    bundle = static._repr_mimebundle_()
    assert len(json.dumps(bundle)) < 50_000
    assert not [mime for mime in bundle if "widget" in mime]
    assert static.alt in bundle["text/plain"]
    assert "**" not in static.alt
    figure = bundle["application/vnd.plotly.v1+json"]
    assert figure["layout"]["annotations"][-1]["text"].replace("\u00a0", " ").startswith("At η = 0.1")
    assert ToyDemo.title in figure["layout"]["title"]["text"]
    assert static.state["STEP_SIZE"] == 0.1
    assert "STEP_SIZE 0.1" in static.command


def test_the_static_run_of_the_command_gives_the_cards_data():
    card = Card(ToyDemo(), Toy())
    card.set(STEP_SIZE=0.1, METHODS="bc", CLIP=True)
    words = card.command.split()
    given_ = dict(zip(words[4::3], words[5::3], strict=True))
    static = Static(ToyDemo(), Toy.check({"STEP_SIZE": float(given_["STEP_SIZE"]), "METHODS": "bc", "CLIP": True}))
    assert set(given_) == {"STEP_SIZE", "METHODS", "CLIP"}
    assert np.array_equal(static.data.bc, card.data.bc)
    assert np.array_equal(static.data.sr, card.data.sr)


# controls
def test_a_slider_stops_at_its_ends_its_default_the_documents_value_and_the_state():
    for name, now in (("STEP_SIZE", 0.01234), ("SPACING", 0.333), ("START", 4.0)):
        control = Toy.control(name)
        values = grid(control, now)
        assert values == sorted(set(values))
        assert values[0] == control.min
        assert values[-1] == control.max
        assert {control.default, now} <= set(values)
        assert len(values) < 400
        for value in values:
            assert Toy.problem(name, value) is None
    assert 0.03 in grid(Toy.control("STEP_SIZE"))


def test_a_whole_number_slider_gives_whole_numbers():
    class Whole(Toy):
        N: int = parameter(1000, help="number of weights", ge=10, le=100_000, scale="log")
        K: int = parameter(1, help="steps", ge=0, le=10)

    assert all(type(value) is int for value in grid(Whole.control("N")) + grid(Whole.control("K")))
    assert grid(Whole.control("K")) == list(range(11))


def test_a_slider_without_a_range_is_refused():
    class Open(Toy):
        STEPS: int = parameter(1, help="steps", ge=0)

    with pytest.raises(ValueError, match="STEPS"):
        grid(Open.control("STEPS"))


def test_few_choices_are_buttons_and_many_a_select():
    assert spec(Toy.control("NOISE"), 3)["kind"] == "choice"
    assert spec(Toy.control("FAMILY"), "one")["kind"] == "select"
    assert spec(Toy.control("METHODS"), "bc,sr")["choices"] == [["bc", "BC"], ["sr", "SR"], ["r", "R"]]
    labelled = replace(Toy.control("METHODS"), labels=("a", "b", "c"))
    assert spec(labelled, "bc")["choices"] == [["bc", "a"], ["sr", "b"], ["r", "c"]]


# numbers as text
@given(st.floats(-1e12, 1e12).filter(lambda x: x == 0 or abs(x) > 1e-12), st.integers(1, 4))
def test_a_number_as_text_is_the_number_to_its_digits(x, digits):
    text = look.fmt(x, digits)
    assert "-" not in text
    assert math.isclose(float(text.replace("−", "-")), x, rel_tol=0.51 * 10.0 ** (1 - digits) + 1e-12, abs_tol=0)


@pytest.mark.parametrize(
    ("x", "text"),
    [(0.254, "0.25"), (-1.26, "−1.3"), (1234, "1200"), (0.0995, "0.10"), (9.96, "10"), (0, "0"), (3.21e-7, "3.2e−7")],
)
def test_numbers_as_people_write_them(x, text):
    assert look.fmt(x) == text


def test_a_share_that_only_rounds_to_all_or_nothing_says_so():
    assert look.percent(0.3904) == "39 %"
    assert look.percent(1.0) == "100 %"
    assert look.percent(0.0) == "0 %"
    assert look.percent(0.9999) == "over 99 %"
    assert look.percent(0.0001, 1) == "under 0.1 %"


def test_methods_differ_without_colour():
    looks = [(s.dash, s.marker, s.pattern) for s in look.STYLES.values()]
    assert len(set(looks)) == len(looks)


def test_a_caption_breaks_between_words_and_keeps_its_text():
    text = "After **300** steps at η = **0.1**: **50** %, " * 9
    lines = wrap(text.strip())
    assert " ".join(lines).replace("\u00a0", " ") == text.strip()
    assert max(len(line.replace("**", "")) for line in lines) <= WIDTH
    for line in lines:
        assert not line.startswith(("%", "=", "**0.1"))
