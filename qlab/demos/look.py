"""The look of every demo: a method's colour, line, marker and pattern; axes and layout; numbers as text.

A method keeps its style over the whole suite (Okabe-Ito colours; line and pattern tell methods apart without colour).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

INK, MUTED, HAIRLINE, BORDER = "#1B1F24", "#5B6570", "#E7EAEE", "#DFE3E8"
CARD, FOOTER = "#FFFFFF", "#FBFCFD"
FONT = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif"


@dataclass(frozen=True)
class Style:
    """How one method is drawn. `pattern`: the hatching of bars; `outline` surrounds a colour too light for a line."""

    name: str
    short: str
    color: str
    dash: str = "solid"
    marker: str = "circle"
    pattern: str = ""
    outline: str | None = None


STYLES: dict[str, Style] = {
    "full": Style("Full precision", "Full", "#000000", marker="diamond"),
    "bc": Style("BinaryConnect", "BC", "#0072B2"),
    "bc-stochastic": Style("BinaryConnect, stochastic", "BC stoch.", "#0072B2", "dash", "circle-open", "\\"),
    "sr": Style("Stochastic rounding", "SR", "#D55E00", "dash", "square", "/"),
    "r": Style("Deterministic rounding", "R", "#8A8F98", "dot", "triangle-up", "."),
    "pgd": Style("Projected gradient", "PGD", "#5B6570", "dashdot", "triangle-down", "-"),
    "ste": Style("Straight-through", "STE", "#E69F00", "solid", "triangle-right"),
    "proxquant": Style("ProxQuant", "Prox", "#56B4E9", "solid", "hexagon"),
    "binaryrelax": Style("BinaryRelax", "BRelax", "#56B4E9", "dash", "hexagon-open"),
    "parq": Style("PARQ", "PARQ", "#56B4E9", "dashdot", "hexagon2", "/"),
    "md": Style("Mirror descent (tanh)", "MD", "#A6611A", "solid", "hourglass"),
    "bop": Style("Bop", "Bop", "#882255", "dot", "x"),
    "dampening": Style("Oscillation dampening", "Damp.", "#44AA99", "longdash", "triangle-left"),
    "freezing": Style("Iterative freezing", "Freeze", "#44AA99", "longdashdot", "square-x-open", "+"),
    "mj": Style("Muehlebach–Jordan", "MJ", "#009E73", "dot", "star-diamond"),
    "askew": Style("ASkewSGD", "ASkew", "#009E73", "solid", "star"),
    "askew-modified": Style("ASkewSGD, modified", "ASkew mod.", "#009E73", "dash", "star-open", "x"),
    "sgda": Style("Descent ascent", "SGDA", "#CC79A7", "solid", "cross"),
    "bcgd": Style("Blended coarse gradient", "BCGD", "#B8A800", "solid", "pentagon", outline="#4A4400"),
    "pdqat": Style("Primal-dual QAT", "PDQAT", "#7B3294", "longdash", "bowtie"),
}
COLORS: dict[str, str] = {slug: style.color for slug, style in STYLES.items()}


def style(slug: str) -> Style:
    """The style of a method. KeyError lists the methods that have one."""
    if slug not in STYLES:
        raise KeyError(f"no style for method {slug!r}; styled are: {', '.join(STYLES)}")
    return STYLES[slug]


def tint(color: str, alpha: float = 0.12) -> str:
    """The colour at 12 % (feasible islands, bands)."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


