"""The model's context in the console: how full it is, and the summaries that stand in it for older messages."""

import re
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.long import MESSAGES, transcript
from tests.browser.pages import Console, Person
from tests.browser.test_accessibility import violations
from tests.browser.test_chat import WORDS, slow, stored
from tests.browser.test_sessions import made
from tests.browser.test_troubles import refusal
from tests.waiting import wait_until

SUMMARY = "echo: The user counted words, and was told them again."
"""As it is drawn: the scripted model says the summary of tests/browser/graph.py."""
MARK = "Earlier messages are summarised for the model"
LIMIT = {"context_limit": 600}
NO_TURN = {"code": "no_turn_running"}


def words(number: int) -> str:
    return " ".join(f"word{at}" for at in range(number))


def talked(someone: Person, model: str = "scripted:echo", *contents: str, **more: Any) -> str:
    """The id of a conversation that is long enough to be summarised, whose model is this one from now on."""
    (session_id,) = made(someone, "Long", **more)
    with someone.runner.client(someone.name) as api:
        for content in contents or (words(60), words(50)):
            api.post(f"/sessions/{session_id}/messages", json={"content": content}).raise_for_status()
        api.patch(f"/sessions/{session_id}", json={"model_name": model}).raise_for_status()
    return session_id


def meter(console: Console) -> Locator:
    return console.page.get_by_role("meter", name="Context")


def marks(page: Page) -> Locator:
    return page.locator("chatkeep-mark")


def test_the_gauge_follows_each_answer_and_warns_when_the_context_is_nearly_full(someone: Person) -> None:
    (session_id,) = made(someone, "Small", model_options=LIMIT, enable_summarization=False)
    console = someone.opens(f"chat/{session_id}")
    expect(console.page.get_by_text("What is on your mind?")).to_be_visible()
    expect(console.page.locator("chatkeep-gauge")).to_have_count(0)
    console.say(words(29))
    console.expect_answer("word28")
    expect(meter(console)).to_have_attribute("aria-valuenow", "59")
    expect(meter(console)).to_have_attribute("aria-valuemax", "600")
    both = "59 of the 600 tokens that the model reads at most"
    expect(meter(console)).to_have_attribute("aria-valuetext", both)
    expect(console.page.get_by_title(both)).to_contain_text("10 % of the context")
    expect(console.page.get_by_text("Nearly full")).to_have_count(0)
    console.say(words(250))
    console.expect_answer("word249")
    expect(console.page.get_by_title("501 of the 600 tokens")).to_contain_text("84 % of the context Nearly full")


def test_the_gauge_is_the_shown_conversations(someone: Person) -> None:
    talked(someone, "scripted:echo", words(9), model_options=LIMIT)
    made(someone, "Empty")
    console = someone.opens()
    console.rows.filter(has_text="Long").locator(".open").click()
    expect(meter(console)).to_have_attribute("aria-valuenow", "19")
    console.rows.filter(has_text="Empty").locator(".open").click()
    expect(console.page.locator("main > header h1")).to_have_text("Empty")
    expect(console.page.locator("chatkeep-gauge")).to_have_count(0)


def test_without_a_limit_the_tokens_stand_alone(someone: Person) -> None:
    console = someone.opens()
    console.say("hello there")
    console.expect_answer("echo: hello there")
    expect(console.page.locator("chatkeep-gauge .gauge")).to_have_text("5 tokens in the context")
    expect(console.page.get_by_role("meter")).to_have_count(0)


def check_marked(console: Console) -> None:
    """The mark stands last, tells the summary, and is no answer."""
    last = console.page.locator("chatkeep-message").last
    last.get_by_text(MARK, exact=True).click()
    expect(last).to_contain_text(SUMMARY)
    expect(last).to_contain_text("keeps all of its messages")
    expect(last).not_to_contain_text("The assistant said")
    expect(last.get_by_role("button")).to_have_count(0)


def test_a_conversation_is_summarised_by_hand_and_marked_there(someone: Person) -> None:
    session_id = talked(someone)
    console = someone.opens(f"chat/{session_id}")
    gauge = console.page.locator("chatkeep-gauge .gauge")
    expect(gauge).to_have_text("101 tokens in the context")
    console.page.get_by_role("button", name="Summarise now").click()
    expect(marks(console.page)).to_have_count(1)
    assert [role for role, _ in stored(someone, session_id)] == ["user", "assistant"] * 2 + ["assistant"]
    expect(console.page.locator("chatkeep-chat [role=status]").last).to_have_text(f"{MARK}.")
    expect(gauge.get_by_text("101 tokens")).to_have_count(0)
    check_marked(console)
    console.page.reload()
    check_marked(console)
    expect(console.page.get_by_text(words(50), exact=True)).to_be_attached()
    console.say("and now?")
    console.expect_answer("echo: and now?")
    expect(console.page.get_by_role("button", name="Answer again")).to_have_count(3)


