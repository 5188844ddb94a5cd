"""Pictures of the console with the demonstration's month: `make screenshots`, and each place in each look with ALL."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from infra.local.demo.story import USER
from tests.browser.chromium import found
from tests.browser.pages import Console, Person, person
from tests.runner import ROOT, Runner, running

COMMAND = (sys.executable, "-m", "infra.local.demo")
FOLDER = ROOT / "infra" / "console" / "pictures"
COLOURS = 128
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 800}
SHOWN = "Activation by sign-up week"
Look = Callable[[Console], None]


def chat(console: Console) -> None:
    narrow_list(console)
    console.rows.filter(has_text=SHOWN).get_by_role("button").first.click()
    expect(console.page.locator("chatkeep-message table").last).to_be_visible()
    console.page.mouse.move(WIDE["width"] - 1, 1)  # off the list


def usage(console: Console) -> None:
    console.page.goto(f"{console.page.url.partition('#')[0]}#/usage")
    expect(console.page.locator("chatkeep-usage canvas")).to_have_count(4)


def models(console: Console) -> None:
    usage(console)
    console.page.locator("chatkeep-usage section").scroll_into_view_if_needed()


def tools(console: Console) -> None:
    chat(console)
    console.page.locator("chatkeep-chat chatkeep-list").evaluate("list => list.scrollTop = 0")
    console.page.locator("chatkeep-message details summary").click()


def listed(console: Console) -> None:
    chat(console)
    narrow_list(console)
    console.rows.nth(2).hover()


def settings(console: Console) -> None:
    console.page.goto(f"{console.page.url.partition('#')[0]}#/settings")
    expect(console.page.get_by_label("Longest answer, in tokens")).to_be_visible()


def empty(console: Console) -> None:
    expect(console.page.get_by_text("What is on your mind?")).to_be_visible()


def trash(console: Console) -> None:
    narrow_list(console)
    console.place("Trash")
    expect(console.rows).to_have_count(4)


PLACES: Mapping[str, Look] = {
    "chat": chat,
    "tools": tools,
    "usage": usage,
    "models": models,
    "list": listed,
    "settings": settings,
    "empty": empty,
    "trash": trash,
}


def narrow_list(console: Console) -> None:
    """Have the list in sight where there is no room for it beside the conversation."""
    menu = console.page.get_by_role("button", name="Conversations", exact=True).first
    if menu.is_visible() and not console.rows.first.is_visible():
        menu.click()
    expect(console.rows.first).to_be_visible()


@contextmanager
def looking(browser: Browser, runner: Runner, viewport: dict[str, int], scheme: str) -> Iterator[Person]:
    options = {"viewport": viewport, "color_scheme": scheme, "reduced_motion": "reduce", "timezone_id": "UTC"}
    with person(browser, runner, USER, **options) as someone:
        yield someone


def taken(page: Page) -> bytes:
    """The page as a PNG of few colours."""
    page.wait_for_timeout(300)  # pictures and plots are drawn a frame later
    whole = Image.open(BytesIO(page.screenshot())).convert("RGB")
    written = BytesIO()
    whole.quantize(COLOURS, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
    return written.getvalue()


def main() -> None:
    wanted = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    views = (
        [(WIDE, "light")] if wanted is None else [(size, one) for size in (WIDE, NARROW) for one in ("light", "dark")]
    )
    places = {name: PLACES[name] for name in ("chat", "usage")} if wanted is None else PLACES
    folder = wanted or FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as data, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found(), args=["--no-sandbox"])
        with running(Path(data) / "demo", command=COMMAND) as runner:
            for size, scheme in views:
                for name, show in places.items():
                    with looking(browser, runner, size, scheme) as someone:
                        console = someone.opens()
                        show(console)
                        suffix = "" if wanted is None else f"-{size['width']}-{scheme}"
                        (folder / f"{name}{suffix}.png").write_bytes(taken(console.page))
        browser.close()


if __name__ == "__main__":
    main()
