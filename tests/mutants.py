"""Breaks the code on purpose, one line at a time, and demands that a named test notices: `make mutants`.

Each mutant is applied to a copy of the project; its test must pass on the sound copy and fail on the broken one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Mutant:
    """One broken line: in `file`, `find` (which stands there exactly once) becomes `put`, and `test` must fail."""

    what: str
    file: str
    find: str
    put: str
    test: str


MUTANTS = [
    Mutant(
        "the step goes uphill",
        "qlab/optim/update.py",
        "rule.anchor(w, s, h) - h.lr * m",
        "rule.anchor(w, s, h) + h.lr * m",
        "tests/optim/test_torch_parity.py::test_base_equals_torch",
    ),
    Mutant(
        "ties go towards zero",
        "qlab/quantizers/rounding.py",
        "torch.where(x >= 0, above <= below, above < below)",
        "torch.where(x >= 0, above < below, above <= below)",
        "tests/quantizers/test_rounding.py",
    ),
    Mutant(
        "stochastic rounding is biased",
        "qlab/quantizers/rounding.py",
        "return u < (w - lo) / (hi - lo)",
        "return u < (w - lo) / (hi - lo) * 1.05",
        "tests/quantizers/test_rounding.py",
    ),
    Mutant(
        "NaN becomes a level",
        "qlab/quantizers/grids.py",
        "return self._code(closer(y, lo, lo + self.gap), w)",
        "return self._code(closer(y, lo, lo + self.gap).nan_to_num(), w)",
        "tests/optim/test_registry.py::test_nan_stays_nan_and_is_no_level",
    ),
    Mutant(
        "the ternary threshold counts one weight too few",
        "qlab/quantizers/grids.py",
        "return c.gather(-1, best) / (best + 1)",
        "return c.gather(-1, best) / (best + 2)",
        "tests/quantizers/test_projection.py",
    ),
    Mutant(
        "two methods swap their labels",
        "qlab/methods/r.py",
        'slug = "r"',
        'slug = "sr"',
        "tests/optim/test_registry.py::test_module_wrapper",
    ),
    Mutant(
        "deterministic rounding rounds stochastically where it settles",
        "qlab/methods/sr.py",
        "return h.Qs(w, u)",
        "return h.Q(w)",
        "tests/methods/test_identities.py",
    ),
    Mutant(
        "the uniforms of a step do not depend on the step",
        "qlab/uniforms.py",
        "for word in (seed, seed >> 32, step, number):",
        "for word in (seed, seed >> 32, number):",
        "tests/test_uniforms.py::test_independent_of",
    ),
    Mutant(
        "a stack broadcasts its numbers over the wrong axis",
        "qlab/optim/optimizer.py",
        "reshape(runs, *[1] * (p.dim() - 1))",
        "reshape(*[1] * (p.dim() - 1), runs).mean(-1, keepdim=True)",
        "tests/optim/test_registry.py::test_stacked_run_equals_the_run_alone",
    ),
]


def copy_to(folder: Path) -> None:
    for name in ("qlab", "tests", "notebooks", "benchmarks", "pyproject.toml", "README.md"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, folder / name)


def passes(test: str, folder: Path) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *test.split()]
    env = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_DATABASE_FILE": ""}
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
