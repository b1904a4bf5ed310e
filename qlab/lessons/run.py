"""`qlab lessons`: every lesson once through papermill, its page, a line each, and the table of verdicts."""

from __future__ import annotations

import csv
import io
import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from qlab.lessons.build import QUIET, WORKERS, read
from qlab.lessons.comparison import recorded_file
from qlab.lessons.emit import KEY, table
from qlab.lessons.page import PageError, page
from qlab.lessons.places import root, write
from qlab.lessons.source import Lesson, lessons

LIMIT_KB, LIMIT_MB = 300, 1500  # an executed notebook; the memory of its kernel


@dataclass
class Outcome:
    """One lesson's run: what it cost, what it said, and why it failed ("" if it did not)."""

    name: str
    wall: float = 0.0
    cpu: float = 0.0
    kb: float = 0.0
    memory_mb: float = 0.0
    failure: str = ""
    records: list[dict[str, Any]] = field(default_factory=list)

    def line(self) -> str:
        state = f"FAILED  {self.failure}" if self.failure else "ok"
        cost = f"wall {self.wall:6.1f} s  cpu {self.cpu:6.1f} s  memory {self.memory_mb:5.0f} MB  {self.kb:4.0f} kB"
        return f"{self.name:<26} {cost}  {state}"

    def verdicts(self) -> list[dict[str, Any]]:
        return [v for record in self.records for v in record.get("verdicts", [])]


def run(lesson: Lesson, out: Path, parameters: dict[str, Any]) -> Outcome:
    """Run the solved notebook of one lesson in this process's papermill; notebook and page go to `out`."""
    import papermill
    from papermill.exceptions import PapermillExecutionError

    os.environ |= {
        "QLAB_VIEW": "static",
        "QLAB_PRESET": "full",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
    }
    target = out / f"{lesson.name}.ipynb"
    done = Outcome(lesson.name)
    start, before = time.perf_counter(), _children()
    try:
        papermill.execute_notebook(
            str(lesson.notebook(solved=True)),
            str(target),
            parameters=parameters,
            progress_bar=False,
            log_output=False,
            store_widget_state=False,
            extra_arguments=QUIET,
            cwd=str(lesson.project / "notebooks"),
        )
    except PapermillExecutionError as error:
        done.failure = f"{error.ename}: {error.evalue}"
    except Exception as error:
        done.failure = f"{type(error).__name__}: {error}"
    done.wall, done.cpu = time.perf_counter() - start, _children() - before
    done.memory_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    if target.is_file():
        _look(lesson, target, done)
    return done


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _look(lesson: Lesson, target: Path, done: Outcome) -> None:
    """Read the executed notebook: records, size, page."""
    book = read(target)
    done.kb = target.stat().st_size / 1000
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    done.records = [output.metadata[KEY] for output in outputs if KEY in output.get("metadata", {})]
    problems = [done.failure] if done.failure else []
    problems += wrong(done.records)
    if done.kb > LIMIT_KB:
        problems.append(f"the executed notebook has {done.kb:.0f} kB, the limit is {LIMIT_KB}")
    if "widgets" in book.metadata:
        problems.append("the executed notebook holds widget state")
    if done.memory_mb > LIMIT_MB:
        problems.append(f"the kernel took {done.memory_mb:.0f} MB, the limit is {LIMIT_MB}")
    try:
        write(target.with_suffix(".html"), page(book, lesson.name, lesson.notebook(solved=False).parent))
    except PageError as error:
        problems.append(str(error))
    done.failure = "; ".join(problems)


def wrong(records: list[dict[str, Any]]) -> list[str]:
    """What a solved lesson at its defaults must not say."""
    found = []
    for record in records:
        if record.get("same") is False:
            found.append("an algorithm in the open differs from the library")
        status = record.get("check", {}).get("status", "correct")
        if status != "correct":
            found.append(f"exercise {record['check']['id']} is {status} in the solved notebook")
        if record.get("at_defaults"):
            surprises = [v for v in record["verdicts"] if v["verdict"] != v["expected"]]
            found += [f"claim {v['id']}: {v['verdict']}, expected: {v['expected']}" for v in surprises]
    return found


def run_all(
    only: str | None = None,
    out: Path | None = None,
    parameters: dict[str, Any] | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> list[Outcome]:
    """Run the lessons, two at a time; a line when each is done, then the verdicts. In the lessons' order."""
    chosen = lessons(only)
    missing = [lesson.name for lesson in chosen if not lesson.notebook(solved=True).is_file()]
    if missing:
        raise FileNotFoundError(f"no notebook of {', '.join(missing)}: run `qlab build` first")
    out = (out or root() / "build" / "lessons").resolve()
    out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Outcome] = {}
    # A fresh process per lesson, so that CPU seconds and memory are the lesson's own.
    with ProcessPoolExecutor(min(WORKERS, len(chosen)), get_context("spawn"), max_tasks_per_child=1) as pool:
        waiting = {pool.submit(run, lesson, out, parameters or {}): lesson for lesson in chosen}
        for future in as_completed(waiting):
            name = waiting[future].name
            error = future.exception()
            results[name] = Outcome(name, failure=f"{type(error).__name__}: {error}") if error else future.result()
            say(results[name].line())
    ordered = [results[lesson.name] for lesson in chosen]
    say(summary(ordered))
    return ordered


def summary(outcomes: list[Outcome]) -> str:
    """The table of verdicts."""
    rows = [
        (v["id"], v["verdict"], v["expected"], "" if v["verdict"] == v["expected"] else "DIFFERS", v["says"])
        for outcome in outcomes
        for v in outcome.verdicts()
    ]
    if not rows:
        return "no verdicts"
    return table(("claim", "verdict", "expected", "", "what it says"), rows)[0]


def record(outcomes: list[Outcome]) -> list[Path]:
    """Store the comparison rows of these runs in `data/recorded`, with how and where they were run."""
    from qlab.lessons.health import provenance

    about = {"date": date.today().isoformat(), **provenance()}
    files = []
    for outcome in outcomes:
        for comparison in (r["compare"] for r in outcome.records if "compare" in r):
            run = {name: comparison.get(name, "") for name in ("seeds", "command")} | {
                "cpu_seconds": round(outcome.cpu)
            }
            rows = [{**row, **run, **about} for row in comparison["rows"]]
            text = io.StringIO()
            writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
            path = recorded_file(comparison["lesson"])
            write(path, text.getvalue())
            files.append(path)
    return files
