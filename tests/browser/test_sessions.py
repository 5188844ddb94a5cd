"""The list of conversations: found, renamed, put away, deleted and brought back, by mouse and by keys."""

from functools import partial
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.long import SESSIONS, sessions
from tests.browser.pages import Console, Person

CHOOSE_ALL = """
(element) => {
  element._isChoosing = true;
  element._chosen = new Set(element._list.sessions.map((one) => one.session_id));
}
"""
TELL = "(id) => new BroadcastChannel('chatkeep').postMessage({ sessionId: id, hasChanged: true })"
"""What another tab says of a conversation."""


def made(someone: Person, *titles: str, **more: Any) -> list[str]:
    with someone.runner.client(someone.name) as api:
        return [api.post("/sessions", json={"title": title, **more}).json()["session_id"] for title in titles]


def choose(console: Console, *titles: str) -> None:
    console.page.get_by_role("button", name="Choose several").click()
    for title in titles:
        console.page.get_by_label(f"Choose {title}", exact=True).check()


def test_conversations_are_found_as_one_types(someone: Person) -> None:
    made(someone, "A trip to Lisbon", "Groceries", "Lisbon again")
    console = someone.opens()
    expect(console.rows).to_have_count(3)
    console.page.get_by_role("searchbox").press_sequentially("lisb", delay=20)
    expect(console.rows).to_have_count(2)
    console.page.get_by_role("searchbox").fill("nothing like it")
    expect(console.page.get_by_text("Nothing found.")).to_be_visible()
    console.page.get_by_role("searchbox").fill("")
    expect(console.rows).to_have_count(3)


def test_a_conversation_is_renamed_in_its_place(someone: Person) -> None:
    made(someone, "Old name")
    console = someone.opens()
    console.rows.first.hover()
    console.page.get_by_role("button", name="Rename: Old name").click()
    box = console.page.get_by_role("textbox", name="Title")
    expect(box).to_be_focused()
    box.fill("New name")
    box.press("Enter")
    expect(console.rows.first).to_contain_text("New name")
    console.page.reload()
    expect(console.rows.first).to_contain_text("New name")


def test_a_new_name_is_kept_by_whoever_goes_on_to_something_else(someone: Person) -> None:
    made(someone, "Old name")
    console = someone.opens()
    console.rows.first.hover()
    console.page.get_by_role("button", name="Rename: Old name").click()
    console.page.get_by_role("textbox", name="Title").fill("New name")
    console.box.click()
    expect(console.rows.first).to_contain_text("New name")
    expect(console.box).to_be_focused()


def test_escape_leaves_the_name_as_it_is(someone: Person) -> None:
    made(someone, "Old name")
    console = someone.opens()
    console.rows.first.hover()
    console.page.get_by_role("button", name="Rename: Old name").click()
    box = console.page.get_by_role("textbox", name="Title")
    box.fill("New name")
    box.press("Escape")
    expect(box).to_have_count(0)
    expect(console.rows.first).to_contain_text("Old name")


def test_what_was_found_stays_in_the_list_when_it_is_opened(someone: Person) -> None:
    made(someone, "A trip to Lisbon", "Groceries", "Lisbon again")
    console = someone.opens()
    console.page.get_by_role("searchbox").fill("lisbon")
    expect(console.rows).to_have_count(2)
    console.rows.last.get_by_role("button").first.click()
    expect(console.page.locator("main > header")).to_contain_text("A trip to Lisbon")
    expect(console.rows).to_have_count(2)


def test_pinned_conversations_come_first(someone: Person) -> None:
    made(someone, "First", "Second")
    console = someone.opens()
    expect(console.rows.first).to_contain_text("Second")
    console.rows.last.hover()
    console.page.get_by_role("button", name="Pin: First").click()
    expect(console.rows.first).to_contain_text("First")


