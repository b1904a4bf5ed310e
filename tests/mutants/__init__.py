"""Breaks the code on purpose, one line at a time, and demands that a named test notices: `make mutants`.

Each mutant is applied to a copy of the project; its test must pass on the sound copy and fail on the broken one. Every
module of this folder adds its list `MUTANTS`.
"""

from __future__ import annotations

import os
import pkgutil
import shutil
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from tests.mutants.mutant import Mutant

ROOT = Path(__file__).resolve().parents[2]
_MODULES = sorted({found.name for found in pkgutil.iter_modules(__path__)} - {"mutant", "__main__"})
MUTANTS = [mutant for name in _MODULES for mutant in import_module(f"tests.mutants.{name}").MUTANTS]


def copy_to(folder: Path) -> None:
    for name in ("qlab", "tests", "notebooks", "benchmarks", "pyproject.toml", "README.md"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, folder / name)


def passes(test: str, folder: Path) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *test.split()]
    env = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if result.returncode not in (0, 1):
        raise SystemExit(f"{test} did not run:\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
    return result.returncode == 0


def main(wanted: list[str]) -> int:
    missed = []
    chosen = [m for m in MUTANTS if not wanted or any(word in m.what for word in wanted)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_to(folder)
        for test in sorted({m.test for m in chosen}):
            if not passes(test, folder):
                raise SystemExit(f"{test} fails without any mutant")
        for mutant in chosen:
            file = folder / mutant.file
            sound = file.read_text()
            file.write_text(broken(mutant, sound))
            caught = not passes(mutant.test, folder)
            file.write_text(sound)
            sys.stdout.write(f"{'caught' if caught else 'MISSED'}  {mutant.what}  ({mutant.test})\n")
            sys.stdout.flush()
            missed += [] if caught else [mutant]
    sys.stdout.write(f"{len(chosen) - len(missed)} of {len(chosen)} mutants caught\n")
    return bool(missed)


def broken(mutant: Mutant, sound: str) -> str:
    """The text with the mutant in it; ValueError unless its line stands there exactly once."""
    if sound.count(mutant.find) != 1:
        raise ValueError(f"{mutant.file} holds {mutant.find!r} {sound.count(mutant.find)} times; once is needed")
    return sound.replace(mutant.find, mutant.put)
