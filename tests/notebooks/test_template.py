"""Every lesson follows the template: its size, its cells, its tags, its links; and nothing leaks or goes unused."""

import ast
import importlib
import inspect
import re

import pytest
from shelf import BOOK_NAMES, BOOKS, LESSONS, NAMES, book, code, solutions, source, tagged, tags

from qlab.demos import DEMOS
from qlab.lessons.answers import exercises
from qlab.lessons.build import check
from qlab.lessons.figures import entries
from qlab.lessons.source import KEPT
from qlab.schema import LESSONS as SCHEMAS

each = pytest.mark.parametrize("lesson", LESSONS, ids=NAMES)
each_book = pytest.mark.parametrize(("lesson", "solved"), BOOKS, ids=BOOK_NAMES)
CALLS = {"check": {"check", "same"}, "claims": {"verdicts"}, "predict": {"predict"}}  # tag -> lab's names


def words(text):
    """The words of a markdown cell; a formula is one word, a bar of a table or a picture none."""
    text = re.sub(r"!\[\]\(\S+\)", "", text)
    return len(re.sub(r"\$\$.+?\$\$|\$[^$\n]+\$|<[^>]+>", " x ", text, flags=re.DOTALL).replace("|", " ").split())


def called(cell):
    """The names of `lab` that a code cell calls."""
    tree = ast.parse(cell.source)
    return {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "lab"
    }


def test_the_notebooks_are_what_their_sources_say():
    assert check() == []


@each
def test_sizes(lesson):
    cells = source(lesson)
    assert len(cells) <= 30
    for cell in cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 20, cell.source
        else:
            assert words(cell.source) <= 150, cell.source
    for cell in tagged(cells, "setup"):
        assert len(cell.source.splitlines()) <= 6
    assert len(tagged(code(cells), "demo")) <= 3
    assert len(tagged(code(cells), "exercise")) <= 3
    assert len(SCHEMAS[lesson.number].cell().splitlines()) <= 20


@each
def test_a_lesson_opens_and_closes_as_the_template_says(lesson):
    cells = source(lesson)
    assert cells[0].cell_type == "markdown"
    assert cells[0].source.startswith(f"# {lesson.number} · ")
    assert len(tagged(cells, "objectives")) == 1
    first, second = code(cells)[:2]
    assert "parameters" in tags(first)
    assert "setup" in tags(second)
    assert f'lab.parameters("{lesson.number}", globals())' in second.source
    for role in ("predict", "check", "reproduce"):
        assert tagged(code(cells), role), f"no {role} cell"
    promises = [line for line in tagged(cells, "objectives")[0].source.splitlines() if line.startswith("- ")]
    kept = [line for cell in cells if cell.cell_type == "markdown" for line in cell.source.splitlines()]
    assert len(promises) == sum(line.startswith("- [ ] ") for line in kept)


@each
def test_cells_that_speak_carry_the_tag_of_what_they_say(lesson):
    for cell in code(source(lesson)):
        names = called(cell)
        for tag, calls in CALLS.items():
            assert bool(names & calls) == (tag in tags(cell)), cell.source


@each
def test_every_exercise_is_checked_and_solved(lesson):
    text = "\n".join(cell.source for cell in code(source(lesson)))
    known = set(exercises(lesson.number))
    assert set(re.findall(r'lab\.check\("([^"]+)"', text)) == known
    assert all(id.startswith(f"{lesson.number}.") for id in known)
    assert sum(bool(solutions(cell.source)) for cell in tagged(code(source(lesson)), "exercise")) >= len(known) > 0
    for cell in source(lesson):
        assert not solutions(cell.source) or "exercise" in tags(cell)


@each
def test_no_line_of_a_solution_is_in_the_students_notebook(lesson):
    student = [line.strip() for cell in book(lesson, False).cells for line in cell.source.splitlines()]
    for cell in source(lesson):
        for line in solutions(cell.source):
            # "return 1" says nothing; a line of three or more words does
            if len(re.findall(r"\w+", line)) >= 3 and not line.strip().startswith("#"):
                assert line.strip() not in student
    assert not tagged(book(lesson, False).cells, "solution", "instructor")


