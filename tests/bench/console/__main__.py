"""The console in Chromium: its first view, and frames while long lists scroll: `python -m tests.bench.console`."""

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.bench.console import report
from tests.bench.console.measures import SPEED, Row, Watched, first_view, scrolled, watched, whole
from tests.browser.chromium import found
from tests.browser.conftest import DEPLOYMENT
from tests.browser.long import SESSIONS, sessions, transcript
from tests.runner import Runner, running

RESULTS = Path(__file__).parent.parent / "console.json"
ROUNDS, SECONDS = 5, 8.0
SMOKE_ROUNDS, SMOKE_SECONDS = 1, 1.5
SLOWER = (1, int(report.PHONE))
ROOT = "document.querySelector('chatkeep-console').renderRoot"
LIST = f"{ROOT}.querySelector('chatkeep-sessions').renderRoot.querySelector('chatkeep-list')"
MESSAGES = f"{ROOT}.querySelector('chatkeep-chat').renderRoot.querySelector('chatkeep-list')"
ROWS = "".join(f"<li>Number {at}</li>" for at in range(SESSIONS))
PLAIN = f"<!doctype html><style>body {{ margin: 0 }} li {{ height: 58px }}</style><ol>{ROWS}</ol>"


def view(browser: Browser, runner: Runner, address: str, slower: int) -> Row:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    row = first_view(watched(context.new_page(), slower), lambda page: _open(page, address))
    context.close()
    return row


def _open(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_visible()


def _signed_in(browser: Browser, address: str) -> Watched:
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    made = watched(page, 1)
    _open(page, address)
    return made


def list_of_sessions(browser: Browser, runner: Runner, address: str, seconds: float) -> Row:
    """10,000 sessions, whose pages come while they are scrolled."""
    page = _signed_in(browser, address)
    with runner.client("bench") as api:
        pattern = api.post("/sessions", json={"title": "pattern"}).json()
    page.page.route("**/v1/sessions?*", partial(sessions, pattern))
    page.page.reload()
    expect(page.page.get_by_text("Number 0", exact=True)).to_be_visible()
    return _closed(page, scrolled(page, LIST, SPEED, seconds))


def messages(browser: Browser, runner: Runner, address: str, seconds: float) -> Row:
    """2,000 messages, from the newest up."""
    page = _signed_in(browser, address)
    with runner.client("bench") as api:
        session_id = api.post("/sessions", json={"title": "long"}).json()["session_id"]
    page.page.route("**/messages?*", transcript)
    page.page.goto(f"{address.partition('#')[0]}#/chat/{session_id}")
    expect(page.page.get_by_text("The end of answer 1999")).to_be_in_viewport()
    return _closed(page, scrolled(page, MESSAGES, -SPEED, seconds))


def plain(browser: Browser, _: Runner, __: str, seconds: float) -> Row:
    """As many rows of plain HTML: what the browser and the machine take by themselves."""
    page = watched(browser.new_context(viewport={"width": 1280, "height": 800}).new_page(), 1)
    page.page.set_content(PLAIN)
    return _closed(page, scrolled(page, "document.scrollingElement", SPEED, seconds))


def _closed(page: Watched, row: Row) -> Row:
    page.page.context.close()
    return row


SCROLLED = {"10,000 sessions": list_of_sessions, "2,000 messages": messages, report.PLAIN: plain}


def main(*, smoke: bool) -> None:
    rounds, seconds = (SMOKE_ROUNDS, SMOKE_SECONDS) if smoke else (ROUNDS, SECONDS)
    views: dict[int, list[Row]] = {slower: [] for slower in SLOWER}
    scrolls: dict[str, list[Row]] = {name: [] for name in SCROLLED}
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), environment=DEPLOYMENT) as runner,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=found(), args=["--no-sandbox"])
        address = f"{runner.url.removesuffix('/v1')}/#token={runner.token('bench')}"
        for _ in range(rounds):  # which alternate, so that a busy minute is everybody's
            for slower, rows in views.items():
                rows.append(view(browser, runner, address, slower))
            for name, measure in SCROLLED.items():
                scrolls[name].append(measure(browser, runner, address, seconds))
        version = browser.version
        browser.close()
    results = {
        "chromium": version,
        "first_view": {str(slower): whole(rows) for slower, rows in views.items()},
        "scroll": {name: whole(rows) for name, rows in scrolls.items()},
    }
    print(report.table(results))
    if not smoke:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        if missed := report.over(results):
            raise SystemExit("\n".join(missed))


if __name__ == "__main__":
    PARSER = argparse.ArgumentParser(description=__doc__)
    PARSER.add_argument("--smoke", action="store_true", help="once, and shortly; the stored results stay as they are")
    main(smoke=PARSER.parse_args().smoke)
