"""The command `qlab`: doctor, build, lessons, data, train."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="qlab",
    help="How neural networks are trained under quantization: lessons and library.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Only = Annotated[str | None, typer.Argument(help="one lesson, by number or name; all of them if left out")]


def _stop(message: object, code: int = 2) -> typer.Exit:
    """One clear line on stderr instead of a traceback."""
    typer.echo(f"qlab: {message}", err=True)
    return typer.Exit(code)


@app.command()
def doctor(
    device: Annotated[str, typer.Option(help="the device to look for: auto, cpu, cuda, cuda:1")] = "auto",
) -> None:
    """Is this machine ready? Versions, GPU, live cards, data, in words; exit status 1 if something is wrong."""
    from qlab.lessons.health import findings, report

    found = findings(device)
    typer.echo(report(found))
    if any(f.state == "problem" for f in found):
        raise typer.Exit(1)


@app.command()
def build(
    lesson: Only = None,
    check: Annotated[
        bool, typer.Option("--check", help="execute nothing: compare, show the diff, exit status 1")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="also those whose source did not change")] = False,
    figures: Annotated[
        bool, typer.Option("--figures", help="first draw the demos' pictures that are out of date; needs Chromium")
    ] = False,
) -> None:
    """Generate the notebooks from notebooks/src. A notebook you changed stays as it is."""
    from qlab.lessons import build as builder

    try:
        if figures:
            _draw(everything)
        if not check:
            builder.build(lesson, everything, typer.echo)
            return
        found = builder.check(lesson)
    except builder.BuildError as error:
        raise _stop(error) from None
    for line in found:
        typer.echo(line)
    if found:
        raise _stop("the notebooks are not what their sources say: run `qlab build`", 1)
    typer.echo("the notebooks are what their sources say")


def _draw(everything: bool) -> None:
    from qlab.demos import DEMOS
    from qlab.lessons import figures

    try:
        old = [slug for slug in DEMOS if everything or figures.stale(slug)]
        if old:
            figures.draw(old, typer.echo)
    except figures.FigureError as error:
        raise _stop(error, 1) from None


@app.command()
def lessons(
    lesson: Only = None,
    out: Annotated[Path | None, typer.Option(help="where notebooks and pages go; default build/lessons")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1")] = "auto",
    record: Annotated[bool, typer.Option("--record", help="keep the compared numbers in data/recorded")] = False,
    parameters: Annotated[bool, typer.Option("--parameters", help="only list what can be set in each lesson")] = False,
) -> None:
    """Run every lesson once through papermill; exit status 1 if one fails or a verdict is not the expected one."""
    from qlab.lessons import run
    from qlab.lessons.source import BuildError
    from qlab.schema import LESSONS

    if parameters:
        for number, schema in LESSONS.items():
            if lesson in (None, number, schema.notebook):
                typer.echo(f"\n{schema.notebook}\n{schema.markdown()}")
        return
    try:
        _present(device)
        given: dict[str, Any] = {} if device == "auto" else {"DEVICE": device}
        outcomes = run.run_all(lesson, out, given, typer.echo)
    except (BuildError, OSError, ValueError) as error:
        raise _stop(error) from None
    failed = [o.name for o in outcomes if o.failure]
    if failed:
        raise _stop(f"failed: {', '.join(failed)}", 1)
    if record:
        for path in run.record(outcomes):
            typer.echo(f"recorded: {path}")


def _present(device: str) -> None:
    from qlab.devices import device as named

    named(device)


@app.command()
def data(
    name: Annotated[
        str | None, typer.Argument(help="a data set, folder:PATH or archive:PATH; all of them if left out")
    ] = None,
    fetch: Annotated[bool, typer.Option("--fetch", help="download it if needed and decode it into the cache")] = False,
    root: Annotated[Path | None, typer.Option(help="where its files are")] = None,
) -> None:
    """List the data sets, or make one ready."""
    from qlab import data as datasets

    try:
        if fetch:
            if name is None:
                raise _stop("--fetch needs the name of a data set: " + ", ".join(datasets.names()))
            datasets.load(name, root=root, download=True)
        for one in [name] if name else datasets.names():
            typer.echo(_about(datasets.describe(one)))
    except (datasets.DataError, ValueError, OSError) as error:
        raise _stop(error) from None


def _about(entry: dict[str, Any]) -> str:
    """One data set in words."""
    size = f"{entry['n']} examples" if entry["n"] else "size unknown yet"
    shape = " x ".join(map(str, entry["shape"])) if entry["shape"] else "?"
    state = "ready" if entry["present"] else f"not here: {entry['get']}"
    if "download" in entry["get"]:
        state = f"not here: qlab data {entry['name']} --fetch"
    cached = f"\n  cache: {', '.join(entry['cache'])}" if entry["cache"] else ""
    first = f"{entry['name']}: {entry['title']}, {size} of {shape}, {entry['classes'] or '?'} classes"
    return f"{first}\n  from: {entry['where']}\n  {state}{cached}"


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def train(context: typer.Context) -> None:
    """Train a network under quantization; `qlab train --help` lists the options."""
    from qlab.train.__main__ import main as train_main

    raise typer.Exit(train_main(context.args) or 0)


def main() -> None:
    """Entry point of the command."""
    try:
        app()
    except KeyboardInterrupt:
        typer.echo("qlab: interrupted", err=True)
        sys.exit(130)
