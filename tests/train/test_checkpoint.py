"""A checkpoint file is whole or refused; at every instant of a write one of the two files is whole."""

import os

import pytest
import torch

from qlab.train import checkpoint
from qlab.train.checkpoint import LAST, PREVIOUS, TEMPORARY, CheckpointError


def state(step):
    return {"step": step, "w": torch.arange(2000.0) + step, "more": {"rule": "bc", "history": [{"loss": 0.5}]}}


def same(a, b):
    return a["step"] == b["step"] and torch.equal(a["w"], b["w"]) and a["more"] == b["more"]


def test_the_newest_comes_back_and_the_one_before_is_kept(tmp_path):
    assert checkpoint.load(tmp_path) is None
    for step in (1, 2, 3):
        checkpoint.save(tmp_path, state(step))
    loaded, path = checkpoint.load(tmp_path)
    assert same(loaded, state(3))
    assert path == tmp_path / LAST
    assert same(checkpoint.read(tmp_path / PREVIOUS), state(2))
    assert sorted(os.listdir(tmp_path)) == sorted([LAST, PREVIOUS])


def test_a_cut_file_is_refused_at_every_length_and_the_one_before_is_used(tmp_path):
    for step in (1, 2):
        checkpoint.save(tmp_path, state(step))
    whole = (tmp_path / LAST).read_bytes()
    for length in [*range(0, len(whole), 97), len(whole) - 1]:
        (tmp_path / LAST).write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r"last\.pt"):
            checkpoint.read(tmp_path / LAST)
        assert same(checkpoint.load(tmp_path)[0], state(1))


def test_a_flipped_bit_in_a_weight_is_noticed(tmp_path):
    checkpoint.save(tmp_path, state(1))
    whole = bytearray((tmp_path / LAST).read_bytes())
    where = whole.find(torch.arange(2000.0).add(1).numpy().tobytes()[:64])
    assert where > 0
    whole[where + 5] ^= 4
    (tmp_path / LAST).write_bytes(whole)
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoint.load(tmp_path)


class Killed(BaseException):
    """Stands for a kill: nothing after it runs."""


@pytest.mark.parametrize("old", [0, 1, 2])
def test_a_stop_at_any_step_of_a_write_leaves_a_readable_checkpoint(tmp_path, monkeypatch, old):
    for step in range(old):
        checkpoint.save(tmp_path, state(step))

    def stop_at(call):
        """The call-th file operation of a write does not happen; neither does what follows."""
        count = 0

        def counted(original):
            def run(*args, **kwargs):
                nonlocal count
                count += 1
                if count == call:
                    raise Killed
                return original(*args, **kwargs)

            return run

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", counted(os.fsync))
            patch.setattr(os, "replace", counted(os.replace))
            patch.setattr(torch, "save", counted(torch.save))
            try:
                checkpoint.save(tmp_path, state(10))
            except Killed:
                return True
        return False

    call = 1
    while stop_at(call):
        found = checkpoint.load(tmp_path)
        if old or found:
            assert found[0]["step"] in {old - 1, old - 2, 10}
        call += 1
    assert call >= 5 - (old == 0)
    assert same(checkpoint.load(tmp_path)[0], state(10))
    assert not (tmp_path / TEMPORARY).exists()


def test_a_broken_pipe_of_garbage_is_an_error_not_a_crash(tmp_path):
    (tmp_path / LAST).write_bytes(b"no checkpoint at all")
    with pytest.raises(CheckpointError, match="--out"):
        checkpoint.load(tmp_path)
