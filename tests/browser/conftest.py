"""One JupyterLab and one Chromium for all browser tests."""

import os
import shutil
from pathlib import Path

import pytest
from lab import Lab, Watch, chromium, missing

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """JupyterLab on a copy of the lessons. Without Chromium the tests are skipped, or fail if QLAB_REQUIRE says so."""
    reason = missing()
    if reason:
        (pytest.fail if "browser" in os.environ.get("QLAB_REQUIRE", "") else pytest.skip)(reason)
    folder, home = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("home")
    for notebook in (ROOT / "notebooks").glob("[0-9]*.ipynb"):
        shutil.copy(notebook, folder)
    shutil.copytree(ROOT / "notebooks" / "figures", folder / "figures")
    server = Lab(folder, home)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def browser(lab):
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser):
    """A page that may use the clipboard; `page.watch.problems` collects what goes wrong on it."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.watch = Watch(page)
    yield page
    context.close()
