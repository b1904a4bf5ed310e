"""The static presenter: one plain figure with its question, its sentence and its command; no widgets."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import plotly.graph_objects as go

from qlab.demos import look
from qlab.demos.base import Demo

WIDTH = 104  # characters of a caption line


def wrap(text: str) -> list[str]:
    """The lines of a caption: the marks of **bold** take no room, a number keeps its unit, "η = 0.1" stays whole."""
    lines, room = [""], 0
    for word in re.sub(r"(?<=[\d*]) (?=%|\d)| (?==)|(?<==) ", "\u00a0", text).split(" "):
        width = len(word.replace("**", "")) + 1
        if room < width and lines[-1]:
            lines.append("")
        if not lines[-1]:
            room = WIDTH + 1
        lines[-1] += f" {word}" if lines[-1] else word
        room -= width
    return lines


class Static:
    """A demo at one state, as papermill, nbval, nbconvert and GitHub see it.

    `data`, `figure` (validated by plotly), `alt` (the sentence without markup) and `command` are what the live card
    shows; `state` are the values of its controls.
    """

    def __init__(self, demo: Demo, P: Any) -> None:
        self.demo, self.P = demo, P
        self.state: dict[str, Any] = {name: getattr(P, name) for name in (*demo.controls, *demo.more)}
        self.data = demo.compute(P)
        self.text = demo.alt(self.data)
        self.alt = self.text.replace("**", "")
        self.command: str = P.command()
        self.figure = go.Figure(demo.figure(self.data)).update_layout(height=demo.height)

    def page(self) -> go.Figure:
        """The figure with the question and its key numbers above it and the sentence below: readable on its own."""
        keys = "   ".join(
            f'<span style="color:{key.color}"><b>{html.escape(key.value)}</b></span> {html.escape(key.label)}'
            for key in self.demo.keys(self.data)
        )
        lines = wrap(self.text)
        sentence = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", html.escape("\n".join(lines)), flags=re.DOTALL)
        sentence = sentence.replace("\n", "<br>")
        figure = go.Figure(self.figure)
        margin = figure.layout.margin
        above, below = 60, 22 + 18 * len(lines)
        top, bottom = (margin.t or 40) + above, (margin.b or 46) + below
        figure.update_layout(
            height=self.demo.height + above + below,
            margin={"t": top, "b": bottom},
            title={
                "text": f"<b>{html.escape(self.demo.title)}</b><br>"
                f'<span style="font-size:12px;color:{look.MUTED}">{keys}</span>',
                "font": {"size": 16, "color": look.INK, "family": look.FONT},
                "x": 0,
                "xref": "paper",
                "xanchor": "left",
                "y": 1 - 22 / (self.demo.height + above + below),
                "yref": "container",
                "yanchor": "top",
            },
        )
        if figure.layout.legend.yref == "container":
            figure.update_layout(legend={"y": 1 - (above + 6) / figure.layout.height})
        place = {
            "xref": "paper",
            "yref": "paper",
            "xanchor": "left",
            "yanchor": "bottom",
            "align": "left",
            "x": 0,
            "y": 0,
        }
        font = {"size": 13, "color": look.INK, "family": look.FONT}
        figure.add_annotation(text=sentence, showarrow=False, yshift=-bottom + 8, font=font, **place)
        return figure

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **kwargs: Any) -> dict[str, Any]:
        words = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", html.escape(self.text))
        return {
            "application/vnd.plotly.v1+json": json.loads(self.page().to_json()),
            "text/html": f"<p><b>{html.escape(self.demo.title)}</b><br>{words}</p>",
            "text/plain": f"{self.demo.title} {self.alt}",
        }

    def __repr__(self) -> str:
        return f"{self.demo.title} {self.alt}"
