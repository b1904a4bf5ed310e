"""The ImageFolder layout, `train/<class>/0000.jpg` or `<class>/0000.jpg`: checked before anything is decoded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath

from qlab.data.dataset import DataError

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff")
SPLITS = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "test"}
ALL = "all"
"""The one part of a layout that has no train folder."""


@dataclass(frozen=True)
class Expected:
    """What a known data set holds: its classes, the images of every class by split, the checksum of its archive."""

    classes: tuple[str, ...]
    each: Mapping[str, int]
    sha256: str = ""


@dataclass(frozen=True)
class Layout:
    """classes, sorted; parts: split -> [(path, label)] sorted by path. Rows are counted through the parts in order."""

    classes: tuple[str, ...]
    parts: dict[str, list[tuple[str, int]]]

    def row_of(self) -> dict[str, int]:
        return {path: row for row, (path, _) in enumerate(self.listed())}

    def labels(self) -> list[int]:
        return [label for _, label in self.listed()]

    def counts(self) -> dict[str, int]:
        return {split: len(files) for split, files in self.parts.items()}

    def listed(self) -> list[tuple[str, int]]:
        return [entry for files in self.parts.values() for entry in files]


def layout(images: Iterable[str], folders: Iterable[str], where: str, expected: Expected | None = None) -> Layout:
    """Sorts relative paths into splits and classes. Hidden files and files that are no images are passed over.

    Raises DataError, naming `where` and what was seen: no images, a class folder without one, splits that differ in
    their classes, a file that is there twice, anything that differs from `expected`.
    """
    paths = [p for p in map(PurePosixPath, images) if p.suffix.lower() in IMAGES and not _hidden(p)]
    below = [p for p in map(PurePosixPath, folders) if p.parts and not _hidden(p)]
    top = sorted({p.parts[0] for p in [*paths, *below] if len(p.parts) > 1 or p in below})
    split_level = "train" in top
    if not split_level and "test" in top:
        raise DataError(f"{where}: there is a test folder but no train folder; seen: {_some(top)}")
    depth = 1 if split_level else 0
    found: dict[str, dict[str, list[str]]] = {}

    def of(path: PurePosixPath) -> dict[str, list[str]] | None:
        split = SPLITS.get(path.parts[0]) if split_level else ALL
        return found.setdefault(split, {}) if split else None

    for folder in below:
        if len(folder.parts) == depth + 1 and (classes := of(folder)) is not None:
            classes.setdefault(folder.parts[depth], [])
    for path in paths:
        if len(path.parts) > depth + 1 and (classes := of(path)) is not None:
            classes.setdefault(path.parts[depth], []).append(str(path))
    if not any(names for classes in found.values() for names in classes.values()):
        raise DataError(
            f"{where}: no images in the layout train/<class>/<image> or <class>/<image>; seen: {_some(top)}"
        )
    _check_classes(found, where)
    if expected:
        _check_expected(found, expected, where)
    names = tuple(sorted(next(iter(found.values()))))
    parts = {}
    for split in sorted(found, key=[ALL, *SPLITS.values()].index):
        listed = sorted((path, names.index(name)) for name, files in found[split].items() for path in files)
        if twice := sorted({a for (a, _), (b, _) in pairwise(listed) if a == b}):
            raise DataError(f"{where}: the same file is there twice: {_some(twice)}")
        parts[split] = listed
    return Layout(names, parts)


def _check_classes(found: dict[str, dict[str, list[str]]], where: str) -> None:
    empty = sorted(
        f"{split}/{name}" for split, classes in found.items() for name, names in classes.items() if not names
    )
    if empty:
        raise DataError(f"{where}: class folders without an image: {_some([e.removeprefix('all/') for e in empty])}")
    train = found.get("train") or found[ALL]
    for split, classes in found.items():
        if classes.keys() != train.keys():
            raise DataError(
                f"{where}: {split} and train differ in their classes;"
                f" only in train: {_some(train.keys() - classes.keys())};"
                f" only in {split}: {_some(classes.keys() - train.keys())}"
            )


def _check_expected(found: dict[str, dict[str, list[str]]], expected: Expected, where: str) -> None:
    if found.keys() != expected.each.keys():
        raise DataError(f"{where}: expected the folders {_some(expected.each)}, found {_some(found)}")
    for split, each in expected.each.items():
        seen = found[split].keys()
        if seen != set(expected.classes):
            raise DataError(
                f"{where}: expected {len(expected.classes)} classes in {split}, found {len(seen)};"
                f" missing: {_some(set(expected.classes) - seen)}; not expected: {_some(seen - set(expected.classes))}"
            )
        wrong = [f"{name} {len(names)}" for name, names in sorted(found[split].items()) if len(names) != each]
        if wrong:
            raise DataError(f"{where}: expected {each} images of every class in {split}, found: {_some(wrong)}")


def _hidden(path: PurePosixPath) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _some(names: Iterable[str], most: int = 12) -> str:
    listed = sorted(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more if listed else "nothing"
