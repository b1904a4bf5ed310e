"""Small generated JPEG images as a directory and as archives; what other processes run in the tests of the cache."""

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from qlab.data import cache

CLASSES = ("cat", "dog", "frog")
COUNTS = {"train": 20, "test": 5}


def jpeg(number, side=8):
    """The bytes of a JPEG image that depends on `number`."""
    pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=75)
    return data.getvalue()


def files(classes=CLASSES, counts=COUNTS):
    """path -> bytes, in the layout split/class/0000.jpg."""
    paths = [f"{split}/{name}/{i:04d}.jpg" for split, n in counts.items() for name in classes for i in range(n)]
    return {path: jpeg(number) for number, path in enumerate(paths)}


def folder(root, contents):
    for path, data in contents.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def archive(path, contents, folders=()):
    """A tar archive of `contents`, compressed as the last suffix of `path` says."""
    mode = {".xz": "w:xz", ".gz": "w:gz", ".bz2": "w:bz2", ".tar": "w"}[Path(path).suffix]
    with tarfile.open(path, mode) as tar:
        for name in folders:
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE
            tar.addfile(info)
        for name, data in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def pixels(data):
    """uint8 (3, H, W) of the bytes of an image, by Pillow."""
    return torch.from_numpy(np.array(Image.open(io.BytesIO(data)).convert("RGB"))).permute(2, 0, 1)


def stored(value=0):
    images = torch.arange(value, value + 48, dtype=torch.int64).to(torch.uint8).view(4, 3, 2, 2)
    return cache.Stored({"images": images, "labels": torch.tensor([0, 1, 0, 1])}, {"classes": ["a", "b"]})


def build_beside(log, arrived, other):
    """Builds through the cache; the build itself begins only once the other process has come, too."""

    def build():
        other.wait()
        with open(log, "a") as file:
            file.write(f"{os.getpid()}\n")
        return stored()

    arrived.set()
    found = cache.cached("both", "key", build, lambda _: None)
    assert torch.equal(found.arrays["images"], stored().arrays["images"])


def stop_while_writing(halfway, never):
    """Writes a cache file up to the last byte, says so, and waits to be killed before the file is put in place."""

    def fsync(_):
        halfway.set()
        never.wait()

    os.fsync = fsync
    cache.cached("killed", "key", stored, lambda _: None)
