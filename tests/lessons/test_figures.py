"""Every demo has a picture, drawn from what the demo shows now, and every picture has its sentence."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from qlab import cli
from qlab.demos import DEMOS
from qlab.lessons import figures


@pytest.mark.parametrize("slug", DEMOS)
def test_the_picture_is_what_the_demo_shows(slug):
    assert figures.stale(slug) == "", "run qlab build --figures"
    assert (figures.folder() / f"{slug}.png").stat().st_size < 80_000


def test_no_picture_is_left_over():
    assert set(figures.entries()) == set(DEMOS)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of its own with the pictures of this one."""
    shutil.copytree(figures.folder(), tmp_path / "notebooks" / "figures")
    (tmp_path / "notebooks" / "src").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"checksum": "0"}, "the figure or the words of D2 changed"),
        ({"alt": "with 9 bits"}, None),
        (None, "D2 has no picture"),
    ],
)
def test_what_makes_a_picture_stale(project, change, why):
    kept = figures.entries()
    if change is None:
        del kept["D2"]
    elif "alt" in change:  # the same words, one number three times as large
        kept["D2"]["alt"] = kept["D2"]["alt"].replace("3 jumps", "9 jumps")
        why = f"D2 says now: {figures.page('D2').alt}"
    else:
        kept["D2"] |= change
    (figures.folder() / "figures.json").write_text(json.dumps(kept))
    assert figures.stale("D2") == why


def test_the_checksum_sees_the_design_and_not_the_data():
    demo = figures.page("D2").demo
    P = demo.parameters()
    first = figures.entry(figures.page("D2"))["checksum"]
    other = figures.Static(demo, P.replace(RESOLUTION=0.4))
    assert other.alt != figures.page("D2").alt
    assert figures.entry(other)["checksum"] == first
    other.figure.update_layout(height=other.figure.layout.height + 10)
    assert figures.entry(other)["checksum"] != first


def test_the_sentence_of_a_picture_is_written_in(project):
    alt = figures.entries()["D1"]["alt"]
    text = figures.described("see ![](figures/D1.png) and ![own](figures/D1.png)", project)
    assert text == f"see ![{alt.replace('*', chr(92) + '*')}](figures/D1.png) and ![own](figures/D1.png)"
    with pytest.raises(figures.FigureError, match=r"D2x.*did you mean 'D2b?'.*qlab build --figures"):
        figures.described("![](figures/D2x.png)", project)


def test_without_chromium_one_line_says_so(project, monkeypatch):
    pytest.importorskip("kaleido")
    from choreographer.browsers.chromium import ChromeNotFoundError

    def nothing(*args, **kwargs):
        raise ChromeNotFoundError

    monkeypatch.setattr("kaleido.write_fig_from_object_sync", nothing)
    (figures.folder() / "D2.png").unlink()
    monkeypatch.setattr("qlab.demos.DEMOS", {"D2": DEMOS["D2"]})
    before = (figures.folder() / "figures.json").read_text()
    done = CliRunner().invoke(cli.app, ["build", "--figures"])
    assert done.exit_code == 1
    assert "Chromium" in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert (figures.folder() / "figures.json").read_text() == before
