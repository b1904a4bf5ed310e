"""From decoded images to a data set: the stored arrays are checked, missing parts are taken from the training part."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from qlab.data.cache import Stored
from qlab.data.dataset import Augment, DataError, Dataset, carve
from qlab.data.layout import ALL

VALIDATION_SHARE, TEST_SHARE = 10, 5
"""A missing part is carved out, stratified: every fifth image of all for the test, then every tenth for validation."""


def check(stored: Stored, where: str, classes: Sequence[str] | None = None) -> None:
    """DataError unless the arrays are uint8 images (N, C, H, W) with a label each, from every one of `classes`."""
    images, labels = stored.arrays.get("images"), stored.arrays.get("labels")
    counts, found = stored.meta.get("counts", {}), stored.meta.get("classes", [])
    if images is None or labels is None or images.dtype != torch.uint8 or images.dim() != 4:
        shapes = {name: (str(t.dtype), tuple(t.shape)) for name, t in stored.arrays.items()}
        raise DataError(f"{where}: expected uint8 images (N, C, H, W) and labels (N,), found {shapes}")
    if not len(images) == len(labels) == sum(counts.values()):
        raise DataError(f"{where}: {len(images)} images, {len(labels)} labels, parts {counts}")
    if classes is not None and list(found) != list(classes):
        raise DataError(
            f"{where}: expected {len(classes)} classes ({', '.join(classes)}), found {len(found)} ({', '.join(found)})"
        )
    if "train" not in counts and ALL not in counts:
        raise DataError(f"{where}: no training part, found {counts}")


def assemble(name: str, stored: Stored, augment: Augment | None = None) -> Dataset:
    """The data set of stored images, part after part; default augmentation: crop by an eighth of the side, and flip."""
    images, labels = stored.arrays["images"], stored.arrays["labels"]
    rows = dict(
        zip(stored.meta["counts"], torch.arange(len(labels)).split(list(stored.meta["counts"].values())), strict=True)
    )
    train = rows.pop(ALL) if ALL in rows else rows.pop("train")
    provenance = {k: v for k, v in stored.meta.items() if k not in ("classes", "counts")}
    carved = []
    if "test" not in rows:
        train, rows["test"] = carve(labels, train, len(train) // TEST_SHARE, number=1)
        carved.append("test")
    if "validation" not in rows:
        train, rows["validation"] = carve(labels, train, len(train) // VALIDATION_SHARE)
        carved.append("validation")
    splits = {"train": train, "validation": rows["validation"], "test": rows["test"]}
    if carved:
        provenance["taken_from_train"] = carved
    augment = augment or Augment(pad=images.shape[-1] // 8, flip=True)
    return Dataset.of(name, images, labels, stored.meta["classes"], splits, provenance, augment)
