"""Batches from a resident data set: crop and flip are one gather, every batch is a pure function of (seed, step).

No workers, no copy between host and device, no synchronisation: indices are computed on the device of the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad as padded

from qlab.data.dataset import Augment, Dataset
from qlab.uniforms import permutation, uniform

Batch = tuple[Tensor, Tensor]


def crop_flip(images: Tensor, shift: Tensor, flip: Tensor, pad: int) -> Tensor:
    """Pads by `pad` zeros, cuts the window that starts at `shift`, mirrors where `flip`, all as one gather.

    images (B, C, H, W); shift int64 (B, 2), row and column in 0 ... 2 pad; flip bool (B,). Returns (B, C, H, W):
    out[b, c, i, j] = pad(images)[b, c, shift_row + i, shift_column + (W - 1 - j if flip else j)].
    """
    b, c, h, w = images.shape
    j = torch.arange(w, device=images.device)
    column = torch.where(flip[:, None], w - 1 - j, j) + shift[:, 1:]
    row = torch.arange(h, device=images.device) + shift[:, :1]
    index = row[:, :, None] * (w + 2 * pad) + column[:, None, :]
    source = padded(images, (pad, pad, pad, pad)) if pad else images
    return source.flatten(2).gather(2, index.view(b, 1, h * w).expand(b, c, h * w)).view(b, c, h, w)


def normalise(images: Tensor, mean: Tensor, std: Tensor, dtype: torch.dtype) -> Tensor:
    """(images - mean) / std per channel or feature: images (B, C, H, W) or (B, d), mean and std (C,) or (d,)."""
    shape = (-1,) + (1,) * (images.dim() - 2)
    x = images.to(dtype, copy=True)
    return x.sub_(mean.to(dtype).view(shape)).mul_(std.to(dtype).reciprocal().view(shape))


@dataclass(frozen=True)
class Plan:
    """One epoch: the image at each place (..., n), its uint8 window (..., n, 2), and whether it is mirrored."""

    rows: Tensor
    shift: Tensor | None
    flip: Tensor | None

    def between(self, start: int, end: int) -> Plan:
        shift = None if self.shift is None else self.shift[..., start:end, :]
        flip = None if self.flip is None else self.flip[..., start:end]
        return Plan(self.rows[..., start:end], shift, flip)


class Loader:
    """The batches of one split.

    seed: of order and augmentation; a tensor of shape (runs,) gives every run its own: batches (runs, B, ...), labels
    (runs, B).  augment: False, True (what suits the data set) or an `Augment`.  shuffle=False: the rows' own order.
    drop_last: leave out a last batch that is not full.  channels_last: memory format of the images.

    Raises ValueError for batch_size < 1, an unknown split, or drop_last with fewer images than one batch.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        *,
        seed: int | Tensor = 0,
        split: str = "train",
        augment: bool | Augment = False,
        shuffle: bool = True,
        drop_last: bool = False,
        channels_last: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size!r}; allowed: at least 1")
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, shuffle
        self.rows = dataset.rows(split)
        self.seed = seed.to(dataset.device) if isinstance(seed, Tensor) else seed
        self.augment = (dataset.augment if augment else Augment()) if isinstance(augment, bool) else augment
        if dataset.images.dim() != 4 and self.augment != Augment():
            raise ValueError(f"augment={augment!r}; {dataset.name} has no images, so crop and flip do not apply")
        self.channels_last, self.dtype = channels_last, dtype
        n = len(self.rows)
        self.steps = n // batch_size if drop_last else -(-n // batch_size)
        if not self.steps:
            raise ValueError(f"batch_size={batch_size}; {split} of {dataset.name} has {n} images: no batch an epoch")
        self._plan: tuple[int, Plan] = (-1, Plan(self.rows, None, None))

    def __len__(self) -> int:
        """Batches an epoch."""
        return self.steps

    def batch(self, step: int) -> Batch:
        """Batch `step` since the start of training: images (B, C, H, W) or features (B, d), and labels int64 (B,)."""
        epoch, k = divmod(step, self.steps)
        if self._plan[0] != epoch:
            self._plan = epoch, self._planned(epoch)
        plan, data = self._plan[1].between(k * self.batch_size, (k + 1) * self.batch_size), self.dataset
        places = plan.rows.shape if plan.shift is None else plan.shift.shape[:-1]  # (B,) or (runs, B)
        rows = plan.rows.expand(places).flatten()
        x = data.images.index_select(0, rows)
        if plan.shift is not None and plan.flip is not None:
            x = crop_flip(x, plan.shift.flatten(0, -2).long(), plan.flip.flatten(), self.augment.pad)
        x = normalise(x, data.mean, data.std, self.dtype)
        if self.channels_last and x.dim() == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        return x.view(*places, *data.shape), data.labels.index_select(0, rows).view(places)

    def epoch(self, epoch: int = 0, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, from batch `start` on."""
        for k in range(start, self.steps):
            yield self.batch(epoch * self.steps + k)

    def _planned(self, epoch: int) -> Plan:
        n, device, augment = len(self.rows), self.dataset.device, self.augment
        rows = self.rows
        if self.shuffle:
            rows = rows[permutation(self.seed, epoch, n, stream="order", device=device)]
        if augment == Augment():
            return Plan(rows, None, None)
        window = uniform(self.seed, epoch, 0, (n, 2), stream="crop", device=device) * (2 * augment.pad + 1)
        mirrored = uniform(self.seed, epoch, 0, (n,), stream="flip", device=device) < (0.5 if augment.flip else 0)
        return Plan(rows, window.to(torch.uint8), mirrored)


def batches(
    dataset: Dataset, batch_size: int, *, seed=0, epoch: int = 0, start: int = 0, **options: Any
) -> Iterator[Batch]:
    """The batches of one epoch, from batch `start` on; `options` as in `Loader`."""
    return Loader(dataset, batch_size, seed=seed, **options).epoch(epoch, start)


def batch(dataset: Dataset, batch_size: int, *, seed=0, step: int, **options: Any) -> Batch:
    """Batch `step` counted from the start of training; `options` as in `Loader` (which is faster for many steps)."""
    return Loader(dataset, batch_size, seed=seed, **options).batch(step)
