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
        "ties go down",
        "qlab/quantizers/rounding.py",
        "return y.frac().add_(y).trunc_().add_(0.0)",
        "return y.sub(0.5).ceil_().add_(0.0)",
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
        "return self._code(away(self._units(w, s).clamp(-self.top, self.top), self.gap), w)",
        "return self._code(away(self._units(w, s).nan_to_num().clamp(-self.top, self.top), self.gap), w)",
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
        "qlab/demos/d03_exploration.py",
        'said = {"bc": self._bc, "sr": self._sr, "r": self._r}',
        'said = {"bc": self._sr, "sr": self._bc, "r": self._r}',
        "tests/demos/test_d03.py::test_the_sentence_and_the_key_numbers_are_the_data",
    ),
    Mutant(
        "stochastic rounding rounds to nearest",
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
    Mutant(
        "a verdict is constant",
        "qlab/lessons/claims.py",
        "return HOLDS if low > margin else FAILS if high < margin else OPEN",
        "return HOLDS",
        "tests/lessons/test_claims.py::test_the_verdict_is_where_the_whole_interval_lies",
    ),
    Mutant(
        "a stub is accepted as an answer",
        "qlab/lessons/answers.py",
        '        if got is ... or got is None:\n            return Result("not answered yet")',
        '        if got is ... or got is None:\n            return Result("correct")',
        "tests/lessons/test_answers.py::test_a_stub_is_not_answered_yet",
    ),
    Mutant(
        "a resumed run takes a batch twice",
        "qlab/train/loop.py",
        'self.step, self.history = state["step"], state["history"]',
        'self.step, self.history = state["step"] - 1, state["history"]',
        "tests/train/test_loop.py::test_ctrl_c_leaves_a_checkpoint_that_resumes_bitwise",
    ),
    Mutant(
        "Lloyd's scale forgets to weigh the codes",
        "qlab/quantizers/grids.py",
        "norm = (q * q).sum(-1, keepdim=True)",
        "norm = q.abs().sum(-1, keepdim=True)",
        "tests/quantizers/test_projection.py",
    ),
    Mutant(
        "the figure of a card stays where it was",
        "qlab/demos/patch.py",
        "return [] if same(old, new) else [(path, new)]",
        'return [] if same(old, new) or path == "x" else [(path, new)]',
        "tests/demos/test_patch.py::test_applying_the_patch_to_the_old_figure_gives_the_new_one",
    ),
    Mutant(
        "the misspelt parameter is ignored",
        "qlab/schema/base.py",
        "problems = [p for name, value in values.items() if (p := cls.problem(name, value))]",
        "values = {name: value for name, value in values.items() if name in cls.model_fields}\n        problems = []",
        "tests/schema/test_schema.py",
    ),
    Mutant(
        "flips are counted against the start of the run",
        "qlab/train/loop.py",
        "before, self.codes = self.codes, self._codes()",
        "before = self.codes",
        "tests/train/test_loop.py::test_flips_count_the_changed_codes",
    ),
    Mutant(
        "the crop is off by one pixel",
        "qlab/data/loader.py",
        "torch.where(flip[:, None], w - 1 - j, j)",
        "torch.where(flip[:, None], w - 1 - j, j - 1)",
        "tests/data/test_data_loader.py::test_one_gather_is_pad_crop_and_flip_image_by_image",
    ),
    Mutant(
        "the exact chain mistakes the gradient for the step (formulas E1)",
        "qlab/theory/chain.py",
        "return _mean_excess(-m, s) / spacing, _mean_excess(m, s) / spacing",
        "return _mean_excess(m, s) / spacing, _mean_excess(-m, s) / spacing",
        "tests/theory/test_chain.py",
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
