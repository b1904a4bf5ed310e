"""From a lesson's source (percent format) to the student's and the solved notebook, in memory."""

from __future__ import annotations

import ast
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode

from qlab.lessons.figures import FigureError, described
from qlab.lessons.places import root
from qlab.schema import LESSONS

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
KEPT = frozenset({"check", "claims", "predict"})  # cells whose output is kept in git and compared by nbval
COMPARED, IGNORED = "nbval-check-output", "nbval-ignore-output"
SOLVED_ONLY = frozenset({"solution", "instructor"})  # cells that the student's notebook lacks
ROLES = frozenset(
    {"parameters", "setup", "objectives", "demo", "exercise", "experiment", "compare", "reproduce", "proof"}
)
TAGS = KEPT | SOLVED_ONLY | ROLES | {COMPARED, IGNORED, "raises-exception"}


class BuildError(ValueError):
    """A lesson's source that cannot become a notebook; the message says where and why."""


@dataclass(frozen=True)
class Lesson:
    """One lesson: its number, name ("03_exploration") and the project it belongs to."""

    number: str
    name: str
    project: Path

    @property
    def source(self) -> Path:
        return self.project / "notebooks" / "src" / f"{self.name}.py"

    def notebook(self, solved: bool) -> Path:
        folder = self.project / "notebooks"
        return (folder / "solutions" if solved else folder) / f"{self.name}.ipynb"


def lessons(only: str | None = None) -> list[Lesson]:
    """The lessons that have a source, in order; `only`: one of them, by number or name."""
    project = root()
    found = [
        Lesson(p.stem[:2], p.stem, project) for p in sorted((project / "notebooks" / "src").glob("[0-9][0-9]*_*.py"))
    ]
    if not found:
        raise BuildError(
            f"no lesson sources in {project / 'notebooks' / 'src'}: run qlab inside a checkout of the project"
        )
    if only is None:
        return found
    chosen = [lesson for lesson in found if only in (lesson.number, lesson.name)]
    if not chosen:
        raise BuildError(f"unknown lesson {only!r}; lessons: {', '.join(lesson.name for lesson in found)}")
    return chosen


def notebook(lesson: Lesson, solved: bool) -> NotebookNode:
    """The notebook of a lesson without outputs: the solved one, or the student's with stubs for the solutions."""
    book = jupytext.reads(lesson.source.read_text(encoding="utf-8"), fmt="py:percent")
    cells: list[NotebookNode] = []
    seen: set[str] = set()
    for i, cell in enumerate(book.cells):
        tags = set(cell.metadata.get("tags", []))
        where = f"{lesson.source.name}, cell {i}"
        if tags - TAGS:
            raise BuildError(f"{where}: unknown tags {sorted(tags - TAGS)}; allowed: {', '.join(sorted(TAGS))}")
        if not solved and tags & SOLVED_ONLY:
            continue
        made = _cell(cell, tags, lesson, solved, where)
        made.id = _id(lesson.number, cell.source, seen)
        cells.append(made)
    done = nbformat.v4.new_notebook(cells=cells)
    done.metadata = NotebookNode(
        kernelspec=NotebookNode(display_name="Python 3 (ipykernel)", language="python", name="python3"),
        language_info=NotebookNode(name="python"),
        qlab=NotebookNode(
            lesson=lesson.number, source=f"notebooks/src/{lesson.source.name}", generated=fingerprint(done)
        ),
    )
    done.nbformat_minor = 5
    return done


