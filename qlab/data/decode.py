"""Image files to one uint8 tensor, one image at a time."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from qlab.data.dataset import DataError
from qlab.data.layout import Layout

Decoder = Callable[[bytes], Tensor]


def decoder(size: int | None = None) -> tuple[Decoder, str]:
    """A function from the bytes of a file to uint8 (3, H, W), and the decoder's name and version.

    Pillow, else torchvision.io. size: shorter side scaled to `size`, then the middle square cut out (Pillow only).
    Raises DataError without a decoder.
    """
    try:
        return _pillow(size)
    except ImportError:
        if size is not None:
            raise DataError(f"scaling images (size={size}) needs Pillow: pip install pillow") from None
    try:
        return _torchvision()
    except (ImportError, RuntimeError):  # RuntimeError: a torchvision built for another torch
        raise DataError("decoding images needs Pillow (or torchvision): pip install pillow") from None


def _torchvision() -> tuple[Decoder, str]:
    import torchvision
    from torchvision.io import ImageReadMode, decode_image

    def decode(data: bytes) -> Tensor:
        return decode_image(torch.frombuffer(bytearray(data), dtype=torch.uint8), ImageReadMode.RGB)

    return decode, f"torchvision {torchvision.__version__}"


def _pillow(size: int | None) -> tuple[Decoder, str]:
    import numpy as np
    import PIL
    from PIL import Image, ImageOps

    def decode(data: bytes) -> Tensor:
        try:
            with Image.open(io.BytesIO(data)) as file:
                image = file.convert("RGB")
        except PIL.UnidentifiedImageError:
            raise ValueError("not an image of a known format") from None
        if size is not None:
            image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1)

    return decode, f"Pillow {PIL.__version__}"


def decode_all(
    plan: Layout, items: Iterable[tuple[str, bytes]], where: str, size: int | None = None
) -> tuple[Tensor, str]:
    """Every image of the layout, in whatever order `items` brings them: uint8 (N, 3, H, W), and the decoder's name.

    Holds the result and one file at a time. Raises DataError for an image that cannot be read, one of another size than
    the first, or one that never came.
    """
    decode, decoded_by = decoder(size)
    row_of = plan.row_of()
    images, first = torch.empty(0, dtype=torch.uint8), ""
    n = len(row_of)
    for path, data in items:
        row = row_of.pop(path, None)
        if row is None:
            continue
        try:
            image = decode(data)
        except (OSError, ValueError, SyntaxError, RuntimeError) as error:
            raise DataError(f"{where}: cannot read the image {path} ({len(data)} bytes): {error}") from error
        if not first:
            images, first = torch.empty(n, *image.shape, dtype=torch.uint8), path
        if image.shape != images.shape[1:]:
            raise DataError(
                f"{where}: {path} has {_pixels(image)} pixels but {first} has {_pixels(images)};"
                " one tensor holds one size: size=32, say, scales every image"
            )
        images[row] = image
    if row_of:
        raise DataError(f"{where}: {len(row_of)} images listed but never read, {next(iter(row_of))} the first")
    return images, decoded_by


def _pixels(image: Tensor) -> str:
    return f"{image.shape[-1]}x{image.shape[-2]}"