# numbers as text
def fmt(x: float, digits: int = 2) -> str:
    """A number with `digits` significant digits, true minus and no trailing zeros lost: 0.25, −1.3, 1200, 3.2e−5."""
    x = float(x)
    if not math.isfinite(x):
        return {True: "∞", False: "−∞"}.get(x > 0, "−∞") if math.isinf(x) else "not a number"
    if x == 0:
        return "0"
    power = math.floor(math.log10(abs(float(f"{x:.{digits - 1}e}"))))
    if -4 <= power < 6:
        decimals = max(digits - 1 - power, 0)
        text = f"{round(x, digits - 1 - power):.{decimals}f}"
    else:
        mantissa, exponent = f"{x:.{digits - 1}e}".split("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "−")


def value(x: float | str) -> str:
    """A parameter's value as people write it: 0.01, −2, 3, 1e−5; a text stays."""
    return x if isinstance(x, str) else f"{x:.6g}".replace("-", "−")


def percent(share: float, digits: int = 0) -> str:
    """A share as a percentage: 0.39 -> "39 %"; what rounds to 0 or 100 without being it says so."""
    share = float(share)
    text = f"{100 * share:.{digits}f}"
    nothing, everything = f"{0:.{digits}f}", f"{100:.{digits}f}"
    edge = 10.0**-digits
    if text.lstrip("-") == nothing and share > 0:
        return f"under {edge:g} %"
    if text == everything and share < 1:
        return f"over {100 - edge:g} %"
    return f"{text} %".replace("-", "−")


# axes and layout
def axis(title: str = "", range: Sequence[float] | None = None, *, lines: bool = False, **more: Any) -> dict[str, Any]:
    """A quiet axis with a fixed range. `lines` draws the hairlines (of the y axis); percent: `tickformat=".0%"`."""
    out: dict[str, Any] = {
        "title": {"text": title, "font": {"size": 12, "color": MUTED}, "standoff": 8},
        "tickfont": {"size": 12, "color": MUTED},
        "showgrid": lines,
        "gridcolor": HAIRLINE,
        "gridwidth": 1,
        "zeroline": False,
        "showline": not lines,
        "linecolor": "#B9C0C8",
        "ticks": "" if lines else "outside",
        "tickcolor": "#B9C0C8",
        "ticklen": 4,
        "automargin": False,
        "fixedrange": True,
    }
    if range is not None:
        out |= {"range": [float(v) for v in range], "autorange": False}
    return out | more


def layout(x: dict[str, Any] | None = None, y: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The layout of a figure from its two axes; `more` overrides and adds (xaxis2, yaxis2, shapes, bargap)."""
    return {
        "font": {"family": FONT, "size": 12, "color": INK},
        "paper_bgcolor": CARD,
        "plot_bgcolor": CARD,
        "margin": {"l": 56, "r": 18, "t": 40, "b": 46},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.0,
            "yref": "container",
            "xanchor": "left",
            "yanchor": "top",
            "font": {"size": 12, "color": INK},
            "bgcolor": "rgba(255,255,255,0)",
            "itemclick": False,
            "itemdoubleclick": False,
        },
        "hoverlabel": {"font": {"family": FONT, "size": 12}, "bgcolor": CARD, "bordercolor": BORDER},
        "hovermode": "closest",
        "dragmode": False,
        "bargap": 0.15,
        "xaxis": x if x is not None else axis(),
        "yaxis": y if y is not None else axis(lines=True),
    } | more


# traces
def method_line(slug: str, x: Any, y: Any, *, markers: bool = False, **more: Any) -> dict[str, Any]:
    """A method's line (with its markers, if asked)."""
    s = style(slug)
    width = 2.5 if s.outline is None else 3
    trace = {
        "type": "scatter",
        "mode": "lines+markers" if markers else "lines",
        "name": s.name,
        "x": x,
        "y": y,
        "line": {"color": s.color, "dash": s.dash, "width": width},
    }
    if markers:
        line = {"width": 1, "color": s.outline or s.color}
        trace["marker"] = {"symbol": s.marker, "size": 7, "color": s.color, "line": line}
    return trace | more


def method_bars(slug: str, x: Any, y: Any, **more: Any) -> dict[str, Any]:
    """A method's bars, hatched where its line would be dashed."""
    s = style(slug)
    marker: dict[str, Any] = {"color": s.color, "line": {"width": 1, "color": s.outline or s.color}}
    if s.pattern:
        marker["pattern"] = {"shape": s.pattern, "fillmode": "overlay", "size": 6, "solidity": 0.3, "fgcolor": CARD}
    return {"type": "bar", "name": s.name, "x": x, "y": y, "marker": marker} | more


def line(x: Any, y: Any, *, color: str = MUTED, dash: str = "solid", width: float = 1.5, **more: Any) -> dict[str, Any]:
    """A plain line; without a name it stays out of the legend and the hover."""
    quiet = {} if "name" in more else {"showlegend": False, "hoverinfo": "skip"}
    pen = {"color": color, "dash": dash, "width": width}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": pen} | quiet | more


def verticals(x: Any, low: float, high: float, **more: Any) -> dict[str, Any]:
    """Vertical lines at every x (levels: dashed) in one trace, so that they can move."""
    x = np.atleast_1d(np.asarray(x, dtype=float))
    xs = np.column_stack([x, x, np.full_like(x, np.nan)]).ravel()
    ys = np.tile([low, high, np.nan], x.size)
    pen = {"color": MUTED, "dash": more.pop("dash", "dash"), "width": 1.2} | more.pop("line", {})
    return line(xs, ys) | {"line": pen} | more


def label(
    x: Any, y: Any, text: str | list[str], *, color: str = MUTED, where: str = "middle right", **more: Any
) -> dict:
    """Words in the figure, at the thing they name; a trace, so that they can move."""
    x, y = np.atleast_1d(np.asarray(x, dtype=float)), np.atleast_1d(np.asarray(y, dtype=float))
    words = [text] * x.size if isinstance(text, str) else list(text)
    font = {"size": 11, "color": color, "family": FONT}
    plain = {"showlegend": False, "hoverinfo": "skip", "cliponaxis": False}
    trace = {"type": "scatter", "mode": "text", "x": x, "y": y, "text": words, "textposition": where, "textfont": font}
    return trace | plain | more


def document_mark(x: float, low: float, high: float, text: str = "document", **more: Any) -> dict[str, Any]:
    """The document's own value: a thin tick from `low` to `high` at x with its word on top."""
    xs, ys = np.array([x, x], dtype=float), np.array([low, high], dtype=float)
    font = {"size": 11, "color": MUTED, "family": FONT}
    trace = line(xs, ys, color=MUTED, width=1.2, mode="lines+text", text=["", text], textposition="top center")
    return trace | {"textfont": font, "cliponaxis": False} | more


def optimum(x: float, low: float, high: float, text: str, **more: Any) -> dict[str, Any]:
    """The exact optimum: a dashed black line labelled at the line."""
    xs, ys = np.array([x, x], dtype=float), np.array([low, high], dtype=float)
    font = {"size": 11, "color": MUTED, "family": FONT}
    trace = line(xs, ys, color="#000000", dash="dash", width=1.4, mode="lines+text", text=["", text])
    return trace | {"textposition": "top right", "textfont": font, "cliponaxis": False} | more
