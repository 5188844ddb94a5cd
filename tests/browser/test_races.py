"""Things that happen at the same time, or in another order than they were asked for."""

import pytest
from playwright.sync_api import Route, expect

from tests.browser.pages import Person
from tests.browser.test_chat import WORDS, slow, stored
from tests.browser.test_sessions import made

PRESS = "([key, code]) => dispatchEvent(new KeyboardEvent('keydown', { key, code, altKey: true, cancelable: true }))"
SLOWLY = """
() => {
  const ask = fetch;
  globalThis.fetch = async (...given) => {
    await new Promise((go) => setTimeout(go, 600));
    return ask(...given);
  };
}
"""
SUBMIT = """
document.querySelector("chatkeep-console").renderRoot.querySelector("chatkeep-chat").renderRoot
  .querySelector("chatkeep-composer").renderRoot.querySelector("form")
  .requestSubmit();
"""
LIVE = """
globalThis.live = { channels: 0, intervals: 0 };
const Channel = BroadcastChannel;
globalThis.BroadcastChannel = class extends Channel {
  constructor(name) { super(name); globalThis.live.channels += 1; }
  close() { super.close(); globalThis.live.channels -= 1; }
};
const [set, clear] = [setInterval, clearInterval];
globalThis.setInterval = (...given) => { globalThis.live.intervals += 1; return set(...given); };
globalThis.clearInterval = (one) => { globalThis.live.intervals -= 1; clear(one); };
"""


def test_a_question_of_a_new_conversation_goes_to_no_other(someone: Person) -> None:
    (other,) = made(someone, "Another")
    console = someone.opens()
    expect(console.rows).to_have_count(1)
    console.page.evaluate(SLOWLY)
    console.say("for a new one")
    expect(console.rows).to_have_count(2)
    console.rows.filter(has_text="Another").locator(".open").click()
    console.page.wait_for_timeout(3_000)
    assert stored(someone, other) == []


@pytest.mark.parametrize("place", ["chat", "usage"])
def test_somebody_who_goes_on_while_a_conversation_is_made_stays_there_and_it_is_asked(
    someone: Person, place: str
) -> None:
    made(someone, "Another")
    console = someone.opens()
    expect(console.rows).to_have_count(1)
    held: list[Route] = []
    console.page.route("**/v1/sessions", lambda route: held.append(route))
    console.say("for a new one")
    console.page.wait_for_timeout(300)
    if place == "usage":
        console.go("Usage")
    else:
        console.rows.filter(has_text="Another").locator(".open").click()
    console.page.wait_for_timeout(300)
    held[0].continue_()
    expect(console.rows).to_have_count(2)
    expect(console.page.locator("main > header h1")).to_have_text("Usage" if place == "usage" else "Another")
    console.rows.filter(has_not_text="Another").locator(".open").click()  # by now it has a title
    console.expect_answer("echo: for a new one")


def test_what_is_written_while_a_conversation_is_made_is_kept(someone: Person) -> None:
    console = someone.opens()
    held: list[Route] = []
    console.page.route("**/v1/sessions", lambda route: held.append(route))
    console.say("first")
    expect(console.box).to_have_value("")
    console.box.fill("second")
    console.page.wait_for_timeout(200)
    held[0].continue_()
    console.expect_answer("echo: first")
    expect(console.box).to_have_value("second")


def test_a_question_before_the_messages_are_there_has_its_whole_answer(someone: Person) -> None:
    session_id = slow(someone)
    with someone.runner.client(someone.name) as api:
        api.post(f"/sessions/{session_id}/messages", json={"content": "before"}).raise_for_status()
    console = someone.opens()
    held: list[Route] = []
    console.page.route("**/messages?*", lambda route: route.continue_() if held else held.append(route))
    console.page.goto(f"{someone.site}/#/chat/{session_id}")
    console.page.wait_for_timeout(300)
    console.say(WORDS)
    expect(console.answers.last).to_contain_text("word3")
    held[0].continue_()
    expect(console.page.get_by_text("echo: before")).to_be_visible()
    expect(console.answers.last).to_contain_text("word1 word2 word3")
    expect(console.answers.last).not_to_contain_text("word20", timeout=100)
    console.expect_answer(f"echo: {WORDS}")


def test_words_that_are_sent_while_another_answer_comes_are_given_back(someone: Person) -> None:
    session_id = slow(someone)
    console = someone.opens(f"chat/{session_id}")
    expect(console.page.get_by_text("What is on your mind?")).to_be_visible()
    at = f"/sessions/{session_id}/messages/stream"
    with someone.runner.client(someone.name) as api, api.stream("POST", at, json={"content": WORDS}) as answer:
        next(answer.iter_lines())
        console.say("mine")
    expect(console.page.get_by_text("An answer is still on its way in this conversation.")).to_be_visible()
    expect(console.box).to_have_value("mine")
    console.expect_answer("word20")
    console.box.press("Enter")
    console.expect_answer("echo: mine")


