"""Options: every bad one is refused with what was given and what is allowed; the command line is the dataclass."""

import dataclasses
import json
import math
from itertools import pairwise

import pytest

from qlab.train.__main__ import configuration, main, parser
from qlab.train.config import Config, ConfigError


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "bcc"}, ["method", "'bcc'", "did you mean 'bc'"]),
        ({"model": "resnet21"}, ["model", "resnet20"]),
        ({"family": "symetric"}, ["family", "did you mean 'symmetric'"]),
        ({"scale": "median"}, ["scale", "least-squares"]),
        ({"base": "adm"}, ["base", "did you mean 'adam'"]),
        ({"schedule": "linear"}, ["schedule", "cosine"]),
        ({"bits": 0}, ["bits=0", ">= 1"]),
        ({"bits": 2.5}, ["bits=2.5", "whole number"]),
        ({"bits": True}, ["bits=True", "whole number"]),
        ({"lr": 0}, ["lr=0", "> 0"]),
        ({"lr": math.nan}, ["lr=nan", "finite"]),
        ({"lr": "fast"}, ["lr='fast'", "a number"]),
        ({"momentum": 1.0}, ["momentum=1.0", "[0, 1)"]),
        ({"nesterov": True, "momentum": 0.0}, ["nesterov", "momentum > 0"]),
        ({"nesterov": True, "base": "adam"}, ["nesterov", "adam"]),
        ({"steps": 10, "epochs": 2}, ["steps=10", "epochs=2"]),
        ({"batch": -3}, ["batch=-3"]),
        ({"bf16": 1}, ["bf16=1", "true or false"]),
        ({"seed": -1}, ["seed=-1"]),
        ({"hyper": {"bx": 1.0}}, ["'bx'", "did you mean 'box'"]),
        ({"hyper": {"box": "wide"}}, ["box = 'wide'", "not a number"]),
        ({"hyper": {"box": -1.0}}, ["box = -1.0", "(0, inf]"]),
        ({"hyper": 3}, ["hyper=3", "mapping"]),
        ({"bits": 0, "lr": -1.0}, ["bits=0", "lr=-1.0"]),
    ],
)
def test_a_bad_option_is_named_with_what_is_allowed(options, words):
    with pytest.raises(ConfigError) as error:
        Config(**options)
    assert all(word in str(error.value) for word in words), error.value


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--lrr", "0.1"], ["'--lrr'", "did you mean '--lr'"]),
        (["--lr", "fast"], ["lr='fast'", "a number"]),
        (["--bits", "2.5"], ["bits='2.5'", "whole number"]),
        (["--set", "box"], ["NAME=VALUE"]),
        (["--set", "derivative=relu", "--method", "ste", "--steps", "1"], ["relu", "hardtanh"]),
        (["--dataset", "digit"], ["digit"]),
        (["--steps", "2", "--device", "cuda:99"], ["cuda:99", "cpu"]),
        (["--steps", "2", "--subset", "99999"], ["99999"]),
    ],
)
def test_a_bad_command_exits_2_with_one_line(argv, words, capsys, tmp_path):
    assert main([*argv, "--out", str(tmp_path / "run")]) == 2
    problem = capsys.readouterr().err.splitlines()[-1]
    assert problem.startswith("qlab train: ")
    assert all(word in problem for word in words), problem


def test_every_option_is_on_the_command_line_and_comes_back():
    dests = {action.dest for action in parser()._actions}
    assert {f.name for f in dataclasses.fields(Config)} <= dests
    config = Config(
        method="ste", hyper={"width": 0.5, "derivative": "hardtanh"}, bits=3, lr=1e-3, augment=True, out="x"
    )
    argv = []
    for f in dataclasses.fields(Config):
        value, flag = getattr(config, f.name), "--" + f.name.replace("_", "-")
        if f.name == "hyper":
            argv += [word for k, v in value.items() for word in ("--set", f"{k}={v}")]
        elif isinstance(value, bool):
            argv.append(flag if value else flag.replace("--", "--no-", 1))
        elif value is not None:
            argv += [flag, str(value)]
    assert configuration(argv) == config


def test_the_record_is_json_and_differences_are_named():
    config = Config(lr=0.1, out="a")
    record = json.loads(json.dumps(config.record()))
    assert config.differences(record) == []
    assert dataclasses.replace(config, out="b").differences(record) == []
    assert dataclasses.replace(config, lr=0.05).differences(record) == ["lr: 0.1 there, 0.05 now"]


def test_the_name_tells_runs_apart():
    config = Config()
    names = {
        dataclasses.replace(config, **o).name() for o in ({}, {"lr": 0.2}, {"seed": 1}, {"method": "sr"}, {"out": "x"})
    }
    assert len(names) == 4


def test_schedules_are_what_they_say():
    steps = 100
    constant, step, cosine = (Config(lr=0.5, schedule=s) for s in ("constant", "step", "cosine"))
    assert {constant.rate(t, steps) for t in range(steps)} == {0.5}
    assert [step.rate(t, steps) for t in (0, 49, 50, 74, 75, 99)] == pytest.approx([0.5, 0.5, 0.05, 0.05, 0.005, 0.005])
    assert cosine.rate(0, steps) == 0.5
    assert cosine.rate(50, steps) == pytest.approx(0.25)
    rates = [cosine.rate(t, steps) for t in range(steps)]
    assert all(a > b > 0 for a, b in pairwise(rates))
