"""`qlab build --figures`: a picture of every demo for readers without a kernel, and the sentence that says it."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path
from typing import Any

from qlab.demos import DEMOS, find
from qlab.demos.static import Static
from qlab.lessons.places import root, write
from qlab.messages import unknown

WIDTH, SCALE, COLORS = 900, 1.5, 128  # pixels of the page, pixels of the picture per pixel of the page, its palette
SPREAD = 0.3  # trained numbers differ from one processor to the next: relative difference of the sentence's numbers
_NUMBER = re.compile(r"−?\d(?:[\d ]*\d)?(?:\.\d+)?(?:e−?\d+)?")
_EMPTY = re.compile(r"!\[\]\((figures/([^)/]+)\.png)\)")


class FigureError(ValueError):
    """A picture that is missing or cannot be drawn; the message says why."""


def folder(project: Path | None = None) -> Path:
    """`notebooks/figures`: SLUG.png and figures.json, {slug: {"title", "alt", "checksum"}}."""
    return (project or root()) / "notebooks" / "figures"


def entries(project: Path | None = None) -> dict[str, dict[str, str]]:
    """What figures.json says."""
    file = folder(project) / "figures.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


@cache
def page(slug: str) -> Static:
    """The demo at the defaults of its lesson."""
    demo = find(slug)
    return Static(demo, demo.parameters())


def _shape(value: Any) -> Any:
    """A figure without its data: numbers of the layout to three digits, arrays and numbers in texts left out."""
    if isinstance(value, dict):
        listed = {key for key in ("x", "y", "z", "bdata", "shape") if isinstance(value.get(key), (list, str))}
        return {key: _shape(item) for key, item in value.items() if key not in listed}
    if isinstance(value, (list, tuple)):
        return [_shape(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.3g}")
    return _NUMBER.sub("#", value) if isinstance(value, str) and not value.startswith("#") else value


def entry(static: Static) -> dict[str, str]:
    """Title, sentence and checksum of a picture.

    The checksum is that of all that is designed: marks, axes, words. The data of a demo that trains are not the same on
    every processor; `stale` compares the numbers of the sentence in their place.
    """
    demo = static.demo
    words = [demo.title, static.alt, *(key.label for key in demo.keys(static.data))]
    designed = _shape([json.loads(static.figure.to_json()), words, WIDTH, SCALE, COLORS])
    digest = hashlib.sha256(json.dumps(designed, sort_keys=True).encode()).hexdigest()
    return {"title": demo.title, "alt": static.alt, "checksum": digest[:16]}


def _numbers(text: str) -> list[float]:
    return [float(found.replace("−", "-").replace(" ", "")) for found in _NUMBER.findall(text)]


def stale(slug: str, project: Path | None = None) -> str:
    """Why the picture of a demo is not what the demo shows now, or ''. Nothing is drawn for this."""
    kept = entries(project).get(slug)
    if kept is None or not (folder(project) / f"{slug}.png").is_file():
        return f"{slug} has no picture"
    now = entry(page(slug))
    if kept["checksum"] != now["checksum"]:
        return f"the figure or the words of {slug} changed"
    pairs = zip(_numbers(kept["alt"]), _numbers(now["alt"]), strict=True)
    if any(abs(a - b) > SPREAD * max(abs(a), abs(b), 1e-3) for a, b in pairs):
        return f"{slug} says now: {now['alt']}"
    return ""


def draw(slugs: Collection[str] = DEMOS, say: Callable[[str], None] = lambda line: None) -> None:
    """Draw the pictures of the demos and keep their sentences. FigureError in one line where there is no Chromium."""
    try:
        from choreographer.browsers.chromium import ChromeNotFoundError
        from kaleido import write_fig_from_object_sync
    except ImportError:
        raise FigureError("pictures are drawn by kaleido, which is not installed: pip install kaleido") from None
    from tempfile import TemporaryDirectory

    size = {"format": "png", "width": WIDTH, "scale": SCALE}
    known = {slug: kept for slug, kept in entries().items() if slug in DEMOS}
    with TemporaryDirectory() as place:
        jobs = []
        for slug in slugs:
            figure = page(slug).page()
            options = size | {"height": int(figure.layout.height)}
            jobs.append({"fig": figure, "path": f"{place}/{slug}.png", "opts": options})
        try:
            write_fig_from_object_sync(jobs, kopts={"mathjax": False})
        except ChromeNotFoundError:
            raise FigureError("pictures are drawn by Chromium or Chrome, and there is none: install one") from None
        folder().mkdir(parents=True, exist_ok=True)
        for slug in slugs:
            data = small(Path(place) / f"{slug}.png")
            (folder() / f"{slug}.png").write_bytes(data)
            known[slug] = entry(page(slug))
            say(f"notebooks/figures/{slug}.png: {len(data) / 1000:.0f} kB")
    kept = {slug: known[slug] for slug in DEMOS if slug in known}
    write(folder() / "figures.json", json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


def small(path: Path) -> bytes:
    """A picture with a palette: about a third of the bytes, and text stays sharp."""
    from PIL import Image

    out = io.BytesIO()
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def described(markdown: str, project: Path) -> str:
    """Markdown with the sentence of each demo in its picture: `![](figures/D3.png)` -> `![In 2000](figures/D3.png)`.

    FigureError for a picture without a sentence.
    """

    def fill(match: re.Match[str]) -> str:
        known = entries(project)
        if match.group(2) not in known:
            raise FigureError(unknown("picture", match.group(2), known) + "; draw it with qlab build --figures")
        words = re.sub(r"([\\`*_\[\]<>$])", r"\\\1", known[match.group(2)]["alt"])
        return f"![{words}]({match.group(1)})"

    return _EMPTY.sub(fill, markdown)