@each
def test_every_parameter_is_used(lesson):
    text = "\n".join(cell.source for cell in code(source(lesson)))
    shown = [DEMOS[slug].split(":")[0] for slug in re.findall(r'lab\.show\("(\w+)"', text)]
    imported = re.findall(r"qlab\.(?:experiments|demos)\.\w+", text)
    imported += [f"qlab.experiments.{n}" for n in re.findall(r"from qlab\.experiments import (\w+)", text)]
    readers = "\n".join(inspect.getsource(importlib.import_module(name)) for name in {*shown, *imported})
    for name in SCHEMAS[lesson.number].names():
        assert re.search(rf"""\.{name}\b|["']{name}["']""", text + readers), f"{name} is never read"


@each_book
def test_a_notebook_keeps_the_text_of_its_checked_cells_and_nothing_else(lesson, solved):
    notebook = book(lesson, solved)
    assert set(notebook.metadata) == {"kernelspec", "language_info", "qlab"}
    assert lesson.notebook(solved).stat().st_size < 100_000
    for cell in code(notebook.cells):
        assert (cell.execution_count is None) == (not cell.outputs)  # nbval refuses an output without a count
        assert bool(cell.outputs) == bool(tags(cell) & KEPT), cell.source
        compared = "nbval-check-output" in tags(cell)
        assert compared != ("nbval-ignore-output" in tags(cell))
        assert compared == bool(tags(cell) & (KEPT if solved else KEPT - {"claims"}))
        for output in cell.outputs:
            assert output.output_type == "display_data"
            assert set(output.data) <= {"text/plain", "text/html"}
            assert output.data["text/plain"].strip()
            assert not output.metadata


@each_book
def test_checked_cells_say_what_they_must(lesson, solved):
    for cell in code(book(lesson, solved).cells):
        said = "\n".join(output.data["text/plain"] for output in cell.outputs)
        for name in called(cell):
            if name == "same":
                assert "same as the library: yes" in said
            if name == "check":
                assert re.search(r"^\S+ correct$" if solved else r"^\S+ not answered yet$", said, re.MULTILINE)
            if name == "verdicts":
                assert re.search(r"^\S+ (holds|does not hold|cannot tell): ", said, re.MULTILINE)
                assert "expected at the defaults" not in said


@each_book
def test_relative_links_lead_somewhere(lesson, solved):
    folder = lesson.notebook(solved).parent
    for cell in book(lesson, solved).cells:
        if cell.cell_type == "markdown":
            for link in re.findall(r'(?:\]\(|(?:src|href)=")([^)"\s]+)', cell.source):
                if not re.match(r"[a-z]+:|#", link):
                    assert (folder / link.split("#")[0]).exists(), f"{link} in {lesson.name}"


@each
def test_every_demo_has_its_picture_and_every_picture_its_sentence(lesson):
    shown = [slug for cell in code(source(lesson)) for slug in re.findall(r'lab\.show\("(\w+)"', cell.source)]
    markdown = "\n".join(cell.source for cell in source(lesson) if cell.cell_type == "markdown")
    assert re.findall(r"!\[(.*?)\]\((.*?)\)", markdown) == [("", f"figures/{slug}.png") for slug in shown]
    for solved in (False, True):
        text = "\n".join(cell.source for cell in book(lesson, solved).cells)
        for slug in shown:
            words, path = re.search(rf"!\[(.+?)\]\((\S+/{slug}\.png)\)", text).groups()
            assert re.sub(r"\\(.)", r"\1", words) == entries()[slug]["alt"]
            assert (lesson.notebook(solved).parent / path).is_file()


@each
def test_formulas_have_a_page_form(lesson):
    from qlab.lessons.page import formulas

    for cell in source(lesson):
        if cell.cell_type == "markdown":
            formulas(cell.source)
