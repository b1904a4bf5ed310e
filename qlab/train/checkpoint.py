"""Checkpoints that a kill cannot damage: written beside, forced to disk, renamed; the one before is kept."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import torch

LAST, PREVIOUS, TEMPORARY = "last.pt", "previous.pt", "last.pt.tmp"


class CheckpointError(RuntimeError):
    """Checkpoints exist but none can be read."""


def save(folder: Path, state: dict[str, Any]) -> Path:
    """Writes `state` (tensors, numbers, strings, lists, dicts) as folder/last.pt; the old one becomes previous.pt.

    At every instant at least one of the two is complete: the new file gets its name only after it is on the disk.
    """
    temporary = folder / TEMPORARY
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    if (folder / LAST).exists():
        os.replace(folder / LAST, folder / PREVIOUS)
    os.replace(temporary, folder / LAST)
    sync_folder(folder)
    return folder / LAST


def read(path: Path) -> dict[str, Any]:
    """The state in a checkpoint file, on the CPU. CheckpointError if it is cut short, damaged or not a checkpoint."""
    try:
        with zipfile.ZipFile(path) as archive:  # a torch file is a zip archive: each record has its CRC-32
            damaged = archive.testzip()
        if damaged:
            raise CheckpointError(f"{path} is damaged (record {damaged})")
        return torch.load(path, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:  # zipfile, pickle and torch raise many kinds for a broken file
        raise CheckpointError(f"{path} cannot be read: {error}".splitlines()[0]) from error


def load(folder: Path) -> tuple[dict[str, Any], Path] | None:
    """The newest readable checkpoint and its file; None if there is none. CheckpointError if none can be read."""
    problems = []
    for path in (folder / LAST, folder / PREVIOUS):
        if not path.exists():
            continue
        try:
            return read(path), path
        except CheckpointError as error:
            problems.append(str(error))
    if problems:
        raise CheckpointError("; ".join(problems) + ": start anew with another --out, or delete the files")
    return None


def sync_folder(folder: Path) -> None:
    """Forces the names in a folder to disk (where the system can open a folder: not on Windows)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
