"""Latency of the demo cards, measured in a real browser: input event -> first frame after line AND sentence changed.

    python benchmarks/latency.py [--seconds 2.5] [--without-extension]

Starts its own JupyterLab and Chromium. Prints for each kind of input p50 and p95 in ms, the number of inputs, paints
per second and the load average, and the budgets of the design. Times are of this machine, browser and driver included.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import os
import platform
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "browser"))
from lab import Lab, Watch, chromium, missing, open_notebook, run_all  # noqa: E402

SETUP = f"""
import sys, time
sys.path.insert(0, {str(ROOT / "tests" / "demos")!r})
import toys, qlab.demos as demos

class Busy(toys.ToyDemo):
    slug = "busy"
    def compute(self, P):
        end = time.perf_counter() + 0.002
        data = super().compute(P)
        while time.perf_counter() < end:
            pass
        return data
"""
CELLS = {
    "busy": "demos.show(Busy(), toys.Toy())",
    "toyrun": "demos.show(toys.ToyTraining(), toys.Toy())",
    "D3": "demos.show('D3', demos.find('D3').parameters())",
}
INSTRUMENT = """slug => {
  const card = document.querySelector(`[data-qlab-card="${slug}"]`), seen = {inputs: [], paints: [], last: 0};
  const plot = card.querySelector("[data-qlab-figure]"), text = card.querySelector("[data-qlab-text]");
  card.addEventListener("input", e => {
    const out = e.target.closest("fieldset").querySelector("output");
    seen.inputs.push([e.timeStamp, parseFloat(out.textContent.replace("−", "-"))]);
  });
  card.addEventListener("change", e => { seen.released = e.timeStamp; }, true);
  card.addEventListener("click", e => { if (e.target.dataset.qlabAction) seen.clicked = e.timeStamp; }, true);
  let moved = false, shown = text.textContent;
  new MutationObserver(() => { moved = true; }).observe(plot, {subtree: true, childList: true, attributes: true});
  new MutationObserver(() => { seen.answered = performance.now(); })
    .observe(card, {attributes: true, attributeFilter: ["data-qlab-pending"]});
  const channel = new MessageChannel(), waiting = [];
  channel.port2.onmessage = () => seen.paints.push([seen.last = performance.now(), waiting.shift()]);
  const frame = () => {
    if (moved && text.textContent !== shown) {
      moved = false; shown = text.textContent;
      waiting.push(card.dataset.qlabCommand); channel.port1.postMessage(0);
    }
    requestAnimationFrame(frame);
  };
  frame();
  (window.__seen ??= {})[slug] = seen;
}"""


def report(what: str, times: list[float], budget: str, more: str = "") -> None:
    if times:
        p50, p95 = np.percentile(times, [50, 95])
        numbers = f"p50 {p50:5.0f}  p95 {p95:5.0f}  worst {max(times):5.0f} ms  n {len(times):4d}"
    else:
        numbers = "nothing was measured"
    print(f"{what:38s} {numbers}  load {os.getloadavg()[0]:.1f}  [{budget}]  {more}", flush=True)


class Slider:
    """One slider of one card, and what its inputs and paints were."""

    def __init__(self, page, slug: str, name: str, default: float) -> None:
        self.page, self.slug, self.name, self.default = page, slug, name, default
        self.input = page.locator(f'[data-qlab-card="{slug}"] [data-qlab-control="{name}"] input')
        page.evaluate(
            "slug => document.querySelectorAll(`[data-qlab-card=${slug}] details`).forEach(d => d.open = true)", slug
        )
        self.input.scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        self.box = self.input.bounding_box()

    def clear(self) -> None:
        self.page.evaluate("slug => { const s = window.__seen[slug]; s.inputs = []; s.paints = []; }", self.slug)

    def seen(self) -> dict:
        return self.page.evaluate("slug => window.__seen[slug]", self.slug)

    def place(self, share: float) -> tuple[float, float]:
        return self.box["x"] + 8 + share * (self.box["width"] - 16), self.box["y"] + self.box["height"] / 2

    def drag(self, seconds: float) -> tuple[list[float], float, float]:
        """A drag with a real mouse: the latency of every input, paints per second, inputs per second."""
        self.page.mouse.move(*self.place(0.5))
        self.page.mouse.down()
        self.clear()
        start, k = time.monotonic(), 0
        while time.monotonic() < start + seconds:
            share = 0.5 + 0.45 * np.sin(2 * np.pi * k / 60)
            self.page.mouse.move(*self.place(share))
            k += 1
        self.page.wait_for_timeout(600)
        seen = self.seen()
        self.page.mouse.up()
        self.page.wait_for_timeout(300)
        inputs, paints = seen["inputs"], seen["paints"]
        span = (inputs[-1][0] - inputs[0][0]) / 1000
        return self.latencies(seen), sum(p[0] <= inputs[-1][0] for p in paints) / span, len(inputs) / span

    def keys(self, gap: int, count: int = 30) -> list[float]:
        self.input.focus()
        out = []
        for k in range(count):
            self.clear()
            self.page.keyboard.press("ArrowRight" if k % 2 else "ArrowLeft")
            self.page.wait_for_timeout(gap + 250)
            out += self.latencies(self.seen())[:1]
        return out

    def release(self, count: int) -> list[float]:
        """From letting the mouse go to the first paint."""
        out = []
        for k in range(count):
            self.page.mouse.move(*self.place(0.3 + 0.4 * (k % 2)))
            self.page.mouse.down()
            self.page.mouse.move(*self.place(0.7 - 0.4 * (k % 2)), steps=4)
            self.page.wait_for_timeout(80)
            self.clear()
            self.page.mouse.up()
            self.page.wait_for_timeout(1200)
            seen = self.seen()
            out += [p[0] - seen["released"] for p in seen["paints"][:1]]
        return out

    def latencies(self, seen: dict) -> list[float]:
        """For every input the ms to the first paint that shows it or a later one.

        A paint names its value in the command; paints come in the order of the inputs they show.
        """
        inputs, out, at = seen["inputs"], [], 0
        for when, command in seen["paints"]:
            named = re.search(rf"{self.name} (\S+)", command)
            value = float(named[1]) if named else self.default
            near = (k for k in range(at, len(inputs)) if abs(inputs[k][1] - value) < 1e-5 * abs(value))
            match = next((k for k in near if inputs[k][0] <= when), None)
            if match is not None:
                out += [when - inputs[k][0] for k in range(at, match + 1)]
                at = match + 1
        return out


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=2.5, help="length of one drag")
    options.add_argument("--without-extension", action="store_true", help="without TCP_NODELAY on the server")
    given = options.parse_args()
    if missing():
        sys.exit(missing())
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        work = Path(folder)
        (work / "home").mkdir()
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
        notebook.cells = [nbformat.v4.new_code_cell(source) for source in (SETUP, *CELLS.values())]
        nbformat.write(notebook, work / "latency.ipynb")
        lab = Lab(work, work / "home", extensions=not given.without_extension)
        stack.callback(lab.stop)
        browser = stack.enter_context(chromium())
        names = ("jupyterlab", "jupyter_server", "ipykernel", "ipywidgets", "anywidget", "plotly", "playwright")
        print(f"Chromium {browser.version}, Python {platform.python_version()}, {os.cpu_count()} cores,", end=" ")
        print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in names))
        print("TCP_NODELAY on kernel websockets:", "TCP_NODELAY" in lab.log.read_text())
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        watch = Watch(page)
        open_notebook(page, lab, "latency.ipynb")
        run_all(page)
        for slug in CELLS:
            page.locator(f'[data-qlab-card="{slug}"]').scroll_into_view_if_needed()
            page.wait_for_selector(f'[data-qlab-card="{slug}"] [data-qlab-ready]', timeout=60000)
            page.evaluate(INSTRUMENT, slug)
        page.wait_for_timeout(2000)
        measure(page, given.seconds)
        for problem in watch.problems:
            print("problem:", problem[:500])


def measure(page, seconds: float) -> None:
    """Every measurement, one line each."""
    for slug, what, default in (("busy", "2 ms of compute", 0.01), ("D3", "demo D3", 0.01)):
        slider = Slider(page, slug, "STEP_SIZE", default)
        for gap in (0, 100):
            report(f"{what}: arrow key, every {250 + gap} ms", slider.keys(gap), "drag budget 60")
        for _ in range(3):
            times, paints, moves = slider.drag(seconds)
            report(f"{what}: drag", times, "60, 25 paints/s", f"{paints:.0f} paints/s of {moves:.0f} moves/s")
    report("release control: letting go", Slider(page, "busy", "START", 4.0).release(12), "300")
    first, stop = runs(page, 10)
    report("Run: click to first frame", first, "300")
    report("Pause: click to the kernel's answer", stop, "100")


def runs(page, count: int) -> tuple[list[float], list[float]]:
    """Run and Pause of the training toy: ms to the first frame, and to the last thing that happened after Pause."""
    go = page.locator('[data-qlab-card="toyrun"] [data-qlab-action="run"]')
    reset = page.locator('[data-qlab-card="toyrun"] [data-qlab-action="reset"]')
    go.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    first, stop = [], []
    for _ in range(count):
        page.evaluate("() => { const s = window.__seen.toyrun; s.paints = []; }")
        go.click()
        page.wait_for_timeout(900)
        seen = page.evaluate("() => window.__seen.toyrun")
        first += [seen["paints"][0][0] - seen["clicked"]] if seen["paints"] else []
        go.click()
        page.wait_for_timeout(700)
        seen = page.evaluate("() => window.__seen.toyrun")
        stop.append(max(seen["answered"], seen["last"]) - seen["clicked"])
        reset.click()
        page.wait_for_timeout(400)
    return first, stop


if __name__ == "__main__":
    main()
