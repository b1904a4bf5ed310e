"""The cache: written whole or not at all, damage is noticed, one builder at a time, no lock outlives its holder."""

import errno
import logging
import os
import signal
from multiprocessing import get_context

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_trees import build_beside, stop_while_writing, stored

from qlab.data import lock
from qlab.data.cache import Damaged, cached, path_of, read, write
from qlab.data.dataset import DataError


def accept(_):
    pass


def never():
    raise AssertionError("built although it is cached")


def put(name="tiny", key="key"):
    cached(name, key, stored, accept)
    return path_of(name, key)


def warned(caplog):
    return [record.message for record in caplog.records if "is damaged (" in record.message]


def test_what_was_stored_comes_back():
    put()
    found = cached("tiny", "key", never, accept)
    assert found.meta == stored().meta
    for name, tensor in stored().arrays.items():
        assert torch.equal(found.arrays[name], tensor)
        assert found.arrays[name].dtype == tensor.dtype


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_flipped_bit_and_every_cut_is_noticed(tmp_path, data):
    path = tmp_path / "file.qlab"
    write(path, "key", stored())
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    for damaged in (bytes(flipped), whole[:at], whole + whole[: at + 1]):
        path.write_bytes(damaged)
        with pytest.raises(Damaged):
            read(path, "key")


def test_a_file_of_another_source_is_damaged(tmp_path):
    write(tmp_path / "file", "key", stored())
    with pytest.raises(Damaged, match="decoded from key, expected other"):
        read(tmp_path / "file", "other")


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_cache_is_built_again_with_one_warning(caplog, damage):
    path = put()
    whole = path.read_bytes()
    at = len(whole) // 2
    path.write_bytes({"cut": whole[:at], "flip": whole[:at] + b"\xff" + whole[at + 1 :], "empty": b""}[damage])
    found = cached("tiny", "key", stored, accept)
    assert torch.equal(found.arrays["images"], stored().arrays["images"])
    assert len(warned(caplog)) == 1
    assert str(path) in warned(caplog)[0]
    assert path.read_bytes() == whole
    cached("tiny", "key", never, accept)
    assert len(warned(caplog)) == 1


def test_a_whole_file_with_the_wrong_content_is_built_again(caplog):
    put()

    def check(found):
        if len(found.meta["classes"]) != 3:
            raise DataError("expected 3 classes, found 2")

    def three():
        result = stored()
        result.meta["classes"].append("c")
        return result

    assert cached("tiny", "key", three, check).meta["classes"] == ["a", "b", "c"]
    assert "expected 3 classes, found 2" in warned(caplog)[0]
    with pytest.raises(DataError, match="found 2"):
        cached("other", "key", stored, check)
    assert not path_of("other", "key").exists()


def test_a_build_that_fails_leaves_nothing_and_frees_the_lock(cache):
    def broken():
        raise DataError("no such images")

    with pytest.raises(DataError, match="no such images"):
        cached("tiny", "key", broken, accept)
    assert [path.suffix for path in cache.iterdir()] == [".lock"]
    put()


def test_a_cache_that_cannot_be_made_costs_a_warning_only(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("QLAB_CACHE", str(tmp_path / "file" / "cache"))
    assert torch.equal(cached("tiny", "key", stored, accept).arrays["images"], stored().arrays["images"])
    assert "QLAB_CACHE names another place" in caplog.text


def test_a_full_disk_costs_a_warning_only(cache, monkeypatch, caplog):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    cached("tiny", "key", stored, accept)
    assert "No space left" in caplog.text
    assert [path.suffix for path in cache.iterdir()] == [".lock"]


def test_two_processes_build_once(tmp_path):
    context = get_context("spawn")
    arrived = [context.Event(), context.Event()]
    log = tmp_path / "log"
    other = context.Process(target=build_beside, args=(log, arrived[0], arrived[1]))
    other.start()
    arrived[0].wait()
    build_beside(log, arrived[1], arrived[0])
    other.join()
    assert other.exitcode == 0
    assert len(log.read_text().split()) == 1
    cached("both", "key", never, accept)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_a_killed_builder_leaves_no_half_cache_and_no_lock(cache):
    context = get_context("spawn")
    halfway, end = context.Event(), context.Event()
    builder = context.Process(target=stop_while_writing, args=(halfway, end))
    builder.start()
    halfway.wait()
    os.kill(builder.pid, signal.SIGKILL)
    builder.join()
    assert not path_of("killed", "key").exists()
    assert any(path.name.startswith(".killed") for path in cache.iterdir())
    found = cached("killed", "key", stored, accept)
    assert torch.equal(found.arrays["images"], stored().arrays["images"])
    assert sorted(path.suffix for path in cache.iterdir()) == [".lock", ".qlab"]


def test_the_lock_is_exclusive_and_free_afterwards(tmp_path):
    path = tmp_path / "lock"
    with lock.lock(path, "it"), path.open("ab") as other:
        assert not lock._take(other, wait=False)
    with path.open("ab") as other:
        assert lock._take(other, wait=False)


def test_waiting_for_a_lock_is_said_once(tmp_path, monkeypatch, caplog):
    answers = [False, True]
    monkeypatch.setattr(lock, "_take", lambda handle, wait: answers.pop(0))
    with lock.lock(tmp_path / "lock", "the digits"):
        assert [record.message for record in caplog.records] == ["waiting for another process that holds the digits"]
    assert answers == []


def test_a_file_system_without_locks_still_gets_its_cache(monkeypatch):
    def unsupported(handle, wait):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "_take", unsupported)
    assert put().exists()


def test_the_first_reading_is_announced(caplog):
    with caplog.at_level(logging.WARNING, logger="qlab"):
        path = put()
    assert f"kept in {path}" in caplog.text
