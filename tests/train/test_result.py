"""A result is written once, whole, with everything needed to say where it came from."""

import json

import numpy as np
import pytest
import torch

from qlab.train import Config, FinishedError, Run, result, train
from qlab.train.progress import Lines, Silent
from qlab.train.trainer import schedule


def test_a_result_is_never_overwritten(tmp_path):
    path = result.write(tmp_path, {"a": 1})
    before = path.read_bytes()
    with pytest.raises(FinishedError, match="nothing was overwritten"):
        result.write(tmp_path, {"a": 2})
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [result.RESULT]


def test_data_become_plain_json():
    data = {"t": torch.tensor([1.0, float("nan")]), "n": np.float64(2.5), "i": (np.int64(3), float("-inf")), 4: None}
    expected = {"t": [1.0, "nan"], "n": 2.5, "i": [3, "-inf"], "4": None}
    assert json.loads(json.dumps(result.plain(data), allow_nan=False)) == expected


def test_a_finished_run_has_full_provenance_and_is_reported_not_repeated(tmp_path):
    config = Config(steps=4, method="sr", bits=2, seed=3, out=str(tmp_path))
    record = train(config, show=Silent())
    stored = result.read(tmp_path)
    assert stored == json.loads(json.dumps(result.plain(record)))
    assert stored["config"] == config.record()
    assert stored["seeds"] == [3]
    assert stored["dataset"]["checksum"] == Run(config).dataset.checksum
    assert {"torch", "numpy", "python", "qlab"} <= set(stored["provenance"]["versions"])
    assert {"commit", "device", "command", "threads"} <= set(stored["provenance"])
    assert stored["wall_seconds"] > 0
    assert stored["cpu_seconds"] > 0
    assert stored["schedule"].startswith("shortened")
    assert "0" in stored["levels"]
    before = (tmp_path / result.RESULT).read_bytes()
    with pytest.raises(FinishedError, match="very run"):
        train(config, show=Silent())
    with pytest.raises(FinishedError, match="seed: 3 there, 4 now"):
        train(Config(**{**config.record(), "seed": 4}), show=Silent())
    assert (tmp_path / result.RESULT).read_bytes() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": 1}, "full"),
        ({"steps": 2}, "shortened (0.222 of 1 epochs)"),
        ({"subset": 300, "epochs": 1}, "subset (300 of 1257 training images)"),
        (
            {"subset": 300, "model": "resnet8", "width": 2, "epochs": 2},
            "subset (300 of 1257 training images), shortened (2 of 200 epochs)",
        ),
    ],
)
def test_the_schedule_is_said_honestly(options, words):
    assert schedule(Run(Config(**options))) == words


def test_lines_say_where_the_run_is(capsys):
    lines = Lines(10, start=4, seconds=0.0)
    lines.update(7, {"loss": 1.23456, "flips": 0.01})
    lines.close()
    first, *_ = capsys.readouterr().err.splitlines()
    assert "step 7/10" in first
    assert "loss 1.23" in first
    assert "left" in first


def test_a_file_system_without_links_keeps_the_result_too(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(result.os, "link", refuse)
    path = result.write(tmp_path, {"a": 1})
    assert result.read(tmp_path) == {"a": 1}
    with pytest.raises(FinishedError, match="nothing was overwritten"):
        result.write(tmp_path, {"a": 2})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == [result.RESULT]


def test_the_commit_is_that_of_the_start(monkeypatch):
    said, advance = ["at the start"], Run.advance
    monkeypatch.setattr(result, "commit", lambda: said[0])

    def edited(run):
        said[0] = "edited while it ran"
        advance(run)

    monkeypatch.setattr(Run, "advance", edited)
    assert train(Config(steps=2), show=Silent())["provenance"]["commit"] == "at the start"
