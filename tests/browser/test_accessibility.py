"""What somebody who sees little, or uses no mouse, has of the console: axe-core's rules, and where the focus is."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import Console, Person
from tests.browser.test_sessions import made
from tests.runner import ROOT, Runner

AXE = ROOT / ".venv" / "console" / "node_modules" / "axe-core" / "axe.min.js"
WORDS = """x

# Title

- one

[link](https://example.invalid) `code`

> said

```python
print('hi')
```

|a|b|
|-|-|
|1|2|"""
FOCUSED = """
() => {
  let found = document.activeElement;
  while (found?.shadowRoot?.activeElement) found = found.shadowRoot.activeElement;
  if (!found || found === document.body) return "";
  const label = found.labels?.[0]?.textContent ?? "";
  const name = found.getAttribute("aria-label") || label || found.textContent || found.tagName;
  return name.replaceAll(/\\s+/g, " ").trim();
}
"""
"""What has the focus, by its name; nothing where it is lost."""
OUTLINED = """
() => {
  let found = document.activeElement;
  while (found?.shadowRoot?.activeElement) found = found.shadowRoot.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(found);
  const isOutlined = (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || found.closest("form:focus-within");
  const { left, right, top, bottom } = found.getBoundingClientRect();
  return isOutlined && left < right && bottom > 0 && top < innerHeight && left >= 0 && right <= innerWidth + 1;
}
"""
"""Whether it can be seen where the focus is."""

SIZE = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong on a page, all its rules of WCAG 2.2 AA and good practice."""
    if not page.evaluate("'axe' in globalThis"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("axe.run(document)")
    assert len(found["passes"]) > 10
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def talked(someone: Person) -> Console:
    """A conversation with everything that an answer may have."""
    with someone.runner.client(someone.name) as api:
        session = api.post("/sessions", json={"title": "Rain", "tags": ["weather"]}).json()
        session_id = session["session_id"]
        for content in ("tools please", WORDS):
            api.post(f"/sessions/{session_id}/messages", json={"content": content}).raise_for_status()
    console = someone.opens(f"chat/{session_id}")
    console.expect_answer("Title")
    expect(console.answers.last.locator(".hljs-built_in")).to_be_visible()
    return console


def rating(console: Console) -> None:
    console.page.get_by_role("button", name="Bad answer").last.click()
    expect(console.page.get_by_label("Not correct")).to_be_focused()


def tool_call(console: Console) -> None:
    console.page.get_by_text("forecast").first.click()
    expect(console.page.get_by_label("What came back").first).to_be_visible()


def choosing(console: Console) -> None:
    console.page.get_by_role("button", name="Choose several").click()
    console.page.get_by_label("Choose Rain").check()
    console.page.get_by_role("button", name="Tag", exact=True).click()


def renaming(console: Console) -> None:
    console.rows.first.locator(".open").focus()
    console.page.keyboard.press("F2")
    expect(console.page.get_by_role("textbox", name="Title")).to_be_focused()


def keys(console: Console) -> None:
    console.page.locator("main > header h1").click()
    console.page.keyboard.press("?")
    expect(console.page.get_by_role("dialog")).to_be_visible()


def usage(console: Console) -> None:
    console.go("Usage")
    expect(console.page.locator("chatkeep-usage canvas")).to_have_count(4)
    console.page.locator("figure").first.get_by_text("Table").click()


def settings(console: Console) -> None:
    console.go("Settings")
    expect(console.page.get_by_label("Temperature")).to_be_visible()


def trash(console: Console) -> None:
    console.place("Trash")
    expect(console.page.get_by_text("The trash is empty.")).to_be_visible()


def offline(console: Console) -> None:
    console.page.context.set_offline(True)
    console.say("is anybody there?")
    expect(console.page.get_by_text("You are offline.")).to_be_visible()


STATES: dict[str, Callable[[Console], None]] = {
    "conversation": lambda _: None,
    "tool call": tool_call,
    "rating": rating,
    "choosing": choosing,
    "renaming": renaming,
    "keys": keys,
    "usage": usage,
    "settings": settings,
    "trash": trash,
    "offline": offline,
}


@pytest.mark.parametrize("width", [1_280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_rule_of_accessibility_is_broken(someone: Person, scheme: Any, width: int) -> None:
    console = talked(someone)
    console.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    start = console.page.url
    found: dict[str, list[str]] = {}
    for name, show in STATES.items():
        console.page.set_viewport_size({"width": 1_280, "height": 800})
        console.page.goto(start)
        console.page.reload()
        expect(console.answers.last).to_contain_text("Title")
        expect(console.rows).to_have_count(1)
        show(console)
        console.page.set_viewport_size({"width": width, "height": 800})
        found[name] = violations(console.page)
    someone.context.set_offline(False)
    assert {name: all_of_it for name, all_of_it in found.items() if all_of_it} == {}


def test_neither_the_door_nor_an_empty_console_breaks_a_rule(someone: Person) -> None:
    page = someone.context.new_page()
    page.goto(someone.site)
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    assert violations(page) == []
    assert violations(someone.opens().page) == []


def focused(console: Console) -> str:
    name: str = console.page.evaluate(FOCUSED)
    return name


def test_the_tab_key_goes_through_the_page_in_its_order_and_is_seen(someone: Person) -> None:
    made(someone, "First", "Second")
    console = someone.opens()
    expect(console.rows).to_have_count(2)
    console.page.evaluate("document.activeElement.blur()")
    visited = []
    for _ in range(18):
        console.page.keyboard.press("Tab")
        visited.append(focused(console))
        assert console.page.evaluate(OUTLINED), visited[-1]
    assert visited == [
        "Skip to the page",
        "New conversation",
        "Search conversations",
        "Conversations",
        "Archive",
        "Trash",
        visited[6],
        "Rename: Second",
        "Pin: Second",
        "Archive: Second",
        "Delete: Second",
        "Choose several",
        "Chat",
        "Usage",
        "Settings",
        "Sign out",
        "Message",
        "Send",
    ]
    assert visited[6].startswith("Second")


def test_arrows_go_through_the_list_and_the_focus_is_never_lost(someone: Person) -> None:
    made(someone, *(f"Number {at:02}" for at in range(1, 31)))
    console = someone.opens()
    expect(console.rows.first).to_contain_text("Number 30")
    press = console.page.keyboard.press
    console.page.get_by_role("searchbox").focus()
    for _ in range(4):
        press("Tab")
    assert focused(console).startswith("Number 30")
    for key, title in (
        ("ArrowDown", "29"),
        ("End", "01"),
        ("ArrowUp", "02"),
        ("PageUp", "12"),
        ("Home", "30"),
        ("ArrowUp", "30"),
    ):
        press(key)
        expect(console.page.locator(".open:focus")).to_contain_text(f"Number {title}")
    press("F2")
    expect(console.page.get_by_role("textbox", name="Title")).to_be_focused()
    press("Escape")
    expect(console.page.locator(".open:focus")).to_contain_text("Number 30")
    for name, following in (("Archive: Number 30", "Number 29"), ("Delete: Number 29", "Number 28")):
        while focused(console) != name:
            press("Tab")
        press("Enter")
        expect(console.page.locator(".open:focus")).to_contain_text(following)
    console.page.get_by_role("button", name="Choose several").focus()
    press("Enter")
    expect(console.page.get_by_label("Choose Number 28")).to_be_focused()
    press("Space")
    press("ArrowDown")
    press("Space")
    console.page.get_by_role("button", name="Tag", exact=True).focus()
    press("Enter")
    console.page.keyboard.type("seen")
    press("Enter")
    expect(console.page.get_by_role("button", name="#seen", exact=True)).to_be_visible()
    expect(console.page.locator(".open:focus")).to_contain_text("Number 28")


def test_the_focus_stays_in_the_conversation_while_it_changes(someone: Person) -> None:
    with someone.runner.client(someone.name) as api:
        session_id = api.post("/sessions", json={"model_name": "scripted:slow"}).json()["session_id"]
    console = someone.opens(f"chat/{session_id}")
    press = console.page.keyboard.press
    console.box.fill("one two three four five six")
    console.page.get_by_role("button", name="Send", exact=True).focus()
    press("Enter")
    expect(console.page.get_by_role("button", name="Stop the answer")).to_be_focused()
    expect(console.answers.last).to_contain_text("one")
    press("Enter")
    expect(console.page.get_by_text("Stopped.", exact=True)).to_be_visible()
    expect(console.page.get_by_role("button", name="Send", exact=True)).to_be_focused()
    bad = console.page.get_by_role("button", name="Bad answer")
    bad.focus()
    press("Enter")
    expect(console.page.get_by_label("Not correct")).to_be_focused()
    press("Space")
    console.page.get_by_role("button", name="Send feedback").focus()
    press("Enter")
    expect(bad).to_be_focused()
    expect(bad).to_have_attribute("aria-pressed", "true")
    console.page.get_by_role("button", name="Answer again").focus()
    press("Enter")
    expect(console.box).to_be_focused()


def test_the_list_of_a_narrow_screen_takes_the_focus_and_gives_it_back(
    browser: Browser, runner: Runner, someone: Person
) -> None:
    console = someone.opens()
    console.page.set_viewport_size({"width": 390, "height": 780})
    menu = console.page.locator("button.menu")
    menu.focus()
    console.page.keyboard.press("Enter")
    expect(console.page.get_by_role("searchbox")).to_be_focused()
    console.page.keyboard.press("Escape")
    expect(console.page.get_by_role("searchbox")).to_be_hidden()
    expect(menu).to_be_focused()


def test_one_key_goes_past_the_list(someone: Person) -> None:
    console = someone.opens()
    console.page.evaluate("document.activeElement.blur()")
    console.page.keyboard.press("Tab")
    console.page.keyboard.press("Enter")
    expect(console.box).to_be_focused()


def test_nothing_is_wider_or_longer_than_a_small_window(someone: Person) -> None:
    (session_id,) = made(someone, "T" * 200, tags=["z" * 50])
    with someone.runner.client(someone.name) as api:
        for words in ("W" * 300, *("line\n" * 30 for _ in range(3))):
            api.post(f"/sessions/{session_id}/messages", json={"content": words}).raise_for_status()
    console = someone.opens(f"chat/{session_id}")
    console.expect_answer("line")
    console.page.set_viewport_size({"width": 320, "height": 480})
    for place in ("chat", "usage", "settings"):
        console.page.evaluate("place => (location.hash = `#/${place}`)", f"{place}/{session_id}")
        expect(console.page.locator(f"chatkeep-{place}")).to_be_visible()
        console.page.wait_for_timeout(500)
        assert console.page.evaluate(SIZE) == [320, 480], place