def test_the_gauge_follows_a_summary_that_tells_its_tokens(someone: Person) -> None:
    console = someone.opens(f"chat/{talked(someone, model_options=LIMIT)}")
    expect(meter(console)).to_have_attribute("aria-valuenow", "101")
    console.page.route("**/messages?*", partial(measured, 30))
    console.page.get_by_role("button", name="Summarise now").click()
    expect(meter(console)).to_have_attribute("aria-valuenow", "30")


def measured(tokens: int, route: Route) -> None:
    """A page of messages whose summary tells what is in the context with it."""
    page = route.fetch().json()
    for one in page["messages"]:
        if one["parts"]:
            one["context_tokens"], one["context_limit"] = tokens, 600
    route.fulfill(json=page)


def test_a_summary_that_is_under_way_is_shown_and_stopped(someone: Person) -> None:
    session_id = talked(someone, "scripted:slow")
    console = someone.opens(f"chat/{session_id}")
    console.page.get_by_role("button", name="Summarise now").click()
    stop = console.page.get_by_role("button", name="Stop summarising")
    expect(stop).to_be_focused()
    expect(console.page.get_by_text("Summarising…")).to_be_visible()
    expect(console.page.get_by_role("img", name="The answer is on its way")).to_have_count(0)
    expect(console.page.get_by_role("button", name="Good answer")).to_have_count(
        2
    )  # only what cannot be done is locked
    expect(console.page.get_by_role("button", name="Answer again")).to_have_count(0)
    console.box.fill("meanwhile")
    console.box.press("Enter")
    stop.click()
    expect(console.page.get_by_role("button", name="Summarise now")).to_be_focused()
    expect(console.page.locator("chatkeep-chat [role=status]").last).to_have_text("Nothing was summarised.")
    expect(console.page.get_by_role("alert")).to_have_count(0)
    expect(marks(console.page)).to_have_count(0)
    expect(console.box).to_have_value("meanwhile")
    assert len(stored(someone, session_id)) == 4
    console.box.press("Enter")
    console.expect_answer("echo: meanwhile")


def test_a_summary_goes_on_over_a_reload_and_in_a_second_tab(someone: Person) -> None:
    session_id = talked(someone, "scripted:slow")
    first = someone.opens(f"chat/{session_id}")
    first.page.get_by_role("button", name="Summarise now").click()
    expect(first.page.get_by_text("Summarising…")).to_be_visible()
    wait_until(lambda: running(someone, session_id) is not None)
    first.page.reload()
    expect(first.page.get_by_text("Summarising…")).to_be_visible()
    second = someone.opens(f"chat/{session_id}")
    expect(second.page.get_by_text("Summarising…")).to_be_visible()
    for console in (second, first):
        console.page.bring_to_front()
        expect(marks(console.page)).to_have_count(1)
        expect(console.page.get_by_role("button", name="Summarise now")).to_be_visible()
    assert len(stored(someone, session_id)) == 5


def running(someone: Person, session_id: str) -> str | None:
    with someone.runner.client(someone.name) as api:
        turn_id: str | None = api.get(f"/sessions/{session_id}").json()["running_turn_id"]
    return turn_id


def test_a_summary_that_is_asked_for_over_a_lost_answer_is_made_once(someone: Person) -> None:
    session_id = talked(someone)
    console = someone.opens(f"chat/{session_id}")
    keys: list[str] = []

    def lose(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    console.page.route("**/compact", lose)
    console.page.get_by_role("button", name="Summarise now").click()
    expect(marks(console.page)).to_have_count(1)
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert len(stored(someone, session_id)) == 5


def test_what_cannot_be_summarised_is_told_and_can_be_asked_for_again(someone: Person) -> None:
    console = someone.opens(f"chat/{talked(someone, 'scripted:echo', 'hi')}")
    for _ in range(2):
        console.page.get_by_role("button", name="Summarise now").click()
        expect(console.page.get_by_role("alert")).to_contain_text("There is nothing to summarise")
        expect(console.page.get_by_role("button", name="Try again")).to_have_count(0)
        console.page.get_by_role("button", name="Close", exact=True).click()
        expect(console.page.get_by_role("alert")).to_have_count(0)
    console.say("go on")
    console.expect_answer("echo: go on")


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("nothing_to_summarize", 409, "There is nothing to summarise"),
        ("internal_error", 502, "Something broke on the server"),
    ],
)
def test_a_summary_that_is_refused_at_once_is_told(someone: Person, code: str, status: int, said: str) -> None:
    console = someone.opens(f"chat/{talked(someone)}")
    console.page.route("**/compact", lambda route: route.fulfill(**refusal(code, status)))
    console.page.get_by_role("button", name="Summarise now").click()
    expect(console.page.get_by_role("alert")).to_contain_text(said)
    console.page.unroute("**/compact")
    console.page.get_by_role("button", name="Summarise now").click()
    expect(marks(console.page)).to_have_count(1)
    expect(console.page.get_by_role("alert")).to_have_count(0)