def test_two_tabs_that_ask_at_once_are_both_answered_or_given_back(someone: Person) -> None:
    session_id = slow(someone)
    first, second = (someone.opens(f"chat/{session_id}") for _ in range(2))
    for console, words in ((first, "from the first"), (second, "from the second")):
        expect(console.page.get_by_text("What is on your mind?")).to_be_visible()
        console.box.fill(words)
    for console in (first, second):
        console.page.evaluate(SUBMIT)
    for console in (first, second):
        console.page.bring_to_front()
        console.expect_answer("echo: from the")
    asked = [words for role, words in stored(someone, session_id) if role == "user"]
    left = [console.box.input_value() for console in (first, second) if console.box.input_value()]
    assert sorted(asked + left) == ["from the first", "from the second"]


def test_nobody_is_told_that_an_answer_is_there_when_they_leave_it(someone: Person) -> None:
    made(someone, "Quiet")
    console = someone.opens(f"chat/{slow(someone)}")
    console.say(WORDS)
    expect(console.answers.last).to_contain_text("word2")
    console.rows.filter(has_text="Quiet").locator(".open").click()
    expect(console.page.get_by_text("What is on your mind?")).to_be_visible()
    console.page.wait_for_timeout(500)
    expect(console.page.locator("chatkeep-chat [role=status]").last).to_have_text("")


def test_an_answer_left_in_mid_stream_is_whole_for_those_who_come_back(someone: Person) -> None:
    made(someone, "Quiet")
    session_id = slow(someone)
    console = someone.opens(f"chat/{session_id}")
    console.say(WORDS)
    expect(console.answers.last).to_contain_text("word2")
    for _ in range(4):
        console.rows.filter(has_text="Quiet").locator(".open").click()
        console.page.go_back()
    console.expect_answer(f"echo: {WORDS}")
    assert len(stored(someone, session_id)) == 2


def test_a_conversation_begins_at_its_end_wherever_one_was_in_the_one_before(someone: Person) -> None:
    ids = made(someone, "First", "Second")
    with someone.runner.client(someone.name) as api:
        for session_id in ids:
            for number in range(25):
                api.post(f"/sessions/{session_id}/messages", json={"content": f"q{number}"}).raise_for_status()
    console = someone.opens(f"chat/{ids[0]}")
    expect(console.page.get_by_text("echo: q24", exact=True)).to_be_in_viewport()
    console.page.mouse.move(640, 300)
    console.page.mouse.wheel(0, -1_500)
    console.page.wait_for_timeout(300)
    expect(console.page.get_by_text("echo: q24", exact=True)).not_to_be_in_viewport()
    console.rows.filter(has_text="Second").locator(".open").click()
    expect(console.page.locator("main > header h1")).to_have_text("Second")
    expect(console.page.get_by_text("echo: q24", exact=True)).to_be_in_viewport()


def test_two_hundred_conversations_leave_nothing_running(someone: Person) -> None:
    ids = made(someone, *(f"Number {at}" for at in range(4)))
    page = someone.watched()
    page.add_init_script(LIVE)
    page.goto(f"{someone.site}/#token={someone.runner.token(someone.name)}")
    expect(page.locator("chatkeep-sessions chatkeep-list li")).to_have_count(4)
    before = page.evaluate("live")
    for at in range(200):
        page.evaluate(f"location.hash = '#/chat/{ids[at % 4]}'")
        page.wait_for_timeout(10)
    page.evaluate("location.hash = '#/usage'")
    page.wait_for_timeout(500)
    assert page.evaluate("live") == before


def test_a_draft_is_there_again_when_its_conversation_is(someone: Person) -> None:
    (session_id,) = made(someone, "Dear to me")
    console = someone.opens(f"chat/{session_id}")
    expect(console.page.locator("main > header h1")).to_have_text("Dear to me")
    console.box.fill("half a thought")
    console.rows.first.hover()
    console.page.get_by_role("button", name="Archive: Dear to me").click()
    expect(console.box).to_be_hidden()
    console.place("Archive")
    console.rows.first.hover()
    console.page.get_by_role("button", name="Take out of the archive: Dear to me").click()
    expect(console.box).to_have_value("half a thought")


