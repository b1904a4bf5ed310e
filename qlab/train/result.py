"""A finished run on disk: result.json with full provenance, written once and never overwritten."""

from __future__ import annotations

import json
import math
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
import torch

from qlab.train.checkpoint import sync_folder

RESULT = "result.json"


class FinishedError(RuntimeError):
    """The folder already holds a finished result."""


def write(folder: Path, result: Mapping[str, Any]) -> Path:
    """Writes folder/result.json at once and complete. FinishedError if one is there, also if it appears meanwhile."""
    path, temporary = folder / RESULT, folder / f"{RESULT}.{os.getpid()}.tmp"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(plain(result), file, indent=1, allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)  # fails if the name is taken, where a rename would overwrite
    except FileExistsError:
        raise FinishedError(f"{path} is a finished result; nothing was overwritten") from None
    except OSError:  # a file system without links; whoever trains in this folder holds its lock
        if path.exists():
            raise FinishedError(f"{path} is a finished result; nothing was overwritten") from None
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(folder)
    return path


def read(folder: Path) -> dict[str, Any] | None:
    """The finished result in a folder, or None."""
    path = folder / RESULT
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def plain(value: Any) -> Any:
    """The same data for JSON: tensors become numbers or lists, numbers that are not finite "nan", "inf" or "-inf"."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, torch.Tensor | numpy.ndarray | numpy.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def provenance(device: torch.device) -> dict[str, Any]:
    """Where and with what a result was made: command, commit, versions, machine, device."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        qlab_version = version("qlab")
    except PackageNotFoundError:  # run from a copy that is not installed
        qlab_version = "not installed"
    return {
        "command": shlex.join(sys.orig_argv),
        "commit": commit(),
        "versions": {
            "qlab": qlab_version,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
        },
        "machine": f"{platform.system()} {platform.machine()}",
        "device": torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"{device} {platform.processor()}".strip(),
        "threads": torch.get_num_threads(),
    }


def commit() -> str | None:
    """The git commit of this copy of qlab, with "+changes" if files differ from it; None outside a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=20, check=True
        )
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None
