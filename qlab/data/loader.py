"""Batches from a resident data set: crop and flip are one gather, every batch is a pure function of (seed, step).

No workers, no copy between host and device, no synchronisation: indices are computed on the device of the data.
"""

from __future__ import annotations

from collections.abc import Iterator
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


def normalise(images: Tensor, mean: Tensor, std: Tensor, dtype: torch.dtype, channels_last: bool = False) -> Tensor:
    """(images - mean) / std per channel or feature: images (B, C, H, W) or (B, d), mean and std (C,) or (d,)."""
    if images.dim() == 4:
        layout = torch.channels_last if channels_last else torch.contiguous_format
        x = images.to(dtype, memory_format=layout)
        return x.sub_(mean.to(dtype).view(-1, 1, 1)).div_(std.to(dtype).view(-1, 1, 1))
    return images.to(dtype).sub(mean.to(dtype)).div_(std.to(dtype))


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
        self._order: tuple[int, Tensor] = (-1, self.rows)

    def __len__(self) -> int:
        """Batches an epoch."""
        return self.steps

    def batch(self, step: int) -> Batch:
        """Batch `step` since the start of training: images (B, C, H, W) or features (B, d), and labels int64 (B,)."""
        epoch, k = divmod(step, self.steps)
        rows = self._epoch_rows(epoch)[..., k * self.batch_size : (k + 1) * self.batch_size]
        x = self._augmented(rows, epoch, k) if self.augment != Augment() else self.dataset.images[rows]
        runs = x.shape[: -len(self.dataset.shape) - 1]  # () or (runs,)
        flat = x.flatten(0, 1) if runs else x
        flat = normalise(flat, self.dataset.mean, self.dataset.std, self.dtype, self.channels_last)
        return flat.view(*runs, -1, *self.dataset.shape), self.dataset.labels[rows].expand(*runs, -1)

    def epoch(self, epoch: int = 0, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, from batch `start` on."""
        for k in range(start, self.steps):
            yield self.batch(epoch * self.steps + k)

    def _epoch_rows(self, epoch: int) -> Tensor:
        if not self.shuffle:
            return self.rows
        if self._order[0] != epoch:
            order = permutation(self.seed, epoch, len(self.rows), stream="order", device=self.dataset.device)
            self._order = epoch, self.rows[order]
        return self._order[1]

    def _augmented(self, rows: Tensor, epoch: int, k: int) -> Tensor:
        pad, device = self.augment.pad, self.dataset.device
        size = (self.batch_size,)  # of a full batch, so that the numbers do not depend on what the last one holds
        u = uniform(self.seed, epoch, k, (*size, 2), stream="crop", device=device)[..., : rows.shape[-1], :]
        v = uniform(self.seed, epoch, k, size, stream="flip", device=device)[..., : rows.shape[-1]]
        shift, flip = (u * (2 * pad + 1)).long(), v < (0.5 if self.augment.flip else 0)
        images = self.dataset.images[rows.expand(flip.shape).flatten()]
        x = crop_flip(images, shift.view(-1, 2), flip.flatten(), pad)
        return x.view(*flip.shape, *self.dataset.shape)


def batches(
    dataset: Dataset, batch_size: int, *, seed=0, epoch: int = 0, start: int = 0, **options: Any
) -> Iterator[Batch]:
    """The batches of one epoch, from batch `start` on; `options` as in `Loader`."""
    return Loader(dataset, batch_size, seed=seed, **options).epoch(epoch, start)


def batch(dataset: Dataset, batch_size: int, *, seed=0, step: int, **options: Any) -> Batch:
    """Batch `step` counted from the start of training; `options` as in `Loader` (which is faster for many steps)."""
    return Loader(dataset, batch_size, seed=seed, **options).batch(step)
