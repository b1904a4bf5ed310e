"""A JupyterLab of our own and a Chromium in front of it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
FLAGS = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
ERROR = re.compile(rb'"msg_type":\s*"error"')


def missing() -> str:
    """Why there can be no browser test here, or ''."""
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "playwright is not installed"
    return "" if Path(CHROMIUM).exists() else f"Chromium is not installed ({CHROMIUM})"


class Lab:
    """A JupyterLab server on a folder, with its own configuration, runtime and token."""

    def __init__(self, folder: Path, home: Path, extensions: bool = True, theme: str = "Light") -> None:
        self.folder, self.log = folder, home / "jupyter.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.token = secrets.token_hex(16)
        self.url = f"http://127.0.0.1:{self.port}"
        settings = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "RUNTIME", "DATA")}
        settings |= {"IPYTHONDIR": str(home / "ipython"), "JUPYTERLAB_SETTINGS_DIR": str(home / "settings")}
        settings |= {"JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"), "OMP_NUM_THREADS": "1"}
        environment = {k: v for k, v in os.environ.items() if k not in ("QLAB_VIEW", "JPY_SESSION_NAME")} | settings
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
        command += [
            f"--ServerApp.port={self.port}",
            f"--IdentityProvider.token={self.token}",
            "--ServerApp.port_retries=0",
        ]
        command += [f"--ServerApp.root_dir={folder}", "--LabApp.extension_manager=readonly"]
        choices = {
            "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
            "apputils-extension/themes": {"theme": f"JupyterLab {theme}"},
            "notebook-extension/tracker": {"windowingMode": "none"},
        }
        for name, choice in choices.items():
            file = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(choice))
        if not extensions:
            command.append("--ServerApp.jpserver_extensions={'qlab.demos.server': False}")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
        end = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.url}/api?token={self.token}", timeout=2)
                return
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"JupyterLab did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)

    def address(self, notebook: str, workspace: str = "") -> str:
        return f"{self.url}/lab/workspaces/{workspace or secrets.token_hex(4)}/tree/{notebook}?token={self.token}&reset"

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def chromium() -> Iterator:
    """A headless Chromium (playwright's Browser)."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Watch:
    """What goes wrong on a page and in its kernels: console errors, page errors, error messages on the websockets."""

    def __init__(self, page) -> None:
        self.problems: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"page: {error}"))
        page.on("websocket", lambda ws: ws.on("framereceived", self._frame))

    def _console(self, message) -> None:
        if message.type == "error" and "favicon" not in message.text:
            self.problems.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _frame(self, frame) -> None:
        data = frame if isinstance(frame, bytes) else frame.encode()
        if ERROR.search(data):
            self.problems.append(f"kernel: {data[:2000]!r}")


def open_notebook(page, lab: Lab, notebook: str, timeout: float = 60) -> None:
    """Open a notebook alone in JupyterLab and wait until its kernel is idle."""
    page.goto(lab.address(notebook))
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=1000 * timeout)
    page.locator("#jp-main-statusbar", has_text="| Idle").wait_for(timeout=1000 * timeout)


def run_all(page, timeout: float = 180) -> None:
    """Run every cell and wait for the last one."""
    page.evaluate("document.querySelector('.jp-NotebookPanel .jp-Cell')?.scrollIntoView()")
    page.click("text=Run >> nth=0")
    page.get_by_text("Run All Cells", exact=True).click()
    page.wait_for_function(
        """() => { const prompts = [...document.querySelectorAll('.jp-NotebookPanel .jp-CodeCell .jp-InputPrompt')];
                   const indicator = document.querySelector('.jp-Notebook-ExecutionIndicator');
                   return indicator?.dataset.status === 'idle' && prompts.some(p => /\\d/.test(p.textContent))
                          && !prompts.some(p => p.textContent.includes('*')); }""",
        timeout=1000 * timeout,
    )
