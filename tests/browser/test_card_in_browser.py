"""What the card promises beyond one demo: views, reload, restart, errors, Python, keyboard, themes, narrow pages."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from cards import STOPPED, cards
from lab import Watch, open_notebook, run_all

pytestmark = pytest.mark.browser

SETUP = f"""import sys, time
sys.path.insert(0, {str(Path(__file__).parents[1] / "demos")!r})
import toys, qlab.demos as demos"""
NEXT = "exec(open('next.py').read())"
TOY = "card = demos.show(toys.ToyDemo(), toys.Toy())\ncard"
PLACES = "card => ['.qlab-side', '.qlab-plot'].map(s => card.querySelector(s).getBoundingClientRect().toJSON())"


def opened(lab, page, name, *sources):
    """Open a notebook of these cells and run it."""
    document = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    document.cells = [nbformat.v4.new_code_cell(source) for source in (SETUP, *sources)]
    nbformat.write(document, lab.folder / name)
    open_notebook(page, lab, name)
    run_all(page)


def save(page, file):
    """Save the notebook and wait until its outputs are on disk."""
    page.locator("[data-command='docmanager:save']").first.click()
    for _ in range(100):
        if "application/vnd.jupyter.widget-view+json" in file.read_text():
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{file} was not saved with its outputs")


@pytest.fixture(scope="module")
def desk(lab, browser):
    """One page with two views of a card, a card that can fail and a card that runs."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    page.watch = Watch(page)
    (lab.folder / "next.py").write_text("")
    broken, run = ("demos.show(toys.Broken(), toys.Toy())", "demos.show(toys.ToyTraining(), toys.Toy())")
    opened(lab, page, "desk.ipynb", TOY, "card", broken, run, NEXT)
    yield page
    context.close()


@pytest.fixture
def shown(desk):
    """The cards of the desk at their first state."""
    all_cards = cards(desk)
    assert [card.slug for card in all_cards] == ["toy", "toy", "broken", "toyrun"]
    for card in all_cards[1:]:
        card.press("reset")
        card.wait("card => !card.dataset.qlabCommand.includes(' -')", "Reset")
    return all_cards


def run_cell(page, lab, source, wait=True):
    """Run this code in the last cell."""
    (lab.folder / "next.py").write_text(source)
    cell = page.locator(".jp-CodeCell").last
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    if wait:
        page.wait_for_function("!document.querySelector('.jp-NotebookPanel').innerText.includes('[*]')")


def test_two_views_and_python_move_one_card(desk, lab, shown):
    a, b, *_ = shown
    start = a.seen()
    assert b.seen() == start
    a.move("STEP_SIZE")
    a.changed(start, "a move")
    b.same(a.seen(), "the other view")
    assert b.root.locator("[data-qlab-control='STEP_SIZE'] output").inner_text() == "0.3"
    run_cell(desk, lab, "card.set(STEP_SIZE=0.0123, METHODS='sr'); assert card.values['NOISE'] == 3")
    for view in (a, b):
        view.wait("card => card.dataset.qlabCommand.includes('STEP_SIZE 0.0123 -p METHODS sr')", "Python's value")
        assert view.root.locator("[data-qlab-control='STEP_SIZE'] output").inner_text() == "0.0123"
        assert view.root.locator("[data-qlab-control='METHODS'] input:checked").count() == 1
    b.same(a.seen(), "Python's move")
    assert desk.watch.problems == []


def test_a_failing_computation_is_one_red_line_until_the_next_good_move(shown):
    card = shown[2]
    start, noise = card.seen(), card.root.locator("[data-qlab-control='NOISE'] input")
    noise.nth(3).click()
    card.wait("card => !card.querySelector('[data-qlab-error]').hidden", "the red line")
    assert card.error() == "FloatingPointError: the noise is too loud"
    assert card.seen() == start
    noise.nth(0).click()
    card.changed(start, "a good move")
    assert card.error() == ""


def test_run_pause_step_reset(shown):
    card = shown[3]
    start = card.seen()
    card.press("step")
    card.changed(start, "Step")
    one = card.seen()
    assert "After 1 steps" in one["text"]
    card.press("run")
    card.changed(one, "Run")
    card.press("run")
    card.wait(STOPPED, "Pause")
    card.press("reset")
    card.same(start, "Reset")


