"""The demo cards on a page, found by their data attributes alone, and what a learner can do with them."""

from __future__ import annotations

SNAPSHOT = """card => {
  const plot = card.querySelector("[data-qlab-figure]");
  const plain = v => ArrayBuffer.isView(v) ? Array.from(v) : Array.isArray(v) ? v.map(plain) : v;
  const traces = (plot.data ?? []).map(t => [t.type, plain(t.x), plain(t.y), plain(t.z), plain(t.text), t.visible]);
  return {text: card.querySelector("[data-qlab-text]").textContent,
          figure: JSON.stringify(traces.concat([plot.layout?.shapes, plot.layout?.annotations]))};
}"""
QUIET = "card => card.querySelector('[data-qlab-ready]') && !card.dataset.qlabPending"
STOPPED = """card => card.querySelector('[data-qlab-running="false"]') && !card.dataset.qlabPending"""


class CardOnPage:
    """One card. `moves()` are all its value controls; each moves away from the default and changes what is seen."""

    def __init__(self, page, number: int) -> None:
        self.page = page
        self.root = page.locator("[data-qlab-card]").nth(number)
        self.handle = self.root.element_handle()
        self.slug = self.root.get_attribute("data-qlab-card")
        self.root.scroll_into_view_if_needed()
        self.wait(QUIET, "ready", 60)
        for details in self.root.locator("details[data-qlab-more]").all():
            details.evaluate("details => { details.open = true; }")

    def wait(self, condition: str, what: str, seconds: float = 20, argument=None) -> None:
        """Wait until a JavaScript function of the card (and an argument) is true."""
        from playwright.sync_api import TimeoutError

        try:
            both = [self.handle, argument]
            self.page.wait_for_function(f"both => ({condition})(...both)", arg=both, timeout=1000 * seconds)
        except TimeoutError:
            now = self.handle.evaluate(SNAPSHOT)["text"]
            story = f"{self.slug}: {what} did not happen in {seconds} s; it says: {now}; {self.error()}"
            raise AssertionError(story) from None

    def seen(self) -> dict[str, str]:
        return self.handle.evaluate(SNAPSHOT)

    def error(self) -> str:
        line = self.root.locator("[data-qlab-error]")
        return line.inner_text() if line.is_visible() else ""

    def changed(self, before: dict[str, str], what: str) -> None:
        """Wait until figure AND sentence differ from `before`."""
        differ = "s.text !== old.text && s.figure !== old.figure"
        test = f"(card, old) => {{ const s = ({SNAPSHOT})(card); return ({QUIET})(card) && {differ}; }}"
        self.wait(test, f"a change of figure and sentence after {what}", argument=before)

    def same(self, before: dict[str, str], what: str) -> None:
        """Wait until figure AND sentence are as in `before`."""
        equal = "s.text === old.text && s.figure === old.figure"
        test = f"(card, old) => {{ const s = ({SNAPSHOT})(card); return ({QUIET})(card) && {equal}; }}"
        self.wait(test, f"the return of figure and sentence after {what}", argument=before)

    def names(self) -> list[str]:
        return [c.get_attribute("data-qlab-control") for c in self.root.locator("[data-qlab-control]").all()]

    def move(self, name: str) -> None:
        """Move one control away from where it is, the way a learner does."""
        control = self.root.locator(f"[data-qlab-control='{name}']")
        kind = control.get_attribute("data-kind")
        if kind == "slider":
            slider = control.locator("input")
            slider.focus()
            before = slider.input_value()
            slider.press("End")
            if slider.input_value() == before:
                slider.press("Home")
        elif kind == "select":
            select = control.locator("select")
            select.select_option(index=(int(select.input_value()) + 1) % select.locator("option").count())
        elif kind == "toggle":
            control.locator("input").click()
        else:
            free = control.locator("input:not(:checked)")
            (free.first if free.count() else control.locator("input").last).click()

    def press(self, action: str) -> None:
        self.root.locator(f"[data-qlab-action='{action}']").first.click()

    def trains(self) -> bool:
        return self.root.locator("[data-qlab-action='run']").count() > 0

    def finish_run(self) -> None:
        """Run, and wait until the run ends by itself."""
        self.press("run")
        self.wait(STOPPED, "the end of the run", 120)

    def command(self) -> str:
        """Press Copy; the command must be on the clipboard and in the card."""
        self.press("copy")
        shown = self.root.get_attribute("data-qlab-command")
        self.page.wait_for_function(
            "async text => (await navigator.clipboard.readText()) === text", arg=shown, timeout=10_000
        )
        assert self.root.locator(".qlab-command").inner_text() == shown
        return shown


def cards(page) -> list[CardOnPage]:
    return [CardOnPage(page, number) for number in range(page.locator("[data-qlab-card]").count())]
