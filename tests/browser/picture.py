"""The README's picture: lesson 03 in JupyterLab with its first demo live. Run: python tests/browser/picture.py."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from lab import Lab, chromium, missing, open_notebook
from PIL import Image

ROOT = Path(__file__).parents[2]
LESSON, CARD = "03_exploration.ipynb", "[data-qlab-card='D3']"
TARGET = ROOT / "notebooks" / "figures" / "lesson_03_live.png"


def take(page, lab: Lab) -> bytes:
    """A screenshot of the window with the demo in it, the side panels closed."""
    open_notebook(page, lab, LESSON)
    for side in ("left", "right"):
        if page.locator(f"#jp-{side}-stack").is_visible():
            page.locator(f".jp-SideBar.jp-mod-{side} .lm-mod-current").first.click()
    page.locator(".jp-Cell", has_text="lab.show(").first.click()
    page.click("text=Run >> nth=0")
    page.get_by_text("Run All Above Selected Cell", exact=True).click()
    page.wait_for_function("() => document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status === 'idle'")
    page.keyboard.press("Shift+Enter")
    page.locator(f"{CARD} [data-qlab-ready]").wait_for(timeout=60_000)
    page.locator(CARD).evaluate("card => card.closest('.jp-Cell').scrollIntoView({block: 'start'})")
    page.mouse.move(5, 5)
    page.wait_for_timeout(2500)  # the first redraws and the fading scroll bars
    return page.screenshot()


def main(theme: str = "Light", target: Path = TARGET) -> None:
    if missing():
        sys.exit(missing())
    with TemporaryDirectory() as place, chromium() as browser:
        folder, home = Path(place) / "lessons", Path(place) / "home"
        home.mkdir()
        folder.mkdir()
        shutil.copy(ROOT / "notebooks" / LESSON, folder)
        shutil.copytree(ROOT / "notebooks" / "figures", folder / "figures")
        lab = Lab(folder, home, theme=theme)
        try:
            page = browser.new_context(viewport={"width": 1280, "height": 900}, device_scale_factor=1.5).new_page()
            shot = take(page, lab)
        finally:
            lab.stop()
    with Image.open(io.BytesIO(shot)) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(target, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(Path, sys.argv[2:3]))
