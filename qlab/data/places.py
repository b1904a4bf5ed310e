"""Where data lives: the cache of decoded images, downloaded files, the JPEG archive of CIFAR-10."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ARCHIVE = "cifar10-jpeg.tar.xz"


def checkout() -> Path | None:
    """The root of the source checkout that this package is run from, or None if it is installed elsewhere."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "pyproject.toml").is_file() else None


def cache_directory() -> Path:
    """`QLAB_CACHE`, else `data/cache` in a checkout, else the user's cache directory. It may not exist yet."""
    if given := os.environ.get("QLAB_CACHE"):
        return Path(given).expanduser()
    if root := checkout():
        return root / "data" / "cache"
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", "~/AppData/Local"))
    elif sys.platform == "darwin":
        base = Path("~/Library/Caches")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    return base.expanduser() / "qlab"


def data_directory() -> Path:
    """Where source files are looked for and downloaded to: `data` in a checkout, else the cache directory."""
    root = checkout()
    return root / "data" if root else cache_directory()


def cifar10_archive() -> Path:
    """The JPEG archive of CIFAR-10: `QLAB_CIFAR10`, else `cifar10-jpeg.tar.xz` in the data directory."""
    given = os.environ.get("QLAB_CIFAR10")
    return Path(given).expanduser() if given else data_directory() / ARCHIVE