def test_a_summary_while_an_answer_comes_waits_for_whoever_wants_it(someone: Person) -> None:
    session_id = talked(someone, "scripted:slow")
    console = someone.opens(f"chat/{session_id}")
    expect(console.page.get_by_role("button", name="Summarise now")).to_be_enabled()
    at = f"/sessions/{session_id}/messages/stream"
    with someone.runner.client(someone.name) as api, api.stream("POST", at, json={"content": WORDS}) as answer:
        next(answer.iter_lines())
        console.page.get_by_role("button", name="Summarise now").click()
        expect(console.page.get_by_text("An answer is still on its way in this conversation.")).to_be_visible()
        expect(console.page.get_by_role("button", name="Summarise now")).to_be_disabled()
    console.expect_answer("word20")
    expect(console.page.get_by_role("button", name="Summarise now")).to_be_enabled()


def test_an_answer_made_with_a_summary_has_its_mark_above_it(someone: Person) -> None:
    options = {"model_options": LIMIT, "max_tokens": 100, "enable_summarization": False}
    session_id = talked(someone, "scripted:echo", words(450), words(450), **options)
    with someone.runner.client(someone.name) as api:
        api.patch(f"/sessions/{session_id}", json={"enable_summarization": True}).raise_for_status()
    console = someone.opens(f"chat/{session_id}")
    console.expect_answer("word449")
    console.say("short")
    last = console.page.locator("chatkeep-message").last
    expect(last).to_contain_text("echo: short")  # `answers` have the summary last, which lies in an element of its own
    for _ in range(2):
        last.get_by_text(MARK, exact=True).click()
        expect(last.locator("chatkeep-mark")).to_contain_text(SUMMARY)
        expect(last.get_by_role("button", name="Answer again")).to_be_visible()
        console.page.reload()


def test_a_conversation_with_a_summary_is_saved_with_it(someone: Person) -> None:
    console = someone.opens(f"chat/{talked(someone)}")
    console.page.get_by_role("button", name="Summarise now").click()
    expect(marks(console.page)).to_have_count(1)
    console.say("afterwards")
    console.expect_answer("echo: afterwards")
    with console.page.expect_download() as saving:
        console.page.get_by_role("button", name="Save the conversation as Markdown").click()
    text = saving.value.path().read_text(encoding="utf-8")
    assert text.count("## Assistant") == 3
    assert re.search(r"\n---\n\n\*From here on.*\*\n\n> echo: The user counted .*\n\n## You", text)


def summarised(every: int, route: Route) -> None:
    """A page of the long transcript, of which every so-manieth message is a summary without words."""
    answer: dict[str, Any] = {}

    class Kept:
        request = route.request

        def fulfill(self, json: dict[str, Any]) -> None:
            answer.update(json)

    transcript(Kept())  # type: ignore[arg-type]
    for one in answer["messages"]:
        number = int(one["message_id"][-12:])
        if number % every == 1:
            text = "\n\n".join([f"What was said before {number}."] * 12)
            one["content"], one["parts"] = "", [{"type": "summary", "text": text, "until_message_id": "x"}]
    route.fulfill(json=answer)


def test_marks_stand_in_two_thousand_messages_and_keep_the_reader_in_place(someone: Person) -> None:
    console = someone.opens(f"chat/{slow(someone)}")
    console.page.route("**/messages?*", partial(summarised, 20))
    console.page.reload()
    expect(console.page.get_by_text("The end of answer 1999")).to_be_in_viewport()
    messages = console.page.locator("chatkeep-chat chatkeep-list")
    opened = 0
    first = console.page.get_by_text("Question 0", exact=True)
    for _ in range(1_500):
        if first.count():
            break
        closed = messages.locator("chatkeep-mark details:not([open]) summary")
        if opened < 3 and closed.count():
            closed.last.click()
            expect(messages.locator("chatkeep-mark details[open]").last).to_contain_text("What was said before")
            opened += 1
        messages.evaluate("list => list.scrollTop -= 3_000")
        console.page.wait_for_timeout(16)
    messages.evaluate("list => list.scrollTop = 0")
    expect(first).to_be_in_viewport()
    assert opened == 3
    assert messages.evaluate("list => list.items.length") == MESSAGES
    assert messages.evaluate(OVERLAPS) == []


OVERLAPS = """
(list) => {
  const boxes = [...list.querySelectorAll("li")].map((one) => one.getBoundingClientRect());
  return boxes.slice(1).filter((box, at) => Math.abs(box.top - boxes[at].bottom) > 1).map(({ top }) => top);
}
"""
"""Where two messages that follow one another do not lie one below the other."""


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_neither_gauge_nor_mark_breaks_a_rule_of_accessibility(someone: Person, scheme: Any) -> None:
    asked = (words(60), words(250))
    session_id = talked(someone, "scripted:echo", *asked, model_options=LIMIT, enable_summarization=False)
    console = someone.opens(f"chat/{session_id}")
    console.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    expect(console.page.get_by_text("Nearly full")).to_be_visible()
    found = violations(console.page)
    console.page.get_by_role("button", name="Summarise now").click()
    marks(console.page).get_by_text(MARK).click()
    expect(marks(console.page)).to_contain_text(SUMMARY)
    found += violations(console.page)
    console.page.set_viewport_size({"width": 390, "height": 800})
    assert found + violations(console.page) == []
