"""A run with everything around it: resume, checkpoints, interruption, the result. See `qlab.train`."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qlab.data.lock import lock
from qlab.train import checkpoint, progress, result
from qlab.train.config import Config
from qlab.train.loop import DivergedError, Run

PAPER_EPOCHS = {"resnet": 200}
"""Length of the documents' own schedules (S2: 200 epochs for ResNet-20 on CIFAR); a shorter run says so."""


class InterruptedRunError(RuntimeError):
    """The run was asked to stop; a usable checkpoint is in its folder. `signal` is the signal's number, or None."""

    def __init__(self, message: str, signal: int | None = None):
        super().__init__(message)
        self.signal = signal


class ResumeError(RuntimeError):
    """The folder holds an unfinished run with other options or other data."""


def train(
    config: Config, *, show: progress.Silent | None = None, stop: Callable[[], bool] | None = None
) -> dict[str, Any]:
    """Runs `config` to its end and returns the result (what result.json holds).

    With `config.out`: an unfinished run in that folder is continued, bitwise as if never interrupted (on the CPU); the
    result is written once. Without: nothing is written. `show`: where progress goes (default: a bar or lines).
    `stop`: asked before every step whether to stop, as Ctrl-C and SIGTERM do (main thread only).

    Raises FinishedError (a finished result is there), ResumeError, CheckpointError, InterruptedRunError, DivergedError
    (NaN or infinite loss; the last good checkpoint is kept), and ValueError or DataError for what cannot be run.
    """
    if config.out is None:
        return _train(config, None, show, stop)
    folder = Path(config.out)
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder / ".lock", f"the run in {folder}"):
        return _train(config, folder, show, stop)


def _train(
    config: Config, folder: Path | None, show: progress.Silent | None, stop: Callable[[], bool] | None
) -> dict[str, Any]:
    stored = _stored(config, folder) if folder else None
    clock = _Clock()
    run = Run(config)
    if stored:
        _resume(run, clock, *stored)
    origin = result.provenance(run.device)  # now: the files may change while it runs
    show = show or progress.show(run.total, run.step)
    if stored:
        show.say(f"continuing at step {run.step} of {run.total} from {stored[1]}")

    def keep() -> None:
        if folder:
            checkpoint.save(folder, run.state() | clock.state())

    if not stored:
        keep()
    try:
        with _signals() as asked:
            _loop(run, show, keep, lambda: bool(asked) or (stop is not None and stop()))
        if run.step < run.total:
            run.check()
            keep()
            where = f"; the same command with --out {folder} continues" if folder else ""
            message = f"stopped at step {run.step} of {run.total}{where}"
            raise InterruptedRunError(message, asked[0] if asked else None)
    except DivergedError as error:
        where = f"; the last good checkpoint is {folder / checkpoint.LAST}" if folder else ""
        raise DivergedError(f"{error}; training stopped{where}. A smaller --lr may help") from None
    finally:
        show.close()
    record = _record(run, clock, origin)
    if folder:
        result.write(folder, record)
    return record


def _loop(run: Run, show: progress.Silent, keep: Callable[[], None], asked: Callable[[], bool]) -> None:
    """To the end of the run. Readings, evaluations, checkpoints fall on fixed steps: a resume repeats them exactly."""
    c = run.config
    while run.step < run.total and not asked():
        run.advance()
        last = run.step == run.total
        numbers = None
        if run.step % c.read_every == 0 or last:
            read = run.read()
            numbers = {name: read[name] for name in ("loss", "accuracy", "flips")}
        if run.step % run.eval_every == 0 or last:
            show.say(sentence(run.evaluate(final=last)))
        if run.step % c.checkpoint_every == 0 or last:
            run.check()
            keep()
        show.update(run.step, numbers)