def test_a_card_answers_while_a_cell_is_running(desk, lab, shown):
    card = shown[0]
    start = card.seen()
    run_cell(desk, lab, "until = time.time() + 300\nwhile time.time() < until: time.sleep(0.01)", wait=False)
    desk.wait_for_function("document.querySelector('.jp-NotebookPanel').innerText.includes('[*]')")
    card.move("STEP_SIZE")
    card.changed(start, "a move")
    assert "[*]" in desk.locator(".jp-NotebookPanel").inner_text()
    desk.locator("[data-command='notebook:interrupt-kernel']").first.click()
    desk.wait_for_function("!document.querySelector('.jp-NotebookPanel').innerText.includes('[*]')")


def test_every_kind_of_control_is_named_focusable_and_moves_by_key(desk, shown):
    card = shown[0]
    for name, key in (("STEP_SIZE", "ArrowRight"), ("NOISE", "ArrowRight"), ("METHODS", "Space"), ("CLIP", "Space")):
        start = card.seen()
        card.root.locator(f"[data-qlab-control='{name}'] input").first.focus()
        desk.keyboard.press(key)
        card.changed(start, f"{key} on {name}")
    names = card.root.locator("input, select, button").evaluate_all(
        "all => all.map(e => (e.labels?.[0]?.textContent ?? e.textContent).trim())"
    )
    assert all(names), names
    assert card.root.get_by_role("slider", name="step size η").count() == 1
    spoken = "c => c.querySelector('[role=status]').textContent === c.querySelector('[data-qlab-text]').textContent"
    card.wait(spoken, "the sentence for screen readers")


def test_the_card_is_white_in_the_dark_and_stacks_on_a_narrow_page(desk, shown):
    card = shown[0]
    desk.get_by_role("menuitem", name="Settings", exact=True).click()
    desk.get_by_text("Theme", exact=True).hover()
    desk.get_by_text("JupyterLab Dark", exact=True).click()
    desk.wait_for_selector("body[data-jp-theme-light='false']", state="attached")
    assert card.root.evaluate("card => getComputedStyle(card).backgroundColor") == "rgb(255, 255, 255)"
    side, plot = card.root.evaluate(PLACES)
    assert side["right"] <= plot["left"]
    desk.set_viewport_size({"width": 820, "height": 1000})
    card.wait("card => card.offsetWidth <= 700", "a narrow card")
    card.wait(f"card => {{ const [side, plot] = ({PLACES})(card); return plot.top >= side.bottom; }}", "controls above")
    card.wait(
        """card => { const plot = card.querySelector('.qlab-plot'), drawn = plot.querySelector('.main-svg');
                     return Math.abs(drawn.clientWidth - plot.clientWidth) < 2; }""",
        "a figure as wide as the card",
    )
    assert card.root.evaluate("card => card.scrollWidth <= card.clientWidth")


def test_no_notebook_stores_plotly_and_no_page_gets_a_global(desk, shown, lab):
    save(desk, lab.folder / "desk.ipynb")
    assert (lab.folder / "desk.ipynb").stat().st_size < 30_000
    assert desk.evaluate("typeof window.Plotly") == "undefined"


def test_a_reload_shows_the_current_state_and_a_restart_is_told(lab, page):
    opened(lab, page, "reload.ipynb", TOY)
    (card,) = cards(page)
    start = card.seen()
    card.move("SPACING")
    card.changed(start, "a move")
    moved = card.seen()
    save(page, lab.folder / "reload.ipynb")
    page.reload()
    page.wait_for_selector("[data-qlab-card]", timeout=60_000)
    (card,) = cards(page)
    card.same(moved, "the reload")
    card.press("reset")
    card.same(start, "Reset after the reload")
    page.locator("[data-command='notebook:restart-kernel']").first.click()
    page.locator(".jp-Dialog .jp-mod-accept").click()
    page.wait_for_function("document.querySelector('.jp-Dialog') === null")
    page.locator("#jp-main-statusbar", has_text="| Idle").wait_for(timeout=60_000)
    card.move("SPACING")
    card.wait("card => !card.querySelector('[data-qlab-error]').hidden", "the red line")
    assert "run this cell again" in card.error()
    run_all(page)
    (card,) = cards(page)
    card.same(start, "running the cell again")
    card.move("SPACING")
    card.changed(start, "a move after the restart")


def test_the_server_extension_is_loaded(lab):
    assert "TCP_NODELAY on kernel websockets" in lab.log.read_text()
