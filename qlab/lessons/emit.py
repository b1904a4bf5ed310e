"""The one way a lesson cell speaks: a text, its page form, and a record for programs in the output's metadata."""

from __future__ import annotations

import html as _html
import sys
from collections.abc import Sequence
from typing import Any

KEY = "qlab"  # the key of the record in the output's metadata (nbval never compares metadata)


def shell() -> Any:
    """The running IPython shell, None in a plain Python process."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def live() -> bool:
    """Whether a person is looking: the choice the demos make, too."""
    from qlab.demos.present import view

    return view() == "live"


def emit(text: str, html: str | None = None, **record: Any) -> None:
    """Show one output with `text` (kept in the notebook, compared by nbval), optionally as a page, with a record."""
    if shell() is None:
        sys.stdout.write(text + "\n")
        return
    from IPython.display import display

    data = {"text/plain": text} | ({"text/html": html} if html else {})
    display(data, raw=True, metadata={KEY: record} if record else {})


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[str, str]:
    """A table as aligned text and as HTML."""
    grid = [list(header), *[[str(c) for c in row] for row in rows]]
    widths = [max(len(row[i]) for row in grid) for i in range(len(header))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in grid]
    lines.insert(1, "  ".join("-" * w for w in widths))
    cells = "".join(f"<th style='text-align:left'>{_html.escape(c)}</th>" for c in header)
    body = "".join(
        "<tr>" + "".join(f"<td style='text-align:left'>{_html.escape(c)}</td>" for c in row) + "</tr>"
        for row in grid[1:]
    )
    return "\n".join(lines), f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"