def test_conversations_are_tagged_and_found_by_their_tag(someone: Person) -> None:
    made(someone, "One", "Two", "Three")
    console = someone.opens()
    choose(console, "One", "Two")
    console.page.get_by_role("button", name="Tag", exact=True).click()
    console.page.get_by_role("textbox", name="Tag").fill("work")
    console.page.get_by_role("button", name="Add", exact=True).click()
    tag = console.page.get_by_role("button", name="#work", exact=True)
    tag.click()
    expect(console.rows).to_have_count(2)
    expect(tag).to_have_attribute("aria-pressed", "true")
    choose(console, "Two")
    console.page.get_by_role("button", name="Tag", exact=True).click()
    console.page.get_by_role("textbox", name="Tag").fill("work")
    console.page.get_by_role("button", name="Remove", exact=True).click()
    expect(console.rows).to_have_count(1)
    tag.click()
    expect(console.rows).to_have_count(3)


def test_several_are_archived_and_taken_out_again(someone: Person) -> None:
    made(someone, "One", "Two", "Three")
    console = someone.opens()
    choose(console, "One", "Two")
    console.page.get_by_role("button", name="Archive", exact=True).last.click()
    expect(console.rows).to_have_count(1)
    console.place("Archive")
    expect(console.rows).to_have_count(2)
    choose(console, "One")
    console.page.get_by_role("button", name="Take out", exact=True).click()
    expect(console.rows).to_have_count(1)
    console.place("Conversations")
    expect(console.rows).to_have_count(2)


def test_a_deleted_conversation_waits_in_the_trash_and_comes_back(someone: Person) -> None:
    (session_id,) = made(someone, "Dear to me")
    console = someone.opens(f"chat/{session_id}")
    console.rows.first.hover()
    console.page.get_by_role("button", name="Delete: Dear to me").click()
    expect(console.page.get_by_text("No conversations yet.")).to_be_visible()
    expect(console.box).to_be_hidden()
    console.place("Trash")
    console.rows.first.hover()
    console.page.get_by_role("button", name="Restore: Dear to me").click()
    expect(console.page.get_by_text("The trash is empty.")).to_be_visible()
    console.place("Conversations")
    expect(console.rows.first).to_contain_text("Dear to me")
    expect(console.box).to_be_visible()


def test_conversations_are_deleted_for_good_once_that_is_confirmed(someone: Person) -> None:
    ids = made(someone, "Away with it")
    with someone.runner.client(someone.name) as api:
        api.delete(f"/sessions/{ids[0]}").raise_for_status()
    console = someone.opens()
    console.place("Trash")
    choose(console, "Away with it")
    console.page.get_by_role("button", name="Delete for good").click()
    expect(console.page.get_by_role("alertdialog")).to_contain_text("1 conversation for good")
    console.page.get_by_role("button", name="Delete for good").click()
    expect(console.page.get_by_text("The trash is empty.")).to_be_visible()
    with someone.runner.client(someone.name) as api:
        assert api.get(f"/sessions/{ids[0]}").status_code == 404


def test_everything_can_be_done_without_a_mouse(someone: Person) -> None:
    made(someone, "First", "Second")
    console = someone.opens()
    expect(console.rows).to_have_count(2)
    keys = console.page.keyboard
    keys.press("Alt+ArrowDown")
    expect(console.page.locator("main > header")).to_contain_text("Second")
    keys.press("Alt+ArrowDown")
    expect(console.page.locator("main > header")).to_contain_text("First")
    keys.press("Alt+ArrowUp")
    expect(console.page.locator("main > header")).to_contain_text("Second")
    keys.press("Alt+k")
    expect(console.page.get_by_role("searchbox")).to_be_focused()
    keys.press("Alt+n")
    expect(console.box).to_be_focused()
    keys.type("by keys")
    keys.press("Enter")
    console.expect_answer("echo: by keys")


def test_ten_thousand_conversations_keep_the_page_small(someone: Person) -> None:
    (session_id,) = made(someone, "A pattern")
    with someone.runner.client(someone.name) as api:
        pattern = api.get(f"/sessions/{session_id}").json()
    console = someone.opens()

    console.page.route("**/v1/sessions?*", partial(sessions, pattern))
    console.page.reload()
    listed = console.page.locator("chatkeep-sessions chatkeep-list")
    for _ in range(120):
        if console.page.get_by_text("Number 9999", exact=True).count():
            break
        listed.evaluate("list => list.scrollTop = list.scrollHeight")
        console.page.wait_for_timeout(40)
    expect(console.page.get_by_text("Number 9999", exact=True)).to_be_visible()
    assert listed.evaluate("list => list.items.length") == SESSIONS
    assert listed.evaluate("list => list.querySelectorAll('*').length") < 2_500


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_shows_the_list_when_it_is_asked_for(someone: Person, scheme: str) -> None:
    made(someone, "Only one")
    console = someone.opens()
    console.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    console.page.set_viewport_size({"width": 390, "height": 780})
    expect(console.rows.first).to_be_hidden()
    console.page.get_by_role("button", name="Conversations", exact=True).first.click()
    console.rows.first.get_by_role("button").first.click()
    expect(console.rows.first).to_be_hidden()
    expect(console.box).to_be_in_viewport()


