"""Titles that the server gives: they appear in the page that shows the conversation, and nobody's own are touched."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, Route, expect

from tests.browser.pages import Console, Person
from tests.browser.test_sessions import made

TITLE = "Rain in Bergen"
HIDE = """
(isHidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => isHidden });
  document.dispatchEvent(new Event("visibilitychange"));
}
"""
PREFERENCES = "**/v1/preferences"


def opened(someone: Person, path: str = "") -> Console:
    """The console as it is where titles are given; the tests give them themselves, when they want to."""
    console = someone.opens(path)
    console.page.route(PREFERENCES, lambda route: route.fulfill(json={"generate_titles": True}))
    return console


def entitled(someone: Person, console: Console, title: str = TITLE) -> str:
    """Give the shown conversation a title behind the page's back, as a job does; its id."""
    session_id = console.page.url.rpartition("/")[2]
    with someone.runner.client(someone.name) as api:
        api.patch(f"/sessions/{session_id}", json={"title": title}).raise_for_status()
    return session_id


def looks(page: Page) -> Callable[[], int]:
    """How often the session itself has been read from now on."""
    seen: list[str] = []
    page.on("request", lambda one: seen.append(one.url) if one.method == "GET" and "/sessions/" in one.url else None)
    return lambda: len([one for one in seen if "/messages" not in one])


def expect_title(console: Console, title: str = TITLE) -> None:
    expect(console.page.locator("main > header h1")).to_have_text(title)
    expect(console.rows.first).to_contain_text(title)
    expect(console.page).to_have_title(f"{title} · Chatkeep")


def expect_no_look(console: Console) -> None:
    """What is read at the end of an answer has been read after half a second; a look for a title would come later."""
    console.page.wait_for_timeout(500)
    count = looks(console.page)
    console.page.wait_for_timeout(4_000)
    assert count() == 0


def test_the_title_that_the_model_gives_appears(someone: Person) -> None:
    with someone.runner.client(someone.name) as api:
        api.put("/preferences", json={"generate_titles": True}).raise_for_status()
    console = someone.opens()
    console.say("does it rain in Bergen?")
    console.expect_answer("echo: does it")
    expect(console.rows.first).not_to_contain_text("New Conversation")
    expect(console.page.locator("main > header h1")).to_contain_text("does it rain")


def test_a_title_appears_after_the_first_answer_and_takes_nothing_from_whoever_writes(someone: Person) -> None:
    console = opened(someone)
    expect(console.page).to_have_title("Chatkeep")
    console.say("does it rain in Bergen?")
    console.expect_answer("echo: does it")
    expect(console.page).to_have_title("New Conversation · Chatkeep")
    console.box.press_sequentially("and in")
    entitled(someone, console)
    expect_title(console)
    expect(console.box).to_be_focused()
    expect(console.box).to_have_value("and in")
    count = looks(console.page)
    console.page.wait_for_timeout(3_000)
    assert count() <= 2  # who told the other tabs reads once more, and then nobody does


def test_a_second_tab_that_shows_something_else_has_the_title_in_its_list(someone: Person) -> None:
    first, second = opened(someone), opened(someone)
    first.page.bring_to_front()
    first.say("does it rain in Bergen?")
    first.expect_answer("echo: does it")
    expect(second.rows.first).to_contain_text("New Conversation")
    entitled(someone, first)
    expect_title(first)
    expect(second.rows.first).to_contain_text(TITLE)


def test_a_second_tab_learns_of_a_title_that_was_there_before_the_first_looked(someone: Person) -> None:
    first, second = opened(someone), opened(someone)
    first.page.bring_to_front()
    first.say("does it rain in Bergen?")
    expect(first.page).to_have_url(re.compile("#/chat/.+"))
    expect(second.rows.first).to_contain_text("New Conversation")

    def read_late(route: Route) -> None:
        entitled(someone, first)
        route.continue_()

    session = re.compile(r"/v1/sessions/[^/?]+$")
    first.page.route(session, lambda route: read_late(route) if route.request.method == "GET" else route.fallback())
    first.expect_answer("echo: does it")
    expect_title(first)
    expect(second.rows.first).to_contain_text(TITLE)


