"""A lesson's page shows figures and formulas with the network off."""

import nbformat
import pytest

from qlab.lessons.page import ABROAD, PLOTLY, PageError, formulas, mathml, page


def book(*cells):
    made = nbformat.v4.new_notebook(cells=list(cells))
    made.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return made


def markdown(text):
    return nbformat.v4.new_markdown_cell(text)


def figure(alt="the sentence"):
    cell = nbformat.v4.new_code_cell("show()")
    data = {PLOTLY: {"data": [{"y": [1, 2], "name": "</script>"}], "layout": {}}, "text/plain": alt}
    cell.outputs = [nbformat.v4.new_output("display_data", data=data)]
    return cell


def test_formulas_become_mathml_and_code_stays(tmp_path):
    html = page(book(markdown("Let $w_t$ be\n\n$$\\frac{1}{2} \\|w\\|^2$$\n\nand `$x$` costs 5$.")), "t", tmp_path)
    assert html.count("<math") == 2
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"' in html
    assert "<mfrac>" in html
    assert "$x$" in html
    assert "QLABMATH" not in html


def test_markdown_does_not_reach_into_a_formula(tmp_path):
    html = page(book(markdown("$a_1 * b_1$ and $c_1 * d_1$")), "t", tmp_path)
    assert "<em>" not in html
    assert html.count("<math") == 2


def test_what_is_folded_stays_inside(tmp_path):
    text = "before\n\n<details><summary>Why $q$</summary>\n\n*inside* $w$\n\n- item\n\n</details>\n\nafter `<details>`"
    html = page(book(markdown(text), markdown(text)), "t", tmp_path)
    folded = html.split("<details>")[1].split("</details>")[0]
    assert "<em>inside</em>" in folded
    assert "<li>item</li>" in folded
    assert folded.count("<math") == 2
    assert html.count("</details>") == html.count("<details>") == 2
    assert "&lt;details&gt;" in html
    assert "QLAB" not in html


def test_many_formulas_keep_their_places(tmp_path):
    text = " ".join(f"n{i} is $x_{{{i}}}$." for i in range(25))
    html = page(book(markdown(text), markdown("$z_{99}$")), "t", tmp_path)
    assert html.count("<math") == 26
    for i in range(25):
        after = html.split(f"n{i} is ")[1]
        assert f"<mn>{i}</mn>" in after[: after.index("</math>")]


def test_an_unknown_macro_is_refused():
    with pytest.raises(PageError, match="notamacro"):
        mathml(r"\notamacro{x}", "inline")


@pytest.mark.parametrize("text", ["it costs 5$ and 6$ now", r"\$5 and \$6", "`$a$ $b$`", "```\n$a$\n```"])
def test_what_is_no_formula_stays(text):
    assert formulas(text) == (text, {})


def test_the_drawing_library_is_in_the_page_once_and_only_where_it_is_needed(tmp_path):
    with_figures = page(book(figure(), figure("another")), "t", tmp_path)
    assert with_figures.count("Plotly.newPlot(") >= 2
    assert with_figures.count("plotly.js v") == 1
    assert 'aria-label="the sentence"' in with_figures
    assert 'aria-label="another"' in with_figures
    assert '"name": "</script>' not in with_figures
    assert len(page(book(markdown("x")), "t", tmp_path)) < 30_000


def test_no_page_fetches_anything(tmp_path):
    html = page(book(markdown("$x$ [a link](https://example.org) [next](01_grids.ipynb)"), figure()), "t", tmp_path)
    assert not ABROAD.search(html)
    assert "01_grids.html" in html
    for tag in (
        '<script src="https://cdn.org/x.js">',
        "<link rel=x href='http://a/b.css'>",
        "<img src=//a/b.png>",
        '<iframe src="https://x.org">',
    ):
        with pytest.raises(PageError, match="would fetch"):
            page(book(markdown(tag)), "t", tmp_path)


def test_pictures_are_embedded(tmp_path):
    png = bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
        "0000000d49444154789c6360000000020001e221bc330000000049454e44ae426082"
    )
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "a.png").write_bytes(png)
    for way in ("figures/a.png", "../figures/a.png"):
        assert "data:image/png;base64," in page(book(markdown(f"![a]({way})")), "t", tmp_path)
    with pytest.raises(PageError, match="picture"):
        page(book(markdown("![a](figures/b.png)")), "t", tmp_path)
