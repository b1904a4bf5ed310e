"""Data sets by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from qlab.data import cifar, layout, sources
from qlab.data.dataset import DataError, Dataset
from qlab.data.digits import PROVENANCE, digits
from qlab.data.moons import moons_dataset
from qlab.data.places import cache_directory, cifar10_archive, data_directory
from qlab.devices import device as device_named
from qlab.messages import unknown

NAMES = ("digits", "moons", "cifar10", "cifar100", "cifar10-jpeg")
PATTERNS = ("folder:PATH", "archive:PATH")


def names() -> tuple[str, ...]:
    """The data sets that have a name; any directory or tar archive of images is `folder:PATH` or `archive:PATH`."""
    return NAMES


def load(
    name: str,
    *,
    root: str | Path | None = None,
    subset: int | None = None,
    device: str | torch.device = "cpu",
    seed: int = 0,
    download: bool = False,
    size: int | None = None,
) -> Dataset:
    """A data set, resident on `device`, with the splits train, validation and test.

    name: `digits`, `moons`, `cifar10`, `cifar100`, `cifar10-jpeg`, `folder:PATH` or `archive:PATH`.
    root: where its files are.  subset: that many training images, the other splits in proportion (`Dataset.subset`).
    seed: of the subset, and of the points of `moons`.  download: fetch CIFAR if it is missing.
    size: scale the images of a folder or an archive to size x size.

    Raises ValueError for an unknown name or an impossible subset, DataError for data that is missing or damaged.
    """
    if name.startswith(("folder:", "archive:")):
        kind, _, path = name.partition(":")
        read = sources.image_folder if kind == "folder" else sources.image_archive
        data = read(path, size=size)
    elif name not in NAMES:
        raise ValueError(unknown("data set", name, (*NAMES, *PATTERNS)))
    elif size is not None:
        raise ValueError(f"size={size!r} with {name!r}; only folder:PATH and archive:PATH are scaled")
    elif name == "digits":
        data = digits()
    elif name == "moons":
        data = moons_dataset(seed=seed)
    elif name == "cifar10-jpeg":
        data = cifar.cifar10_jpeg(root)
    else:
        data = cifar.cifar(name, root, download=download)
    if subset is not None:
        data = data.subset(subset, seed)
    return data.to(device_named(device) if isinstance(device, str) else device)


def describe(name: str) -> dict[str, Any]:
    """What `name` is and whether it can be loaded here, without decoding anything.

    Keys: name, title, n (None if not known yet), shape, classes (their number), where (source files), cache (files that
    hold it decoded), present (`load` would find it), get (how to get it; empty if present).
    """
    if name.startswith(("folder:", "archive:")):
        return _described_path(name)
    if name not in NAMES:
        raise ValueError(unknown("data set", name, (*NAMES, *PATTERNS)))
    if name == "digits":
        return _entry(name, "handwritten digits", 1797, (1, 8, 8), 10, PROVENANCE["source"], [], True)
    if name == "moons":
        return _entry(name, "two moons", 2000, (2,), 2, "computed", [], True)
    if name == "cifar10-jpeg":
        file = cifar10_archive()
        kept = _cached(file.name.partition(".")[0])
        return _entry(name, cifar.JPEG_COPY, 60000, (3, 32, 32), 10, str(file), kept, file.is_file(), cifar.HOW_ARCHIVE)
    title, classes, folder = {
        "cifar10": ("CIFAR-10", 10, "cifar-10-batches-py"),
        "cifar100": ("CIFAR-100", 100, "cifar-100-python"),
    }[name]
    place, kept = data_directory() / folder, _cached(name)
    return _entry(
        name, title, 60000, (3, 32, 32), classes, str(place), kept, bool(kept) or place.is_dir(), cifar.how(name)
    )


def _described_path(name: str) -> dict[str, Any]:
    kind, _, path = name.partition(":")
    file = Path(path).expanduser().absolute()
    if kind == "archive":
        stem = file.name.partition(".")[0]
        return _entry(name, stem, None, None, None, str(file), _cached(stem), file.is_file(), "a tar archive of images")
    try:
        plan: layout.Layout = sources.folder_layout(file)
    except DataError as error:
        return _entry(name, file.name, None, None, None, str(file), [], False, str(error))
    n, kept = sum(plan.counts().values()), _cached(f"folder-{file.name}")
    return _entry(name, file.name, n, None, len(plan.classes), str(file), kept, True)


def _cached(stem: str) -> list[str]:
    return [str(path) for path in sorted(cache_directory().glob(f"{stem}-" + "[0-9a-f]" * 16 + ".qlab"))]


def _entry(
    name: str,
    title: str,
    n: int | None,
    shape: tuple[int, ...] | None,
    classes: int | None,
    where: str,
    cache: list[str],
    present: bool,
    get: str = "",
) -> dict[str, Any]:
    entry = {"name": name, "title": title, "n": n, "shape": shape, "classes": classes, "where": where, "cache": cache}
    return {**entry, "present": present, "get": "" if present else get}
