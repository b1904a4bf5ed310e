"""Images in folders and in tar archives: listed, checked, then decoded once into the cache."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

import torch

from qlab.data.cache import Stored, cached
from qlab.data.dataset import DataError, Dataset
from qlab.data.decode import decode_all
from qlab.data.layout import IMAGES, Expected, Layout, layout
from qlab.data.parts import assemble, check

_OPENERS = {b"\xfd7zXZ\x00": lzma.open, b"\x1f\x8b": gzip.open, b"BZh": bz2.open}
_BLOCK = 1 << 20


def image_folder(path: str | Path, *, name: str | None = None, size: int | None = None) -> Dataset:
    """The images below `path`: `train/<class>/...`, with `validation`, `val` or `test` beside it, or `<class>/...`.

    size: scales every image to size x size. Raises DataError if the directory is missing, a class folder empty, the
    classes of two splits differ, an image unreadable or of another size.
    """
    root = Path(path).expanduser().absolute()
    plan = folder_layout(root)
    files = [(shown, root / shown) for shown, _ in plan.listed()]
    key = hashlib.sha256()
    for shown, file in files:
        about = file.stat()
        key.update(f"{shown}\0{about.st_size}\0{about.st_mtime_ns}\n".encode())
    contents = ((shown, file.read_bytes()) for shown, file in files)
    return _dataset(
        name or root.name, f"folder-{root.name}", key.hexdigest(), lambda: plan, contents, str(root), size, {}
    )


def folder_layout(root: Path) -> Layout:
    """What a folder holds. Raises DataError as `image_folder` does."""
    if not root.is_dir():
        above = next(p for p in root.parents if p.is_dir())
        seen = ", ".join(sorted(p.name for p in above.iterdir())[:12]) or "nothing"
        raise DataError(f"no directory {root}; {above} holds: {seen}")
    entries = sorted(root.rglob("*"))
    names = {kind: [p.relative_to(root).as_posix() for p in entries if kind(p)] for kind in (Path.is_file, Path.is_dir)}
    return layout(names[Path.is_file], names[Path.is_dir], str(root))


def image_archive(
    path: str | Path,
    *,
    name: str | None = None,
    expected: Expected | None = None,
    size: int | None = None,
    how: str = "",
) -> Dataset:
    """The images of a tar archive (plain, xz, gz or bz2) in the layout of `image_folder`: streamed, never unpacked.

    Raises DataError naming the file, what was expected and what was found; `how` tells there how to get the file.
    """
    file = Path(path).expanduser().absolute()
    if not file.is_file():
        raise DataError(f"no file {file}" + (f"; {how}" if how else ""))
    with file.open("rb") as handle:
        found = hashlib.file_digest(handle, "sha256").hexdigest()
    stem = file.name.partition(".")[0]

    def broken(error: Exception) -> DataError:
        known = f"expected SHA-256 {expected.sha256}, " if expected and expected.sha256 != found else ""
        return DataError(
            f"{file}: damaged archive ({error}); {known}found {file.stat().st_size} bytes, SHA-256 {found}"
        )

    def listed() -> Layout:
        names: tuple[list[str], list[str]] = [], []
        for shown, is_folder, _ in _members(file, broken, read=False):
            names[is_folder].append(shown)
        return layout(*names, str(file), expected)

    contents = ((shown, data) for shown, _, data in _members(file, broken, read=True))
    classes = expected.classes if expected else None
    source = {"source_sha256": found}
    return _dataset(name or stem, stem, found, listed, contents, str(file), size, source, classes)


def _dataset(
    name: str,
    stem: str,
    key: str,
    listed: Callable[[], Layout],
    contents: Iterable[tuple[str, bytes]],
    where: str,
    size: int | None,
    source: dict[str, Any],
    classes: tuple[str, ...] | None = None,
) -> Dataset:
    def build() -> Stored:
        plan = listed()
        images, decoded_by = decode_all(plan, contents, where, size)
        meta = {"classes": plan.classes, "counts": plan.counts(), "source": Path(where).name, "decoder": decoded_by}
        return Stored({"images": images, "labels": torch.tensor(plan.labels())}, {**meta, **source, "size": size})

    key = hashlib.sha256(f"{key} {size}".encode()).hexdigest()
    return assemble(name, cached(stem, key, build, lambda stored: check(stored, where, classes)))


def _members(file: Path, broken: Callable[[Exception], DataError], *, read: bool) -> Iterator[tuple[str, bool, bytes]]:
    """(name, is it a folder, the bytes of an image if `read`) of every member, to the very end, where checksums are."""
    try:
        with file.open("rb") as raw:
            magic = raw.read(6)
        opener: Any = next((o for start, o in _OPENERS.items() if magic.startswith(start)), open)
        with opener(file, "rb") as stream:
            counted: Any = _Counted(stream)
            with tarfile.open(fileobj=counted, mode="r|") as tar:
                while (member := tar.next()) is not None:
                    name = str(PurePosixPath(member.name))
                    image = tar.extractfile(member) if read and name.lower().endswith(IMAGES) else None
                    yield name, member.isdir(), image.read() if image else b""
                    cast(Any, tar).members.clear()  # 60,000 headers would stay in memory
                end = tar.offset
            while counted.read(_BLOCK):
                pass
            if counted.bytes < end + tarfile.BLOCKSIZE:  # tarfile takes a cut between two members for the end
                raise tarfile.ReadError(f"no end mark: {counted.bytes} bytes unpacked, more than {end} expected")
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError) as error:
        raise broken(error) from error


class _Counted:
    """Reads from a stream and counts the bytes."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.bytes = stream, 0

    def read(self, size: int = -1) -> bytes:
        data = self.stream.read(size)
        self.bytes += len(data)
        return data
