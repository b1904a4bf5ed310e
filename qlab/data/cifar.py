"""CIFAR-10 and CIFAR-100 through torchvision, and the copy of CIFAR-10 as JPEG images."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from qlab.data.cache import Stored, cached
from qlab.data.dataset import DataError, Dataset
from qlab.data.layout import Expected
from qlab.data.parts import assemble, check
from qlab.data.places import ARCHIVE, cifar10_archive, data_directory
from qlab.data.sources import image_archive

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
JPEG_COPY = "CIFAR-10 (JPEG copy)"
"""The images were compressed again, so results are never those of CIFAR-10 itself; the name says so everywhere."""

EXPECTED = Expected(
    CLASSES, {"train": 5000, "test": 1000}, "c562d90f16f2364941ee596663171764f871c78be386d92d6cfb3cfac2be07d2"
)
HOW_ARCHIVE = f"copy the archive to data/{ARCHIVE} of a checkout, or name it: export QLAB_CIFAR10=/path/to/{ARCHIVE}"


def cifar10_jpeg(root: str | Path | None = None) -> Dataset:
    """All of CIFAR-10 as JPEG images.

    root: the archive or its directory; default: `QLAB_CIFAR10`, else `data/cifar10-jpeg.tar.xz` of a checkout.
    Raises DataError if it is missing, damaged, or holds other classes or numbers of images.
    """
    file = cifar10_archive() if root is None else Path(root).expanduser()
    file = file / ARCHIVE if file.is_dir() else file
    return image_archive(file, name=JPEG_COPY, expected=EXPECTED, how=HOW_ARCHIVE)


def how(slug: str) -> str:
    """The command that downloads `cifar10` or `cifar100`."""
    return f"qlab data {slug} --fetch"


def cifar(slug: str, root: str | Path | None = None, *, download: bool = False) -> Dataset:
    """`cifar10` or `cifar100` from torchvision's files below `root` (default: `data/` of a checkout).

    Images uint8 (60000, 3, 32, 32). Raises DataError if torchvision or a file is missing, if a file is damaged (its MD5
    differs from the published one) or cannot be downloaded.
    """
    place = Path(root).expanduser() if root is not None else data_directory()
    title, classes = {"cifar10": ("CIFAR-10", 10), "cifar100": ("CIFAR-100", 100)}[slug]

    def build() -> Stored:
        parts = _torchvision(slug, place, download)
        names = list(parts[0].classes)
        images = torch.cat([torch.from_numpy(part.data).permute(0, 3, 1, 2) for part in parts])
        labels: Tensor = torch.cat([torch.tensor(part.targets) for part in parts])
        meta = {"classes": names, "counts": {"train": len(parts[0].data), "test": len(parts[1].data)}}
        return Stored({"images": images.contiguous(), "labels": labels}, {**meta, "source": f"torchvision {slug}"})

    def complete(stored: Stored) -> None:
        check(stored, f"{title} in {place}")
        if (found := len(stored.meta["classes"])) != classes:
            raise DataError(f"{title} in {place}: expected {classes} classes, found {found}")

    # torchvision compares every file with its published MD5, so the name alone says what the images are
    return assemble(title, cached(slug, hashlib.sha256(slug.encode()).hexdigest(), build, complete))


def _torchvision(slug: str, place: Path, download: bool) -> list[Any]:
    try:
        from torchvision import datasets
    except ImportError:
        raise DataError(
            f"{slug} is read through torchvision, which is not installed: pip install torchvision"
            " (or use the data set 'digits', which needs nothing)"
        ) from None
    kind = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[slug]
    problems = _problems(kind, place)
    if problems and not download:
        raise DataError(
            f"{slug} is not complete in {place / kind.base_folder}: {'; '.join(problems)}. Get it: {how(slug)}"
        )
    try:
        return [kind(str(place), train=train, download=bool(problems)) for train in (True, False)]
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"{slug} could not be downloaded to {place}: {error}. On a machine with a network: {how(slug)};"
            f" then copy {kind.base_folder} to {place}"
        ) from error


def _problems(kind: Any, place: Path) -> list[str]:
    """What is wrong with torchvision's files: none there, some missing, some with another MD5 than published."""
    folder = place / kind.base_folder
    if not folder.is_dir():
        return ["no such directory"]
    problems = []
    for name, md5 in [*kind.train_list, *kind.test_list, (kind.meta["filename"], kind.meta["md5"])]:
        file = folder / name
        if not file.is_file():
            problems.append(f"{name} is missing")
            continue
        with file.open("rb") as handle:
            found = hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if found != md5:
            problems.append(f"{name} is damaged ({file.stat().st_size} bytes, MD5 {found}, expected {md5})")
    return problems
