"""The core runs where only torch and numpy exist: everything outside their own dependencies is refused at import."""

import subprocess
import sys

import pytest

BLOCKER = """
import sys
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
import re

def closure(names):
    seen, todo = set(), list(names)
    while todo:
        name = re.sub("[-_.]+", "-", todo.pop()).lower()
        if name in seen:
            continue
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        seen.add(name)
        todo += [re.match("[A-Za-z0-9._-]+", r)[0] for r in requires if "extra ==" not in r]
    return seen

kept = closure(["torch", "numpy"])
blocked = set()
for module, owners in packages_distributions().items():
    if not any(re.sub("[-_.]+", "-", o).lower() in kept for o in owners) and module != "qlab":
        blocked.add(module)
assert {"torchvision", "PIL", "sklearn", "scipy", "tqdm", "pydantic", "typer", "plotly"} <= blocked, sorted(blocked)

class Without:
    # a finder that does not find what is blocked
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in blocked else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""

ROOMS = (
    "constraints data exact grid methods metrics models optim problems prox quantizers schedules theory train uniforms "
    "devices messages"
)

EVERY_MODULE = f"""
import importlib, pkgutil
import qlab
for room in {ROOMS.split()!r}:
    module = importlib.import_module("qlab." + room)
    for found in pkgutil.walk_packages(getattr(module, "__path__", []), module.__name__ + "."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
for name in qlab._HOME:
    getattr(qlab, name)
assert qlab.step("bc", *__import__("torch").ones(2, 3), lr=0.1).shape == (3,)
"""

TRAIN = """
import runpy
sys.argv = ["qlab.train", "--dataset", "digits", "--steps", "20", "--out", "run"]
try:
    runpy.run_module("qlab.train", run_name="__main__")
except SystemExit as end:
    assert end.code == 0, end.code
"""


def bare(code, folder):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BLOCKER + code], capture_output=True, text=True, cwd=folder
    )


def test_the_core_imports_and_trains_with_torch_and_numpy_alone(tmp_path):
    done = bare(EVERY_MODULE + TRAIN, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "result.json").exists()


@pytest.mark.parametrize("name", ["scipy", "PIL"])
def test_the_blocker_blocks(name, tmp_path):
    done = bare(f"import {name}", tmp_path)
    assert f"No module named '{name}'" in done.stderr
