"""What the README shows runs as it stands."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
SHELL = [line.split("#")[0].strip() for b in re.findall(r"```sh\n(.*?)```", README, re.S) for line in b.splitlines()]


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def run(code):
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    return names


def test_training_learns(capsys):
    import torch

    torch.manual_seed(0)
    names = run(blocks("python")[0])
    assert float(names["accuracy"]) > 0.5  # far above chance on random labels: it fits
    assert torch.equal(names["net"].optimizer.quantized()["2.weight"], names["scale"] * names["codes"])
    assert "2.weight" in capsys.readouterr().out


def test_a_grid_never_beats_the_exact_optimum(capsys):
    names = run(blocks("python")[1])
    assert float(names["runs"].gap.min()) > -1e-6  # float32 against the float64 of the search
    assert names["runs"].sizes == {"rule": 3, "step_size": 3, "seed": 10}
    assert len(names["best"].losses) == 3
    assert "gap" in capsys.readouterr().out


def test_every_method_is_listed():
    import qlab

    table = re.findall(r"^\| (`.*?) \|", README, re.M)
    assert {slug for cell in table for slug in re.findall(r"`([\w-]+)`", cell)} >= set(qlab.METHODS)


def test_library_usage_is_short():
    code = blocks("python")[0].strip().splitlines()
    assert len([line for line in code if line.strip()]) <= 20


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`?make (\w+)`?", README):
        assert re.search(rf"^{target}:", makefile, re.M), target


@pytest.mark.parametrize("line", [line for line in SHELL if line.startswith("qlab train")])
def test_train_commands_parse(line):
    from qlab.train.__main__ import configuration

    assert configuration(shlex.split(line)[2:]).method in line


def test_commands_exist():
    from qlab.cli import app

    listed = CliRunner().invoke(app, ["--help"]).output
    for command in set(re.findall(r"^qlab (\w+)", "\n".join(SHELL), re.M)) | {"doctor"}:
        assert command in listed


def test_links_and_pictures_exist():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_papermill_line_is_valid():
    from qlab.schema.lessons import LESSONS

    for line in (line for line in SHELL if line.startswith("papermill")):
        words = shlex.split(line)
        values = dict(zip(words[4::3], words[5::3], strict=True))
        lesson = LESSONS[Path(words[1]).name[:2]]
        assert Path(words[1]).stem == lesson.notebook
        lesson.check({name: float(v) if "." in v else int(v) for name, v in values.items()})
