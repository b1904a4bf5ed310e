"""The one place that chooses how a demo is presented."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from qlab.demos import DEMOS
from qlab.demos.base import Demo, TrainingDemo
from qlab.messages import unknown

VIEWS = ("live", "static")


def find(slug: str) -> Demo:
    """The demo with this slug. ValueError lists the slugs."""
    if slug not in DEMOS:
        raise ValueError(unknown("demo", slug, DEMOS))
    module, name = DEMOS[slug].split(":")
    return getattr(import_module(module), name)()


def view() -> str:
    """Live where somebody can move a control, else static; the environment variable QLAB_VIEW decides if it is set.

    JupyterLab, Notebook 7 and VS Code say with each execution which cell it belongs to; papermill, nbval and nbconvert
    do not, and a script has no kernel.
    """
    chosen = os.environ.get("QLAB_VIEW", "")
    if chosen:
        if chosen not in VIEWS:
            raise ValueError(unknown("view in QLAB_VIEW", chosen, VIEWS))
        return chosen
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    message = kernel.get_parent() if kernel is not None else {}
    return "live" if "cellId" in message.get("metadata", {}) else "static"


def show(demo: str | Demo, P: Any) -> Any:
    """Present a demo at the parameters P: a live card, or its static figure.

    `demo` is a slug ("D3") or a demo. Raises ValueError for an unknown slug or view.
    """
    demo = find(demo) if isinstance(demo, str) else demo
    if view() == "static":
        from qlab.demos.static import Static

        return Static(demo, P)
    if isinstance(demo, TrainingDemo):
        from qlab.demos.training import TrainingCard

        return TrainingCard(demo, P)
    from qlab.demos.card import Card

    return Card(demo, P)
