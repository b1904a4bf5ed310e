"""Every card of every lesson, as a learner uses it, in a real JupyterLab."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import nbformat
import numpy as np
import pytest
from cards import cards
from lab import open_notebook, run_all

from qlab.demos import find
from qlab.demos.static import Static

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(p.name for p in FOLDER.glob("[0-9]*.ipynb"))
SHOWS = re.compile(r"""^(?:\w+\s*=\s*)?\w+\.show\(["'](\w+)["']""", re.MULTILINE)

pytestmark = pytest.mark.browser


def parameters(kind, command: str):
    """The parameters a papermill command names, checked as in the lesson's set-up cell."""
    words = shlex.split(command)
    assert words[:1] == ["papermill"]
    assert words[1] == f"notebooks/{kind.notebook}.ipynb"
    given = {}
    for flag, name, value in zip(words[3::3], words[4::3], words[5::3], strict=True):
        assert flag in ("-p", "-r")
        annotation = kind.model_fields[name].annotation
        given[name] = value == "True" if annotation is bool else annotation(value)
    return kind.check(given)


def assert_shows(card, static: Static) -> None:
    """The figure and the sentence in the browser are those of the static run."""
    seen = card.seen()
    assert seen["text"] == static.alt
    traces = json.loads(seen["figure"])[: len(static.figure.data)]
    for (_, x, y, *_), trace in zip(traces, static.demo.figure(static.data)["data"], strict=True):
        for shown, wanted in ((x, trace.get("x")), (y, trace.get("y"))):
            if wanted is not None and np.asarray(wanted).dtype.kind in "fiu":
                a, b = np.array(shown, dtype=np.float32), np.float32(wanted)
                assert np.array_equal(a, b, equal_nan=True), f"{card.slug}: {a} is not {b}"


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_every_control_of_every_card(page, lab, notebook):
    open_notebook(page, lab, notebook)
    run_all(page)
    shown = [slug for cell in nbformat.read(FOLDER / notebook, 4).cells for slug in SHOWS.findall(cell.source)]
    assert [card.get_attribute("data-qlab-card") for card in page.locator("[data-qlab-card]").all()] == shown
    for card in cards(page):
        demo, start = find(card.slug), card.seen()
        assert set(card.names()) == {*demo.controls, *demo.more}
        for name in card.names():
            card.move(name)
            card.changed(start, f"moving {name}")
            card.press("reset")
            card.same(start, f"Reset after {name}")
        if card.trains():
            card.press("step")
            card.changed(start, "Step")
            before = card.seen()
            card.press("run")
            card.changed(before, "Run")
            card.press("run")
            card.press("reset")
            card.same(start, "Reset after a run")
        for name in card.names()[:2]:
            before = card.seen()
            card.move(name)
            card.changed(before, f"moving {name}")
        if card.trains():
            card.finish_run()
        assert_shows(card, Static(demo, parameters(demo.parameters, card.command())))
        card.press("reset")
        card.same(start, "Reset at the end")
        assert card.error() == ""
    assert page.watch.problems == []


PANELS = """card => [...card.querySelectorAll('.js-plotly-plot .subplot')].map(
    panel => [...panel.querySelectorAll('.trace path, .trace text')].map(mark => mark.getAttribute('d') ?? 'text'))"""


def test_a_panel_in_which_nothing_moves_keeps_its_marks(page, lab):
    """R does not move at these step sizes: its panel must still be drawn once the frame of the others is painted.

    A frame is painted when the lines of some panel have another shape on the screen; the data of the plot say less.
    """
    open_notebook(page, lab, "00_start_here.ipynb")
    run_all(page)
    card = next(card for card in cards(page) if card.slug == "D0")
    card.wait(f"card => ({PANELS})(card).filter(marks => marks.length).length === 4", "four panels drawn")
    card.root.locator("input[type=range]").first.focus()
    painted = f"(card, old) => JSON.stringify(({PANELS})(card)) !== JSON.stringify(old)"
    for _ in range(3):
        start, before = card.seen(), card.handle.evaluate(PANELS)
        page.keyboard.press("ArrowRight")
        card.changed(start, "STEP_SIZE")
        card.wait(painted, "a painted frame", argument=before)
        after = card.handle.evaluate(PANELS)
        assert [len(marks) for marks in after] == [len(marks) for marks in before]
    assert any(a == b for a, b in zip(after, before, strict=True) if a), "some panel stood still"
