"""The lessons on disk, found from their sources: a new lesson is covered with no change here."""

import re
from functools import cache

import jupytext

from qlab.lessons.build import read
from qlab.lessons.source import BEGIN, END, Lesson, lessons

LESSONS = lessons()
NAMES = [lesson.name for lesson in LESSONS]
BOOKS = [(lesson, solved) for lesson in LESSONS for solved in (False, True)]
BOOK_NAMES = [f"{lesson.name}-{'solved' if solved else 'student'}" for lesson, solved in BOOKS]


@cache
def source(lesson: Lesson):
    """The cells of a lesson's source."""
    return jupytext.reads(lesson.source.read_text(encoding="utf-8"), fmt="py:percent").cells


@cache
def book(lesson: Lesson, solved: bool):
    """A generated notebook as it is on disk."""
    return read(lesson.notebook(solved))


def tags(cell):
    return set(cell.metadata.get("tags", []))


def tagged(cells, *wanted):
    return [cell for cell in cells if tags(cell) & set(wanted)]


def code(cells):
    return [cell for cell in cells if cell.cell_type == "code"]


def solutions(text):
    """The lines of the solution regions of a cell."""
    return [line for part in re.findall(rf"{BEGIN}\n(.*?){END}", text, re.DOTALL) for line in part.splitlines()]
