"""An executed lesson as one HTML file that shows its figures and formulas with the network off."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

PLOTLY = "application/vnd.plotly.v1+json"
ABROAD = re.compile(
    r"""<(?:script|link|img|iframe)\b[^>]*?(?:src|href)\s*=\s*["']?(?:https?:)?//[^"'\s>]+""", re.IGNORECASE
)
_CODE = re.compile(r"(```.*?```|~~~.*?~~~|`[^`\n]+`)", re.DOTALL)
_FOLD = re.compile(r"<details[^>]*>\s*(?:<summary>.*?</summary>)?|</details>", re.DOTALL)
_MATH = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$(?!\s)([^$\n]+?)(?<!\s)\$(?![\d$])", re.DOTALL)

STYLE = """
body{font:16px/1.55 system-ui,sans-serif;color:#1B1F24;background:#FFF;max-width:1080px;margin:2rem auto;padding:0 1rem}
h1,h2,h3{line-height:1.25} a{color:#0072B2} summary{cursor:pointer}
pre{background:#FBFCFD;border:1px solid #DFE3E8;border-radius:10px;padding:.7rem 1rem;overflow:auto;font-size:13.5px}
.jp-OutputArea-output pre,.output pre{border:0;background:none;padding:.2rem 0}
table{border-collapse:collapse;font-size:13.5px}
th,td{text-align:left;border-bottom:1px solid #E7EAEE;padding:.25rem .8rem .25rem 0}
.anchor-link{display:none} .qlab-figure{border:1px solid #DFE3E8;border-radius:10px;overflow:hidden}
math[display=block]{margin:.8rem 0} img{max-width:100%}
"""


class PageError(ValueError):
    """A lesson that cannot become a page: a formula that is no LaTeX, or something fetched from the network."""


def mathml(latex: str, display: str) -> str:
    """A formula as MathML. Raises PageError for a macro that stays unknown."""
    from latex2mathml.converter import convert

    try:
        made = convert(latex.strip(), display=display)
    except Exception as error:
        raise PageError(f"formula ${latex}$: {type(error).__name__}: {error}") from None
    left = re.search(r"\\[A-Za-z]+", html.unescape(re.sub(r"<[^>]+>", "", made)))
    if left:
        raise PageError(f"formula ${latex}$: unknown macro {left.group()}")
    return made


def formulas(markdown: str, cell: int = 0) -> tuple[str, dict[str, str]]:
    """Markdown with its formulas replaced by tokens (code is left alone), and the MathML of each token."""
    made: dict[str, str] = {}

    def token(match: re.Match[str]) -> str:
        block = match.group(1) is not None
        name = f"QLABMATH{cell}X{len(made)}END"
        made[name] = mathml(match.group(1) if block else match.group(2), "block" if block else "inline")
        return name

    parts = _CODE.split(markdown)
    return "".join(part if i % 2 else _MATH.sub(token, part) for i, part in enumerate(parts)), made


def folds(markdown: str, cell: int = 0) -> tuple[str, dict[str, str]]:
    """Markdown with the tags of its `<details>` as paragraphs of their own: nbconvert would close each at once."""
    made: dict[str, str] = {}

    def token(match: re.Match[str]) -> str:
        name = f"QLABFOLD{cell}X{len(made)}END"
        made[name] = match.group()
        return f"\n\n{name}\n\n"

    parts = _CODE.split(markdown)
    return "".join(part if i % 2 else _FOLD.sub(token, part) for i, part in enumerate(parts)), made


def _figure(figure: dict, words: str, number: int) -> str:
    config = {"displayModeBar": False, "responsive": True}
    text = json.dumps([figure["data"], figure["layout"], config]).replace("</", "<\\/")
    return (
        f'<div id="figure-{number}" class="qlab-figure" role="img" aria-label="{html.escape(words, quote=True)}"></div>'
        f'<script>Plotly.newPlot("figure-{number}", ...{text});</script>'
    )


def page(book: NotebookNode, title: str, folder: Path) -> str:
    """The HTML of an executed notebook; its pictures are those of `folder`/figures.

    Raises PageError for a picture that is not there, and if anything would be fetched from the network.
    """
    from nbconvert import HTMLExporter
    from pygments.formatters import HtmlFormatter

    book = nbformat.from_dict(json.loads(json.dumps(book)))
    tokens: dict[str, str] = {}
    figures = 0
    for c, cell in enumerate(book.cells):
        if cell.cell_type == "markdown":
            text, formula = formulas(cell.source, c)
            text, fold = folds(text, c)
            tokens |= fold | formula  # a summary may hold formulas: they are put back after it
            text = text.replace("](../figures/", "](figures/")  # nbconvert embeds nothing from above its folder
            cell.source = re.sub(r"(\d\d_\w+)\.ipynb", r"\1.html", text)
        for output in cell.get("outputs", []):
            if PLOTLY in output.get("data", {}):
                figures += 1
                drawn = _figure(output.data.pop(PLOTLY), output.data.get("text/plain", ""), figures)
                output.data = NotebookNode({"text/html": drawn})
    exporter = HTMLExporter(
        template_name="basic", embed_images=True, exclude_input_prompt=True, exclude_output_prompt=True
    )
    body, _ = exporter.from_notebook_node(book, resources={"metadata": {"path": str(folder)}})
    for name, kept in tokens.items():
        body = body.replace(f"<p>{name}</p>", kept).replace(name, kept)
    script = ""
    if figures:
        from plotly.offline import get_plotlyjs

        script = f"<script>{get_plotlyjs()}</script>"
    found = ABROAD.search(body)
    if found:
        raise PageError(f"the page would fetch {found.group()[:120]}")
    missing = re.search(r'<img[^>]*src="(?!data:)([^"]*)', body)
    if missing:
        raise PageError(f"the picture {missing.group(1)} is not in {folder}")
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}{HtmlFormatter().get_style_defs('.highlight')}</style>{script}</head><body>{body}</body></html>\n"
    )