def test_an_archived_conversation_says_so(someone: Person) -> None:
    (session_id,) = made(someone, "Dear to me")
    with someone.runner.client(someone.name) as api:
        api.patch(f"/sessions/{session_id}", json={"is_archived": True}).raise_for_status()
    console = someone.opens(f"chat/{session_id}")
    expect(console.page.get_by_text("This conversation is archived.")).to_be_visible()
    expect(console.page.get_by_text("Write below.")).to_be_hidden()


def test_a_conversation_that_another_tab_puts_away_is_put_away_here(someone: Person) -> None:
    (session_id,) = made(someone, "Shared")
    first, second = (someone.opens(f"chat/{session_id}") for _ in range(2))
    expect(second.rows).to_have_count(1)
    first.page.bring_to_front()
    first.rows.first.hover()
    first.page.get_by_role("button", name="Archive: Shared").click()
    second.page.bring_to_front()
    expect(second.rows).to_have_count(0)
    expect(second.box).to_be_hidden()


def test_the_days_that_were_chosen_last_are_shown_whichever_come_last(someone: Person) -> None:
    console = someone.opens()
    console.say("one two three")
    console.expect_answer("echo: one two three")
    console.go("Usage")
    figure = console.page.locator("figure").filter(has_text="Tokens")
    figure.get_by_text("Table").click()
    expect(figure.locator("tbody tr")).to_have_count(30)
    held: list[Route] = []
    console.page.route("**/stats/daily*", lambda route: route.continue_() if held else held.append(route))
    console.page.get_by_role("button", name="90 days").click()
    console.page.wait_for_timeout(200)
    console.page.get_by_role("button", name="7 days").click()
    expect(figure.locator("tbody tr")).to_have_count(7)
    held[0].continue_()
    console.page.wait_for_timeout(500)
    expect(figure.locator("tbody tr")).to_have_count(7)


def test_an_address_that_nobody_wrote_leads_to_a_page(someone: Person) -> None:
    console = someone.opens()
    for place in ("chat/%", "chat/%E0%A4%A", "chat/%00", "nowhere", "chat/..", "chat/.", "usage/x/y"):
        console.page.evaluate("place => (location.hash = `#/${place}`)", place)
        console.page.wait_for_timeout(300)
    console.page.evaluate("location.hash = '#/chat/there-is-none'")
    expect(console.page.get_by_text("There is no such conversation any more.").first).to_be_visible()
    console.page.get_by_role("button", name="New conversation").click()
    expect(console.page.get_by_text("There is no such conversation any more.")).to_have_count(0)
    console.say("hello")
    console.expect_answer("echo: hello")


def test_escape_closes_the_keys_and_stops_no_answer(someone: Person) -> None:
    console = someone.opens(f"chat/{slow(someone)}")
    console.say(WORDS)
    expect(console.answers.last).to_contain_text("word2")
    console.page.locator("main > header h1").click()
    console.page.keyboard.press("?")
    expect(console.page.get_by_role("dialog")).to_be_visible()
    console.page.keyboard.press("Escape")
    expect(console.page.get_by_role("dialog")).to_be_hidden()
    console.expect_answer("word20")


def test_a_keyboard_that_writes_signs_with_alt_has_the_keys_too(someone: Person) -> None:
    made(someone, "Only one")
    console = someone.opens()
    expect(console.rows).to_have_count(1)
    console.page.evaluate(PRESS, ["˚", "KeyK"])
    expect(console.page.get_by_role("searchbox")).to_be_focused()
    console.page.evaluate(PRESS, ["Dead", "KeyN"])
    expect(console.box).to_be_focused()


@pytest.mark.parametrize("act", ["Archive", "Delete"])
def test_a_conversation_that_is_put_away_in_mid_stream_comes_to_rest(someone: Person, act: str) -> None:
    console = someone.opens(f"chat/{slow(someone)}")
    console.say(WORDS)
    expect(console.answers.last).to_contain_text("word2")
    console.rows.first.hover()
    console.page.get_by_role("button", name=f"{act}: Slow").click()
    expect(console.box).to_be_hidden()
    expect(console.page.get_by_text("to go on.")).to_be_visible()
    expect(console.page.locator("chatkeep-chat [role=status]").last).not_to_have_text("The answer is on its way.")


def test_an_answer_that_is_not_made_again_stays(someone: Person) -> None:
    console = someone.opens()
    console.say("hello")
    console.expect_answer("echo: hello")
    console.page.route("**/messages/stream", lambda route: route.fulfill(status=500, json={"code": "internal_error"}))
    console.page.get_by_role("button", name="Answer again").click()
    expect(console.page.get_by_role("alert")).to_contain_text("Something broke on the server.")
    expect(console.answers).to_have_count(0)
    console.page.get_by_role("button", name="Close").click()
    console.expect_answer("echo: hello")
