"""Decoded once: tensors in one checksummed file, written whole or not at all.

Layout: MAGIC, length of the header (8 bytes, little-endian), header (JSON: key, arrays, meta), the arrays' bytes one
after the other, SHA-256 of everything before it (32 bytes).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from qlab.data.dataset import DataError
from qlab.data.lock import lock
from qlab.data.places import cache_directory

log = logging.getLogger("qlab")

MAGIC = b"qlab cache 1\n"
_BLOCK = 1 << 22
_DTYPES = {"uint8": torch.uint8, "int64": torch.int64, "float32": torch.float32}


class Damaged(Exception):
    """A cache file that is not what was written."""


@dataclass(frozen=True)
class Stored:
    """Named tensors and what is known about them (JSON)."""

    arrays: dict[str, Tensor]
    meta: dict[str, Any]


def path_of(name: str, key: str) -> Path:
    """The file that holds the data set `name` decoded from the source `key` (a hash of what the source is)."""
    return cache_directory() / f"{name}-{key[:16]}.qlab"


def cached(name: str, key: str, build: Callable[[], Stored], check: Callable[[Stored], None]) -> Stored:
    """What `build()` returns, from the cache if it is there, else built once and stored.

    `check` raises DataError for arrays that are not the data set (wrong shape, wrong number of classes). A damaged or
    wrong file is rebuilt with one warning line. Several processes: one builds, the others wait for it. A cache that
    cannot be written costs a warning line, not the run: the data set is then kept in memory only.
    """
    path = path_of(name, key)

    def stored() -> Stored | Damaged | None:
        try:
            found = read(path, key)
            check(found)
            return found
        except OSError:  # not there, or not to be read: then writing it says why
            return None
        except DataError as error:
            return Damaged(str(error))
        except Damaged as error:
            return error

    if isinstance(found := stored(), Stored):
        return found
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".lock").open("ab").close()
    except OSError as error:
        log.warning("no cache at %s (%s): decoding in memory; QLAB_CACHE names another place", path.parent, error)
        return _built(build, check)
    with lock(path.with_suffix(".lock"), path.name):
        found = stored()
        if isinstance(found, Stored):
            return found
        if isinstance(found, Damaged):
            log.warning("cache %s is damaged (%s): building it again", path, found)
        else:
            log.warning("reading %s once; kept in %s", name, path)
        for left in path.parent.glob(f".{path.name}.*"):  # of a builder that was killed: nobody else holds the lock
            left.unlink(missing_ok=True)
        result = _built(build, check)
        try:
            write(path, key, result)
        except OSError as error:
            log.warning("could not write the cache %s (%s); QLAB_CACHE names another place", path, error)
        return result


def _built(build: Callable[[], Stored], check: Callable[[Stored], None]) -> Stored:
    result = build()
    check(result)
    return result


def write(path: Path, key: str, stored: Stored) -> None:
    """Writes a temporary file beside `path`, forces it to the disk, then puts it in place in one step."""
    arrays = {name: tensor.cpu().contiguous() for name, tensor in stored.arrays.items()}
    listed = [[name, str(t.dtype).removeprefix("torch."), list(t.shape)] for name, t in arrays.items()]
    header = json.dumps({"key": key, "arrays": listed, "meta": stored.meta}).encode()
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    digest = hashlib.sha256()
    try:
        with temporary.open("wb") as file:
            before = (MAGIC, len(header).to_bytes(8, "little"), header)
            for piece in [memoryview(piece) for piece in before] + [_bytes(tensor) for tensor in arrays.values()]:
                for start in range(0, len(piece), _BLOCK):
                    digest.update(piece[start : start + _BLOCK])
                    file.write(piece[start : start + _BLOCK])
            file.write(digest.digest())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # the new name, too, must survive a power cut
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read(path: Path, key: str) -> Stored:
    """Reads a cache file. Raises FileNotFoundError; Damaged with the reason."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        start = _take(file, digest, len(MAGIC) + 8)
        if not start.startswith(MAGIC):
            raise Damaged(f"starts with {start[: len(MAGIC)]!r}, expected {MAGIC!r}")
        length, size = int.from_bytes(start[len(MAGIC) :], "little"), os.fstat(file.fileno()).st_size
        if length > size:
            raise Damaged(f"header of {length} bytes in a file of {size}")
        try:
            header = json.loads(_take(file, digest, length))
            listed = [(str(name), _DTYPES[dtype], [int(n) for n in shape]) for name, dtype, shape in header["arrays"]]
            found_key, meta = header["key"], dict(header["meta"])
        except (ValueError, KeyError, TypeError) as error:
            raise Damaged(f"unreadable header: {error!r}") from None
        payload = sum(dtype.itemsize * torch.Size(shape).numel() for _, dtype, shape in listed)
        expected = len(MAGIC) + 8 + length + payload + digest.digest_size
        if size != expected:
            raise Damaged(f"{size} bytes, expected {expected}")
        arrays = {}
        for name, dtype, shape in listed:
            arrays[name] = tensor = torch.empty(shape, dtype=dtype)
            view = _bytes(tensor)
            for at in range(0, len(view), _BLOCK):
                piece = view[at : at + _BLOCK]
                if file.readinto(piece) != len(piece):
                    raise Damaged("ended early")
                digest.update(piece)
        if file.read() != digest.digest():
            raise Damaged("its checksum does not match")
        if found_key != key:
            raise Damaged(f"decoded from {found_key}, expected {key}")
    return Stored(arrays, meta)


def _take(file: IO[bytes], digest: Any, count: int) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise Damaged(f"ended after {len(data)} of {count} bytes")
    digest.update(data)
    return data


def _bytes(tensor: Tensor) -> memoryview:
    array: Any = tensor.numpy().reshape(-1)
    return memoryview(array).cast("B") if tensor.numel() else memoryview(b"")
