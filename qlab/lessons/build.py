"""`qlab build`: the notebooks people open, generated from the lessons' sources and executed for their kept outputs."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from qlab.lessons.places import write
from qlab.lessons.source import KEPT, BuildError, Lesson, fingerprint, lessons, notebook

WORKERS = 2
QUIET = ["--IPKernelApp.log_level=40"]  # the kernel's remark about its local sockets is not news


def text_of(book: NotebookNode) -> str:
    """The bytes of a generated notebook: sorted keys, a final line end."""
    lines = nbformat.v4.rwbase.split_lines(nbformat.from_dict(json.loads(json.dumps(book))))
    return json.dumps(lines, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def read(path: Path) -> NotebookNode:
    return nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)


def execute(book: NotebookNode, folder: Path, preset: str, where: str) -> NotebookNode:
    """Run a copy of the notebook in a fresh kernel, with plain figures and without widgets."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    book = nbformat.from_dict(json.loads(json.dumps(book)))
    env = {**os.environ, "QLAB_VIEW": "static", "QLAB_PRESET": preset, "OMP_NUM_THREADS": "1"}
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(book, timeout=600, resources=resources, store_widget_state=False, extra_arguments=QUIET)
    try:
        client.execute(env=env)
    except CellExecutionError as error:
        raise BuildError(f"{where}: {error.ename}: {error.evalue}") from None
    return book


def kept(cell: NotebookNode, where: str) -> list[NotebookNode]:
    """The outputs of an executed cell as they are stored: text alone, no records."""
    out = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            raise BuildError(
                f"{where}: a kept cell speaks through qlab.lessons alone, this one prints: {output.text[:80]!r}"
            )
        data = {kind: value for kind, value in output.data.items() if kind in ("text/plain", "text/html")}
        if set(output.data) - set(data):
            raise BuildError(f"{where}: a kept cell shows text only, this one shows {sorted(output.data)}")
        out.append(nbformat.v4.new_output("display_data", data=data))
    if not out:
        raise BuildError(f"{where}: a check, claims or predict cell without an output")
    return out


def generate(lesson: Lesson) -> dict[bool, NotebookNode]:
    """Both notebooks of a lesson with their kept outputs; {True: solved, False: the student's}."""
    made = {}
    folder = lesson.project / "notebooks"
    for solved, preset in ((True, "full"), (False, "quick")):
        book = notebook(lesson, solved)
        where = f"{lesson.name}{' (solved)' if solved else ''}"
        ran = execute(book, folder, preset, where)
        for cell, done in zip(book.cells, ran.cells, strict=True):
            if set(cell.metadata.get("tags", [])) & KEPT:
                cell.outputs = kept(done, f"{where}, cell {cell.id}")
                cell.execution_count = (
                    done.execution_count
                )  # its place in a fresh run; nbval refuses outputs without one
        made[solved] = book
    claims = {cell.id: cell.outputs for cell in made[True].cells if "claims" in cell.metadata.get("tags", [])}
    for cell in made[False].cells:
        cell.update({"outputs": claims[cell.id]} if cell.id in claims else {})
    return made


def current(lesson: Lesson) -> bool:
    """Whether both notebooks on disk have the source's cells and all kept outputs: nothing to do."""
    return not any(differences(lesson, solved) for solved in (True, False))


def place(lesson: Lesson, solved: bool, book: NotebookNode) -> str:
    """Write a generated notebook and say so. One that a learner changed stays as it is: the new one goes beside it."""
    path = lesson.notebook(solved)
    text = text_of(book)
    short = path.relative_to(lesson.project)
    if path.is_file():
        if path.read_text(encoding="utf-8") == text:
            return f"{short}: unchanged"
        if touched(path):
            beside = path.with_name(f"new-{path.name}")
            write(beside, text)
            return f"{short}: you changed it, so it stays; the new version is {beside.relative_to(lesson.project)}"
    write(path, text)
    return f"{short}: written"


def touched(path: Path) -> bool:
    """Whether a notebook on disk is not what was last generated (or cannot be read: then it is left alone, too)."""
    try:
        book = read(path)
        return fingerprint(book) != book.metadata["qlab"]["generated"]
    except Exception:
        return True


def build(only: str | None = None, everything: bool = False, say: Callable[[str], None] = lambda line: None) -> None:
    """Generate the notebooks whose source changed (`everything`: all of them), two lessons at a time.

    BuildError after the last one, naming every lesson that failed; the others are in place.
    """
    chosen = lessons(only)
    todo = [lesson for lesson in chosen if everything or not current(lesson)]
    for lesson in chosen:
        if lesson not in todo:
            say(f"{lesson.name}: up to date")
    failed = []
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
        waiting = {lesson: pool.submit(generate, lesson) for lesson in todo}
        for lesson, made in waiting.items():
            try:
                books = made.result()
            except BuildError as error:
                failed.append(str(error))
                continue
            for solved in (False, True):
                say(place(lesson, solved, books[solved]))
    if failed:
        raise BuildError("\n".join(failed))


def listing(book: NotebookNode) -> list[str]:
    """What a check compares: id, kind, tags and source of every cell, and whether a kept output is there."""
    lines = []
    for cell in book.cells:
        tags = cell.metadata.get("tags", [])
        lines.append(f"# %% {cell.id} {cell.cell_type} {' '.join(tags)}")
        lines += cell.source.splitlines()
        if cell.cell_type == "code":
            empty = set(tags) & KEPT and not cell.outputs
            lines += ["# no kept output"] if empty else []
    return lines


def differences(lesson: Lesson, solved: bool) -> list[str]:
    """The diff between a notebook on disk and its source, without executing anything; empty if they agree."""
    path = lesson.notebook(solved)
    name = str(path.relative_to(lesson.project))
    if not path.is_file():
        return [f"{name}: missing"]
    wanted = notebook(lesson, solved)
    book = read(path)
    for cell in wanted.cells:
        if set(cell.metadata.get("tags", [])) & KEPT:
            cell.outputs = [nbformat.v4.new_output("display_data")]
    diff = list(
        difflib.unified_diff(listing(book), listing(wanted), name, f"from {lesson.source.name}", lineterm="", n=1)
    )
    if not diff and book.metadata != wanted.metadata:
        diff = [f"{name}: notebook metadata differ from the generated ones"]
    return diff


def check(only: str | None = None) -> list[str]:
    """Every difference between the sources and the notebooks on disk."""
    return [line for lesson in lessons(only) for solved in (False, True) for line in differences(lesson, solved)]