def _cell(cell: NotebookNode, tags: set[str], lesson: Lesson, solved: bool, where: str) -> NotebookNode:
    if cell.cell_type == "markdown":
        try:
            text = described(cell.source, lesson.project)
        except FigureError as error:
            raise BuildError(f"{where}: {error}") from None
        text = _links(text) if solved else text
        made = nbformat.v4.new_markdown_cell(text)
        made.metadata = NotebookNode(tags=sorted(tags)) if tags else NotebookNode()
        return made
    if cell.cell_type != "code":
        raise BuildError(f"{where}: a lesson has markdown and code cells only, this one is {cell.cell_type}")
    text = cell.source
    if "parameters" in tags:
        if ast.parse(text).body:
            raise BuildError(
                f"{where}: the parameters cell is written from qlab/schema/lessons/; leave a comment here only"
            )
        if lesson.number not in LESSONS:
            raise BuildError(f"{where}: lesson {lesson.number} has no class in qlab/schema/lessons/")
        text = LESSONS[lesson.number].cell()
    text = solve(text, where) if solved else stub(text, where)
    made = nbformat.v4.new_code_cell(text)
    # A claim is judged at the full preset: its output is compared in the solved notebook, the student's runs reduced.
    compared = tags & KEPT and (solved or "claims" not in tags)
    tags = (tags - {COMPARED, IGNORED}) | {COMPARED if compared else IGNORED}
    made.metadata = NotebookNode(tags=sorted(tags))
    if "setup" in tags:
        made.metadata.jupyter = NotebookNode(source_hidden=True)
    return made


def _id(number: str, text: str, seen: set[str]) -> str:
    """An id that depends on the source of the cell alone, so that an insertion changes no other id."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    name, again = f"{number}-{digest}", 2
    while name in seen:
        name, again = f"{number}-{digest}-{again}", again + 1
    seen.add(name)
    return name


def _regions(text: str, where: str) -> list[tuple[str, list[str]]]:
    """The source cut into ("text", lines) and ("solution", lines)."""
    parts: list[tuple[str, list[str]]] = [("text", [])]
    for line in text.splitlines():
        mark = line.strip()
        kind = parts[-1][0]
        if mark == BEGIN and kind == "text":
            parts.append(("solution", []))
        elif mark == END and kind == "solution":
            parts.append(("text", []))
        elif mark in (BEGIN, END):
            raise BuildError(f"{where}: {mark} without its partner")
        else:
            parts[-1][1].append(line)
    if parts[-1][0] == "solution":
        raise BuildError(f"{where}: {BEGIN} without {END}")
    return parts


def solve(text: str, where: str = "cell") -> str:
    """The source without the marks of its solution regions."""
    return "\n".join(line for _, lines in _regions(text, where) for line in lines)


def stub(text: str, where: str = "cell") -> str:
    """The source with every solution region replaced: `return ...` in a function, `name = ...` at the top level."""
    out: list[str] = []
    for kind, lines in _regions(text, where):
        out += lines if kind == "text" else _stub(lines, where)
    return "\n".join(out)


def _stub(lines: list[str], where: str) -> list[str]:
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise BuildError(f"{where}: an empty solution region")
    indent = first[: len(first) - len(first.lstrip())]
    if indent:
        return [f"{indent}return ...  # your answer"]
    names = [
        t.id
        for node in ast.parse("\n".join(lines)).body
        for t in getattr(node, "targets", [])
        if isinstance(t, ast.Name)
    ]
    if not names:
        raise BuildError(f"{where}: a solution region at the top level assigns at least one name")
    return [f"{name} = ...  # your answer" for name in names]


_LINK = re.compile(r'(\]\(|(?:src|href)=")(?![a-z]+:|#|/|\d\d_[^)"]*\.ipynb)([^)"\s]+)')


def _links(text: str) -> str:
    """Links as seen from `notebooks/solutions`: other solved lessons are beside, all else is one folder up."""
    return _LINK.sub(r"\1../\2", text)


def fingerprint(book: NotebookNode | dict[str, Any]) -> str:
    """A hash of what a person writes in a notebook: kinds and sources of its cells, not outputs or counts."""
    lines = []
    for cell in book["cells"]:
        text = cell["source"]
        lines.append(f"{cell['cell_type']}\n{text if isinstance(text, str) else ''.join(text)}")
    return hashlib.sha256("\n\0\n".join(lines).encode()).hexdigest()[:16]