def sentence(record: dict[str, Any]) -> str:
    """`step 300: validation accuracy latent 83.1 %, quantized 79.4 %; train latent 85.0 %, quantized 81.2 %`."""
    views = [view for view in record if isinstance(record[view], dict)]
    parts = [p for p in ("test", "validation", "train") if p in record[views[0]]]
    words = (
        f"{part} " + ", ".join(f"{view} {100 * record[view][part]['accuracy']:.1f} %" for view in views)
        for part in parts
    )
    return f"step {record['step']}: accuracy on " + "; ".join(words)


def _stored(config: Config, folder: Path) -> tuple[dict[str, Any], Path] | None:
    """The checkpoint to continue from, if any. Refuses a folder with a finished result or with another run."""
    if (done := result.read(folder)) is not None:
        differences = config.differences(done["config"])
        which = "of this very run" if not differences else "of another run (" + "; ".join(differences) + ")"
        raise result.FinishedError(
            f"{folder / result.RESULT} is the finished result {which}; {sentence(done['evaluations'][-1])}. "
            "Nothing was overwritten: give another --out"
        )
    stored = checkpoint.load(folder)
    if stored and (differences := config.differences(stored[0]["config"])):
        raise ResumeError(
            f"{stored[1]} belongs to a run with other options: {'; '.join(differences)}. Give those, or another --out"
        )
    return stored


def _resume(run: Run, clock: _Clock, state: dict[str, Any], path: Path) -> None:
    if state["data"] != run.dataset.checksum:
        raise ResumeError(
            f"{path} was made with other data: checksum {state['data'][:12]} there, {run.dataset.checksum[:12]} now"
        )
    run.load(state)
    clock.load(state)


def _record(run: Run, clock: _Clock, origin: dict[str, Any]) -> dict[str, Any]:
    """The result: what was run, on what, how long, and what came out."""
    trained = len(run.dataset.rows("train"))
    return {
        "config": run.config.record(),
        "schedule": schedule(run),
        "steps": run.total,
        "epochs": run.total / len(run.loader),
        "dataset": {
            "name": run.dataset.name,
            "checksum": run.dataset.checksum,
            "provenance": dict(run.dataset.provenance),
            "train": trained,
            "of": run.available,
        },
        "parameters": sum(p.numel() for p in run.model.parameters()),
        "quantized_parameters": len(run.codes),
        "levels": levels(run),
        "seeds": [run.config.seed],
        "provenance": origin,
        **clock.state(),
        "evaluations": run.history["evaluations"],
        "history": run.history["steps"],
    }


def levels(run: Run) -> str:
    """The level set of the quantized weights, in words: `{−1, +1} · s`."""
    from qlab.quantizers.grids import Grid

    c = run.config
    return Grid(c.bits, c.family, c.scale, c.spacing).describe()


def schedule(run: Run) -> str:
    """What the length of a run was, said honestly: "full", "shortened (...)" and "subset (...)"."""
    trained, words = len(run.dataset.rows("train")), []
    if trained < run.available:
        words.append(f"subset ({trained} of {run.available} training images)")
    epochs = run.total / len(run.loader)
    usual = next((e for name, e in PAPER_EPOCHS.items() if run.config.model.startswith(name)), 1)
    if epochs < usual:
        words.append(f"shortened ({epochs:.3g} of {usual} epochs)")
    return ", ".join(words) or "full"


class _Clock:
    """Wall and CPU seconds over all sessions of a run, and how many sessions it took."""

    def __init__(self) -> None:
        self.wall, self.cpu, self.sessions = -time.perf_counter(), -time.process_time(), 1

    def load(self, state: dict[str, Any]) -> None:
        self.wall += state["wall_seconds"]
        self.cpu += state["cpu_seconds"]
        self.sessions += state["sessions"]

    def state(self) -> dict[str, Any]:
        wall, cpu = self.wall + time.perf_counter(), self.cpu + time.process_time()
        return {"wall_seconds": wall, "cpu_seconds": cpu, "sessions": self.sessions}


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Inside, Ctrl-C and SIGTERM are noted in the list, so that a step ends first; a second Ctrl-C stops at once."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def note(number: int, frame: Any) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
