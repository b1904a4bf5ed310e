"""The embedded data set: 1797 handwritten digits of 8x8 pixels.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository (1998),
https://doi.org/10.24432/C50P49, licence CC BY 4.0: its test part, the same images in the same order as
`sklearn.datasets.load_digits`. The counts 0 ... 16 are unchanged, stored as bytes in `digits.npz`.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import torch

from qlab.data.dataset import Augment, Dataset, carve

PROVENANCE = {
    "source": "UCI Optical Recognition of Handwritten Digits (test part), https://doi.org/10.24432/C50P49",
    "licence": "CC BY 4.0",
}
TEST, VALIDATION = 360, 180


def digits() -> Dataset:
    """Images uint8 (1797, 1, 8, 8) with values 0 ... 16; 1257 for training, 180 for validation, 360 for the test."""
    with (files("qlab.data") / "digits.npz").open("rb") as file, np.load(file) as stored:
        images = torch.from_numpy(stored["images"]).unsqueeze(1)
        labels = torch.from_numpy(stored["labels"]).long()
    rest, test = carve(labels, torch.arange(len(labels)), TEST, number=1)
    train, validation = carve(labels, rest, VALIDATION)
    return Dataset.of(
        "digits",
        images,
        labels,
        [str(digit) for digit in range(10)],
        {"train": train, "validation": validation, "test": test},
        PROVENANCE,
        Augment(pad=1),  # a mirrored digit is another sign, so no flip
    )
