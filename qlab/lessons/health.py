"""`qlab doctor`: is this machine ready, in words, and what to do where it is not."""

from __future__ import annotations

import importlib.metadata as metadata
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qlab.lessons.emit import emit, shell
from qlab.lessons.places import root

WIDGETS = {"jupyterlab": "4", "ipywidgets": "8", "anywidget": "0.9", "plotly": "6", "ipykernel": "7"}
SHELL = (
    "pydantic",
    "typer",
    "jupytext",
    "papermill",
    "nbconvert",
    "latex2mathml",
    "scikit-learn",
    "scipy",
    "torchvision",
)
INSTALL = "run `make setup` (or `pip install 'qlab[lab]'`) in this environment"


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `state`: "ok", "note" (works with less) or "problem"; `remedy`: what to do."""

    what: str
    state: str
    words: str
    remedy: str = ""

    def line(self) -> str:
        mark = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}[self.state]
        return f"{mark}  {self.what}: {self.words}" + (f"\n           what to do: {self.remedy}" if self.remedy else "")


def version(package: str) -> tuple[int, ...] | None:
    try:
        return numbers(metadata.version(package))
    except metadata.PackageNotFoundError:
        return None


def numbers(text: str) -> tuple[int, ...]:
    """A version as numbers: "2.15.0+cpu" -> (2, 15, 0)."""
    return tuple(int(n) for n in re.findall(r"\d+", text.split("+")[0])[:3])


def python() -> Finding:
    return Finding("Python", "ok", f"{sys.version.split()[0]} in {sys.prefix}")


def torch_and_device(name: str = "auto") -> Finding:
    from qlab.devices import device, present

    if version("torch") is None:
        return Finding("PyTorch", "problem", "is not installed", INSTALL)
    import torch

    try:
        chosen = device(name)
    except ValueError as error:
        return Finding("PyTorch", "problem", f"{torch.__version__}; {error}", "choose one of those present")
    gpus = [torch.cuda.get_device_name(i) for i in range(len(present()) - 1)]
    words = f"{torch.__version__}; computes on {chosen}; GPU: {', '.join(gpus) or 'none'}"
    if gpus:
        return Finding("PyTorch", "ok", words)
    return Finding("PyTorch", "ok", f"{words} (every lesson runs on the CPU)")


def packages() -> Finding:
    missing = [p for p in (*SHELL, *WIDGETS) if version(p) is None]
    if missing:
        return Finding("Packages", "problem", f"missing: {', '.join(missing)}", INSTALL)
    return Finding("Packages", "ok", "everything the lessons import is installed")


def widgets() -> Finding:
    """Live cards need JupyterLab, ipywidgets, anywidget and plotly of fitting versions in one environment."""
    old = [f"{p} {metadata.version(p)} (needs {least} or newer)" for p, least in WIDGETS.items() if _older(p, least)]
    if old:
        return Finding("Live cards", "problem", f"too old: {', '.join(old)}", INSTALL)
    front = Path(sys.prefix) / "share" / "jupyter" / "labextensions"
    absent = [
        n for n in ("@jupyter-widgets/jupyterlab-manager", "anywidget") if not (front / n / "package.json").is_file()
    ]
    if absent:
        words = f"JupyterLab's part of {', '.join(absent)} is not in {front}"
        return Finding(
            "Live cards", "problem", words, f"{INSTALL}, then reload the page; QLAB_VIEW=static shows plain figures"
        )
    return Finding("Live cards", "ok", ", ".join(f"{p} {metadata.version(p)}" for p in WIDGETS))


def _older(package: str, least: str) -> bool:
    have = version(package)
    return have is not None and have < numbers(least)


def server_extension() -> Finding:
    """The extension that makes dragging faster (TCP_NODELAY); without it cards still work."""
    folders = [Path(sys.prefix) / "etc" / "jupyter", Path(sys.prefix) / "etc" / "jupyter" / "jupyter_server_config.d"]
    for file in (f for folder in folders for f in sorted(folder.glob("*.json"))):
        try:
            enabled = json.loads(file.read_text())["ServerApp"]["jpserver_extensions"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if any(name.startswith("qlab") and on for name, on in enabled.items()):
            return Finding("Fast dragging", "ok", "the server extension is enabled")
    return Finding(
        "Fast dragging", "note", "the server extension is not enabled; cards answer a little later", "run `make lab`"
    )


def one_environment() -> Finding:
    """The kernel and the server must live in one environment, or cards stay blank."""
    ip = shell()
    here = f"this {'kernel' if ip is not None else 'command'} runs in {sys.prefix}"
    parent = _server_prefix() if ip is not None else _kernelspec_prefix()
    other = "the Jupyter server" if ip is not None else "JupyterLab's Python kernel"
    if parent is None or Path(parent).resolve() == Path(sys.prefix).resolve():
        return Finding("One environment", "ok", here)
    words = f"{here}, {other} in {parent}: live cards may stay blank"
    return Finding("One environment", "problem", words, "start JupyterLab from this environment: `make lab`")


def _server_prefix() -> str | None:
    """The environment of the process that started this kernel, where the system tells."""
    try:
        words = Path(f"/proc/{os.getppid()}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return None
    python = Path(words[0])
    return str(python.parent.parent) if python.name.startswith("python") and python.is_absolute() else None


def _kernelspec_prefix() -> str | None:
    try:
        from jupyter_client.kernelspec import KernelSpecManager

        python = Path(KernelSpecManager().get_kernel_spec("python3").argv[0])
    except Exception:
        return None
    return str(python.parent.parent) if python.is_absolute() else None


def data() -> Finding:
    """The digits are embedded; the others are optional."""
    from qlab.data import describe, names

    known = {name: describe(name) for name in names()}
    if not known["digits"]["present"]:
        return Finding("Data", "problem", "the embedded digits are missing from the package", INSTALL)
    here = [name for name, about in known.items() if about["present"]]
    words = f"{', '.join(here)} can be loaded"
    absent = [name for name in known if name not in here]
    return Finding("Data", "ok", words + (f"; optional: {', '.join(absent)} (`qlab data` says how)" if absent else ""))


def commit() -> str:
    """The commit of the checkout, "" outside of one."""
    try:
        out = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=root(), capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return out.stdout.strip() if out.returncode == 0 else ""


def provenance() -> dict[str, str]:
    """What a recorded result says about where it comes from."""
    from qlab.devices import device

    versions = ", ".join(f"{p} {metadata.version(p)}" for p in ("qlab", "torch", "numpy"))
    return {"device": str(device()), "versions": versions, "commit": commit()}


def checkout() -> Finding:
    at = f", commit {commit()}" if commit() else ""
    return Finding("qlab", "ok", f"{metadata.version('qlab')}{at} in {root()}")


def findings(device: str = "auto") -> list[Finding]:
    """Everything looked at. A look that fails is itself a finding."""
    looks: list[tuple[str, Callable[[], Finding]]] = [
        ("qlab", checkout),
        ("Python", python),
        ("PyTorch", lambda: torch_and_device(device)),
        ("Packages", packages),
        ("Live cards", widgets),
        ("Fast dragging", server_extension),
        ("One environment", one_environment),
        ("Data", data),
    ]
    found = []
    for name, look in looks:
        try:
            found.append(look())
        except Exception as error:
            found.append(Finding(name, "problem", f"could not be checked: {type(error).__name__}: {error}", INSTALL))
    return found


def report(found: list[Finding]) -> str:
    bad = sum(f.state == "problem" for f in found)
    end = "This machine is ready." if not bad else f"{bad} problem{'s' if bad > 1 else ''}: see what to do above."
    return "\n".join([*(f.line() for f in found), end])


def doctor(device: str = "auto") -> None:
    """Show the report (lesson 00; `qlab doctor` prints the same)."""
    emit(report(findings(device)))
