"""A data set: every image in one tensor, the splits as rows of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from qlab.messages import unknown
from qlab.uniforms import permutation

SPLIT_SEED = 0
"""The validation split belongs to the data set, not to a run: it never depends on a run's seed."""


class DataError(RuntimeError):
    """Data that is missing, damaged or not what it should be; the message says what was expected and what was found."""


@dataclass(frozen=True)
class Augment:
    """Random crop of an image padded by `pad` black pixels on each side; `flip`: mirrored with probability 1/2."""

    pad: int = 0
    flip: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.pad <= 127:
            raise ValueError(f"pad={self.pad!r}; allowed: 0 to 127 pixels")


@dataclass(frozen=True)
class Dataset:
    """One data set, wholly resident on one device.

    images: uint8 (N, C, H, W), or float features (N, d).  labels: int64 (N,) in 0 ... len(classes) - 1.
    splits: name -> int64 rows (`train`, `validation`, `test`), disjoint.
    mean, std: of the training part, per channel (C,) or feature (d,), in the units of `images` (photos: 0 ... 255).
    checksum: SHA-256 of images, labels, classes and splits.  augment: what suits them (a loader's `augment=True`).
    """

    name: str
    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    splits: Mapping[str, Tensor]
    mean: Tensor
    std: Tensor
    checksum: str
    provenance: Mapping[str, Any]
    augment: Augment = Augment()

    @classmethod
    def of(
        cls,
        name: str,
        images: Tensor,
        labels: Tensor,
        classes: Sequence[str],
        splits: Mapping[str, Tensor],
        provenance: Mapping[str, Any],
        augment: Augment = Augment(),
    ) -> Dataset:
        """Checks the parts against each other and computes mean, std and checksum. Raises DataError."""
        n = len(images)
        if len(labels) != n:
            raise DataError(f"{name}: {n} images but {len(labels)} labels")
        if n and not 0 <= int(labels.min()) <= int(labels.max()) < len(classes):
            raise DataError(
                f"{name}: labels from {int(labels.min())} to {int(labels.max())}, but there are {len(classes)} classes"
            )
        if not len(splits.get("train", ())):
            raise DataError(f"{name}: the training part is empty")
        rows = torch.cat(list(splits.values()))
        if int(torch.bincount(rows, minlength=n).max()) > 1:
            raise DataError(f"{name}: the splits {', '.join(splits)} share images")
        mean, std = _moments(images, splits["train"])
        digest = _checksum(images, labels, classes, splits)
        return cls(name, images, labels, tuple(classes), dict(splits), mean, std, digest, dict(provenance), augment)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image (C, H, W) or one feature vector (d,)."""
        return tuple(self.images.shape[1:])

    @property
    def device(self) -> torch.device:
        return self.images.device

    def rows(self, split: str) -> Tensor:
        """The rows of a split; ValueError for a name that is none."""
        if split not in self.splits:
            raise ValueError(unknown("split", split, self.splits))
        return self.splits[split]

    def part(self, split: str) -> tuple[Tensor, Tensor]:
        """Images (uint8, or features) and labels of one split, in the order of its rows."""
        rows = self.rows(split)
        return self.images[rows], self.labels[rows]

    def to(self, device: torch.device | str) -> Dataset:
        """The same data set, resident on `device`."""
        names = ("images", "labels", "mean", "std")
        moved = {name: getattr(self, name).to(device) for name in names}
        return replace(self, **moved, splits={k: rows.to(device) for k, rows in self.splits.items()})

    def subset(self, n: int, seed: int = 0) -> Dataset:
        """n training images, and the same share of every other split (at least one image each).

        Stratified: the classes keep their proportions within one image. A pure function of (n, seed), and nested: the
        images of a smaller n are among those of a larger n with the same seed. mean and std are those of the n images.

        Raises ValueError if n is not in 1 ... the number of training images.
        """
        whole = len(self.rows("train"))
        if not 1 <= n <= whole:
            raise ValueError(f"subset={n!r}; allowed: 1 to {whole}, the training images of {self.name}")
        kept: dict[str, Tensor] = {}
        for number, (split, rows) in enumerate(self.splits.items()):
            size = max(1, round(len(rows) * n / whole)) if len(rows) else 0
            order = stratified(self.labels[rows].cpu(), seed, number=number)
            kept[split] = rows[order[:size].sort().values.to(rows.device)]
        rows = torch.cat(list(kept.values()))
        bounds = [0, *torch.tensor([len(r) for r in kept.values()]).cumsum(0).tolist()]
        here = torch.arange(len(rows), device=rows.device)
        splits = {split: here[bounds[i] : bounds[i + 1]] for i, split in enumerate(kept)}
        provenance = {**self.provenance, "subset": n, "subset_seed": seed, "subset_of": self.checksum}
        return Dataset.of(
            self.name, self.images[rows], self.labels[rows], self.classes, splits, provenance, self.augment
        )


def stratified(labels: Tensor, seed: int, *, number: int = 0) -> Tensor:
    """A random order of the rows in which every beginning holds the classes in their proportions.

    The j-th image of a class of m images, in a random order, is placed at (j + 1/2)/m (Sainte-Laguë's apportionment).
    labels: int64 (n,) on the CPU. Returns int64 (n,).
    """
    shuffled = permutation(seed, 0, len(labels), number=number, stream="data")
    y = labels[shuffled]
    counts = torch.bincount(y)
    by_class = y.argsort(stable=True)
    rank = torch.empty_like(by_class)
    rank[by_class] = torch.arange(len(y)) - (counts.cumsum(0) - counts)[y[by_class]]
    return shuffled[((rank + 0.5).double() / counts[y]).argsort(stable=True)]


def carve(labels: Tensor, rows: Tensor, n: int, *, number: int = 0) -> tuple[Tensor, Tensor]:
    """Takes n of `rows` out, stratified: (what remains, what was taken), both ascending. The same in every run."""
    order = stratified(labels[rows], SPLIT_SEED, number=number)
    return rows[order[n:].sort().values], rows[order[:n].sort().values]


def _moments(images: Tensor, rows: Tensor, block: int = 4096) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation per channel or feature, float32; exact counts for uint8. A zero std becomes 1."""
    if images.dtype == torch.uint8:
        counts = torch.zeros(images.shape[1], 256, dtype=torch.int64, device=images.device)
        for some in rows.split(block):
            for channel, values in enumerate(images[some].flatten(2).unbind(1)):
                counts[channel] += torch.bincount(values.flatten(), minlength=256)
        share = counts.double() / counts.sum(1, keepdim=True)
        value = torch.arange(256, dtype=torch.float64, device=images.device)
        mean = share @ value
        variance = (share * (value - mean[:, None]) ** 2).sum(1)
    else:
        train = images[rows].double()
        mean, variance = train.mean(0), train.var(0, correction=0)
    std = variance.sqrt()
    return mean.float(), torch.where(std > 0, std, torch.ones_like(std)).float()


def _checksum(images: Tensor, labels: Tensor, classes: Sequence[str], splits: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(json.dumps([str(images.dtype), list(images.shape), list(classes), list(splits)]).encode())
    for tensor in (images, labels, *splits.values()):
        array: Any = tensor.cpu().contiguous().numpy()
        digest.update(array)
    return digest.hexdigest()
