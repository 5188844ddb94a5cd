"""The console with the demonstration's month: what is drawn is what the API says."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from infra.local.demo import story
from tests.browser.pages import Console, Person, person
from tests.runner import Runner, running
from tests.waiting import wait_until

PIXELS = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Map();
  for (let at = 0; at < data.length; at += 4) {
    const colour = data.slice(at, at + 4).join();
    seen.set(colour, (seen.get(colour) ?? 0) + 1);
  }
  return [...seen].filter(([colour, amount]) => !colour.endsWith(",0") && amount > 50).length;
}"""
"""How many colours a canvas has that are more than a speck."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """What `make console DEMO=1` starts, on a folder of its own."""
    folder = tmp_path_factory.mktemp("demo") / "data"
    with running(folder, command=(sys.executable, "-m", "infra.local.demo")) as runner:
        yield runner


@pytest.fixture
def maya(browser: Browser, demo: Runner) -> Iterator[Person]:
    with person(browser, demo, story.USER, timezone_id="UTC") as found:
        yield found


def told(demo: Runner, path: str, **query: Any) -> Any:
    with demo.client(story.USER) as api:
        return api.get(path, params=query).json()


def figure(console: Console, name: str) -> Any:
    caption = console.page.locator("figcaption").filter(has_text=name)
    return console.page.locator("chatkeep-usage figure").filter(has=caption)


def formatted(console: Console, write: str, value: object) -> str:
    """The value as the console writes it."""
    url = console.page.url.partition("#")[0]
    text: str = console.page.evaluate(
        "async ([url, write, value]) => (await import(`${url}lib/format.js`))[write](value)", [url, write, value]
    )
    return text


def test_the_printed_address_signs_in_the_user_of_the_demonstration(browser: Browser, demo: Runner) -> None:
    wait_until(lambda: any("#token=" in one for one in demo.said))
    line = next(one for one in demo.said if "#token=" in one)
    page = browser.new_page()
    page.goto(line.rpartition(" at ")[2].strip())
    expect(page.get_by_text("Activation by sign-up week").first).to_be_visible()
    page.close()


def test_usage_after_thirty_days_is_plotted_and_its_numbers_stand_beside(maya: Person, demo: Runner) -> None:
    console = maya.opens("usage")
    canvases = console.page.locator("chatkeep-usage canvas")
    expect(canvases).to_have_count(4)
    assert [canvases.nth(at).evaluate(PIXELS) > 1 for at in range(4)] == [True] * 4
    days = told(demo, "/stats/daily")["days"]
    sums = {name: sum(one[name] for one in days) for name in ("turns", "input_tokens", "output_tokens", "cost")}
    shown = {
        "Turns": ("count", sums["turns"]),
        "Tokens": ("short", sums["input_tokens"] + sums["output_tokens"]),
        "Cost": ("cost", sums["cost"]),
    }
    for name, (write, value) in shown.items():
        expect(figure(console, name).locator("output")).to_have_text(formatted(console, write, value))
    turns = figure(console, "Turns")
    turns.get_by_text("Table").click()
    expect(turns.locator("tbody tr")).to_have_count(30)
    expect(turns.locator("tbody tr").first).to_contain_text(days[-1]["date"])
    expect(turns.locator("tbody td").first).to_have_text(str(days[-1]["turns"]))


def test_totals_and_models_are_those_of_the_api(maya: Person, demo: Runner) -> None:
    console = maya.opens("usage")
    totals = told(demo, "/stats")
    tiles = console.page.locator("chatkeep-usage dl")
    expect(tiles).to_contain_text(f"{totals['active_sessions']} {totals['archived_sessions']} archived")
    expect(tiles).to_contain_text(f"{totals['deleted_sessions']} in the trash")
    expect(tiles).to_contain_text(formatted(console, "count", totals["total_messages"]))
    expect(tiles).to_contain_text(formatted(console, "cost", totals["total_cost"]))
    expect(tiles).to_contain_text(f"{round(totals['satisfaction_rate'])} % of {totals['feedback_count']} ratings")
    named = console.page.get_by_role("region", name="By model").locator("tbody th")
    expect(named).to_have_count(len(story.MODELS))
    assert {one.strip() for one in named.all_inner_texts()} == set(story.MODELS.values())


@pytest.mark.parametrize("span", [7, 90])
def test_another_span_has_as_many_days(maya: Person, span: int) -> None:
    console = maya.opens("usage")
    console.page.get_by_role("button", name=f"{span} days").click()
    turns = figure(console, "Turns")
    turns.get_by_text("Table").click()
    expect(turns.locator("tbody tr")).to_have_count(span)
    expect(console.page.locator("chatkeep-usage canvas")).to_have_count(4)


def test_the_list_has_pinned_ones_first_tags_an_archive_and_a_trash(maya: Person, demo: Runner) -> None:
    console = maya.opens()
    pinned = {one.title for one in story.conversations() if one.pinned}
    for at in range(len(pinned)):
        expect(console.rows.nth(at).locator(".title svg")).to_be_visible()
    assert {console.rows.nth(at).locator(".title").inner_text().strip() for at in range(len(pinned))} == pinned
    expect(console.rows.nth(len(pinned)).locator(".title svg")).to_have_count(0)
    expect(console.rows.filter(has_text="Release notes for 4.12")).to_contain_text("#release")
    totals = told(demo, "/stats")
    console.place("Archive")
    expect(console.rows).to_have_count(totals["archived_sessions"])
    console.place("Trash")
    expect(console.rows).to_have_count(totals["deleted_sessions"])


def test_a_stored_tool_call_has_its_result_beside_it(maya: Person) -> None:
    console = maya.opens()
    console.rows.filter(has_text="Weekly report").get_by_role("button").first.click()
    call = console.page.locator("chatkeep-message details")
    expect(call).to_contain_text("done")
    call.locator("summary").click()
    expect(call.get_by_label("What came back")).to_contain_text("48210")


def test_how_a_turn_ended_is_said(maya: Person) -> None:
    console = maya.opens()
    for title, words in (("Long answer that I stopped", "Stopped."), ("Failed: provider", "The answer broke off.")):
        console.page.get_by_role("searchbox").fill(title)
        console.rows.filter(has_text=title).get_by_role("button").first.click()
        expect(console.page.locator("chatkeep-message .ending")).to_contain_text(words)