def test_a_page_that_is_reloaded_before_the_title_is_there_has_it(someone: Person) -> None:
    console = opened(someone)
    console.say("does it rain in Bergen?")
    console.expect_answer("echo: does it")
    console.page.reload()
    console.expect_answer("echo: does it")
    console.page.wait_for_timeout(500)
    entitled(someone, console)
    expect_title(console)


def test_a_title_that_is_being_written_is_left_alone(someone: Person) -> None:
    console = opened(someone)
    console.say("does it rain in Bergen?")
    console.expect_answer("echo: does it")
    console.rows.first.locator(".open").focus()
    console.page.keyboard.press("F2")
    box = console.page.get_by_role("textbox", name="Title")
    box.fill("My own")
    entitled(someone, console)
    expect(console.page.locator("main > header h1")).to_have_text(TITLE)
    expect(box).to_be_focused()
    expect(box).to_have_value("My own")
    box.press("Enter")
    expect_title(console, "My own")


def test_who_opens_the_name_and_leaves_it_does_not_undo_the_title(someone: Person) -> None:
    console = opened(someone)
    console.say("does it rain in Bergen?")
    console.expect_answer("echo: does it")
    console.rows.first.locator(".open").focus()
    console.page.keyboard.press("F2")
    expect(console.page.get_by_role("textbox", name="Title")).to_be_focused()
    entitled(someone, console)
    expect(console.page.locator("main > header h1")).to_have_text(TITLE)
    console.box.click()
    expect_title(console)


def test_nobody_looks_while_the_page_is_hidden_or_the_conversation_left(someone: Person) -> None:
    made(someone, "Another")
    console = opened(someone)
    console.say("does it rain in Bergen?")
    console.expect_answer("echo: does it")
    console.page.evaluate(HIDE, True)
    console.page.wait_for_timeout(1_000)
    count = looks(console.page)
    console.page.wait_for_timeout(5_000)
    assert count() == 0
    entitled(someone, console)
    console.page.evaluate(HIDE, False)
    expect_title(console)
    console.page.get_by_role("button", name="New conversation").click()
    console.say("and the moon?")
    console.expect_answer("echo: and the moon?")
    console.rows.filter(has_text="Another").locator(".open").click()
    expect(console.page).to_have_title("Another · Chatkeep")
    console.page.wait_for_timeout(500)
    count = looks(console.page)
    console.page.wait_for_timeout(5_000)
    assert count() == 0


def test_where_no_title_is_wanted_nobody_looks_for_one(someone: Person) -> None:
    console = someone.opens()
    console.page.route(PREFERENCES, lambda route: route.fulfill(json={"generate_titles": False}))
    console.say("does it rain in Bergen?")
    with console.page.expect_response(PREFERENCES):
        console.expect_answer("echo: does it")
    expect_no_look(console)


def test_nobody_looks_for_the_title_of_a_temporary_conversation(someone: Person) -> None:
    (session_id,) = made(someone, "New Conversation", is_temporary=True)
    console = opened(someone, f"chat/{session_id}")
    console.say("does it rain in Bergen?")
    console.expect_answer("echo: does it")
    expect_no_look(console)


def test_a_conversation_with_a_name_or_a_second_question_is_not_looked_at(someone: Person) -> None:
    named, older = made(someone, "Mine", "New Conversation")
    with someone.runner.client(someone.name) as api:
        for content in ("before", "and then"):  # with one question alone a page that is opened now awaits a title
            api.post(f"/sessions/{older}/messages", json={"content": content}).raise_for_status()
    for session_id in (named, older):
        console = opened(someone, f"chat/{session_id}")
        console.say("does it rain in Bergen?")
        console.expect_answer("echo: does it")
        expect_no_look(console)