def test_words_with_a_pause_between_them_are_searched_as_typed(someone: Person) -> None:
    made(someone, "A trip to Lisbon", "A trip")
    console = someone.opens()
    expect(console.rows).to_have_count(2)
    console.page.get_by_role("searchbox").press_sequentially("trip to", delay=400)
    expect(console.page.get_by_role("searchbox")).to_have_value("trip to")
    expect(console.rows).to_have_count(1)


def test_the_second_click_of_two_does_nothing_to_the_next_conversation(someone: Person) -> None:
    made(someone, "First", "Second", "Third")
    console = someone.opens()
    console.rows.first.hover()
    place = console.page.get_by_role("button", name="Delete: Third").bounding_box()
    assert place
    console.page.mouse.dblclick(place["x"] + 10, place["y"] + 10, delay=150)
    expect(console.rows).to_have_count(2)
    console.page.wait_for_timeout(1_000)
    expect(console.rows).to_have_count(2)


def test_a_conversation_that_was_found_stays_when_it_is_renamed(someone: Person) -> None:
    made(someone, "Lisbon", "Oslo")
    console = someone.opens()
    console.page.get_by_role("searchbox").fill("lisbon")
    expect(console.rows).to_have_count(1)
    console.rows.first.hover()
    console.page.get_by_role("button", name="Rename: Lisbon").click()
    console.page.keyboard.type("Lisbon in May")
    console.page.keyboard.press("Enter")
    expect(console.rows.first).to_contain_text("Lisbon in May")


def test_more_follow_when_a_whole_page_is_put_away(someone: Person) -> None:
    made(someone, *(f"Number {at}" for at in range(103)))
    console = someone.opens()
    expect(console.rows.first).to_contain_text("Number 102")
    console.page.locator("chatkeep-sessions").evaluate(CHOOSE_ALL)
    expect(console.page.get_by_text("100 chosen")).to_be_visible()
    console.page.get_by_role("button", name="Archive", exact=True).last.click()
    expect(console.rows).to_have_count(3)


def test_a_title_that_is_being_written_survives_the_lists_changes(someone: Person) -> None:
    made(someone, "First", "Second")
    console = someone.opens()
    console.rows.last.hover()
    console.page.get_by_role("button", name="Rename: First").click()
    console.page.keyboard.type("Half a ")
    with someone.runner.client(someone.name) as api:
        session_id = api.get("/sessions").json()["sessions"][1]["session_id"]
        api.post(f"/sessions/{session_id}/messages", json={"content": "x"}).raise_for_status()
    console.page.evaluate(TELL, session_id)
    expect(console.rows.first.get_by_role("textbox", name="Title")).to_be_visible()
    expect(console.page.get_by_role("textbox", name="Title")).to_be_focused()
    console.page.keyboard.type("name")
    console.page.keyboard.press("Enter")
    expect(console.rows.first).to_contain_text("Half a name")


def test_a_chosen_conversation_that_is_gone_is_named_and_leaves_the_list(someone: Person) -> None:
    ids = made(someone, "One", "Two", "Three")
    console = someone.opens()
    choose(console, "One", "Two")
    with someone.runner.client(someone.name) as api:
        api.delete(f"/sessions/{ids[0]}?permanent=true").raise_for_status()
    console.page.get_by_role("button", name="Archive", exact=True).last.click()
    problem = console.page.locator("chatkeep-sessions").get_by_role("alert")
    expect(problem).to_contain_text("There is no such conversation any more.")
    expect(console.rows).to_have_count(1)
