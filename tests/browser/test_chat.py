"""Conversations in the console: streamed, interrupted in every way that a browser has, rated and kept."""

import re
import time

import httpx
from playwright.sync_api import Route, expect

from tests.browser.long import NODES, transcript
from tests.browser.pages import Console, Person
from tests.waiting import wait_until

CUT = """
const chat = document.querySelector("chatkeep-console").renderRoot.querySelector("chatkeep-chat");
chat._conversation._connection.abort(new TypeError("cut"));
"""
"""Chromium's own switch lets connections that are open go on."""
READ = "list => [list.items[list.top].message_id, list.node(list.top).getBoundingClientRect().top]"
"""The message that is read, and its place on the screen."""
WORDS = " ".join(f"word{number}" for number in range(1, 21))


def slow(someone: Person, title: str = "Slow") -> str:
    """The id of a session whose answers take some seconds."""
    with someone.runner.client(someone.name) as api:
        made = api.post("/sessions", json={"title": title, "model_name": "scripted:slow"})
    session_id: str = made.json()["session_id"]
    return session_id


def stored(someone: Person, session_id: str) -> list[tuple[str, str]]:
    with someone.runner.client(someone.name) as api:
        messages = api.get(f"/sessions/{session_id}/messages").json()["messages"]
    return [(one["role"], one["content"]) for one in messages]


def test_a_first_visit_is_signed_in_by_its_address_which_forgets_the_token(someone: Person) -> None:
    console = someone.opens()
    assert console.page.evaluate("location.href") == f"{someone.site}/"
    expect(console.page.get_by_text("What is on your mind?")).to_be_visible()
    expect(console.page.get_by_text("No conversations yet.")).to_be_visible()
    console.page.reload()
    expect(console.box).to_be_visible()


def test_somebody_without_a_token_is_told_how_to_sign_in(someone: Person) -> None:
    page = someone.context.new_page()
    page.goto(someone.site)
    expect(page.get_by_text("You are signed out.")).to_be_visible()


def test_a_question_is_answered_with_what_it_cost(someone: Person) -> None:
    console = someone.opens()
    console.say("hello there")
    console.expect_answer("echo: hello there")
    expect(console.page.locator("chatkeep-message footer").last).to_contain_text("scripted:echo")
    expect(console.rows).to_have_count(1)
    console.say("and again")
    console.expect_answer("echo: and again")
    expect(console.page.locator("main > header")).to_contain_text("10 tokens")


def test_the_first_words_are_there_before_the_last_ones(someone: Person) -> None:
    console = someone.opens(f"chat/{slow(someone)}")
    console.say(WORDS)
    expect(console.answers.last).to_contain_text("word1")
    expect(console.answers.last).not_to_contain_text("word20", timeout=100)
    console.expect_answer("word20")


def test_an_answer_goes_on_after_a_reload_in_the_middle_of_it(someone: Person) -> None:
    session_id = slow(someone)
    console = someone.opens(f"chat/{session_id}")
    console.say(WORDS)
    expect(console.answers.last).to_contain_text("word3")
    console.page.reload()
    console.expect_answer(f"echo: {WORDS}")
    assert stored(someone, session_id) == [("user", WORDS), ("assistant", f"echo: {WORDS}")]


def test_a_second_tab_shows_the_answer_as_it_comes(someone: Person) -> None:
    session_id = slow(someone)
    first, second = (someone.opens(f"chat/{session_id}") for _ in range(2))
    expect(second.page.get_by_text("What is on your mind?")).to_be_visible()
    first.page.bring_to_front()
    first.say(WORDS)
    expect(first.answers.last).to_contain_text("word3")
    second.page.bring_to_front()
    second.expect_answer(f"echo: {WORDS}")
    first.page.bring_to_front()
    first.expect_answer(f"echo: {WORDS}")


def test_a_stopped_answer_keeps_its_words_and_says_that_it_was_stopped(someone: Person) -> None:
    session_id = slow(someone)
    console = someone.opens(f"chat/{session_id}")
    console.say(WORDS)
    expect(console.answers.last).to_contain_text("word2")
    console.page.get_by_role("button", name="Stop the answer").click()
    expect(console.page.get_by_text("Stopped.", exact=True)).to_be_visible()
    (_, (_, said)) = stored(someone, session_id)
    assert said.startswith("echo: word1 word2")
    assert "word20" not in said


def test_a_connection_that_breaks_is_taken_up_again_and_the_question_asked_once(someone: Person) -> None:
    session_id = slow(someone)
    console = someone.opens(f"chat/{session_id}")
    console.say(WORDS)
    expect(console.answers.last).to_contain_text("word2")
    someone.context.set_offline(True)
    console.page.evaluate(CUT)
    expect(console.page.get_by_text("You are offline.")).to_be_visible()
    someone.context.set_offline(False)
    console.expect_answer(f"echo: {WORDS}")
    assert stored(someone, session_id) == [("user", WORDS), ("assistant", f"echo: {WORDS}")]


def test_a_question_that_did_not_arrive_is_sent_again_under_its_key(someone: Person) -> None:
    session_id = slow(someone)
    console = someone.opens(f"chat/{session_id}")
    lost: list[str] = []

    def lose_answers(route: object) -> None:
        request = route.request  # type: ignore[attr-defined]
        lost.append(request.headers["idempotency-key"])
        if len(lost) == 1:  # it arrives, and its answer is lost
            httpx.post(request.url, content=request.post_data, headers=request.headers, timeout=30)
            route.abort()  # type: ignore[attr-defined]
        else:
            route.continue_()  # type: ignore[attr-defined]

    console.page.route("**/messages/stream", lose_answers)
    console.say("only once")
    console.expect_answer("echo: only once")
    assert len(lost) >= 2
    assert len(set(lost)) == 1
    assert stored(someone, session_id) == [("user", "only once"), ("assistant", "echo: only once")]


def test_an_answer_that_fails_says_so_in_plain_words(someone: Person) -> None:
    with someone.runner.client(someone.name) as api:
        session_id = api.post("/sessions", json={"model_name": "scripted:fail"}).json()["session_id"]
    console = someone.opens(f"chat/{session_id}")
    console.say("hello")
    expect(console.page.get_by_role("alert")).to_contain_text("The model does not answer just now.")


def test_an_answer_is_rated_with_a_reason_and_the_rating_taken_back(someone: Person) -> None:
    console = someone.opens()
    console.say("hello")
    console.expect_answer("echo: hello")
    console.page.get_by_role("button", name="Bad answer").click()
    console.page.get_by_label("Not helpful").check()
    console.page.get_by_label("In your words").fill("It only repeats me.")
    console.page.get_by_role("button", name="Send feedback").click()
    bad = console.page.get_by_role("button", name="Bad answer")
    expect(bad).to_have_attribute("aria-pressed", "true")
    session_id = console.page.url.rpartition("/")[2]
    with someone.runner.client(someone.name) as api:
        feedback = api.get(f"/sessions/{session_id}/messages").json()["messages"][1]["feedback"]
    assert (feedback["rating"], feedback["reason"]) == ("thumbs_down", "not_helpful")
    bad.click()
    expect(bad).to_have_attribute("aria-pressed", "false")


def test_an_answer_is_made_again_in_its_place(someone: Person) -> None:
    console = someone.opens()
    console.say("hello")
    console.expect_answer("echo: hello")
    console.page.get_by_role("button", name="Answer again").click()
    console.expect_answer("echo: hello")
    expect(console.answers).to_have_count(1)
    session_id = console.page.url.rpartition("/")[2]
    with someone.runner.client(someone.name) as api:
        answer = api.get(f"/sessions/{session_id}/messages").json()["messages"][-1]
    assert len(answer["siblings"]) == 2


def test_a_draft_is_kept_over_a_reload_and_for_its_conversation(someone: Person) -> None:
    first, second = slow(someone, "First"), slow(someone, "Second")
    console = someone.opens(f"chat/{first}")
    expect(console.page.locator("main > header")).to_contain_text("First")
    console.box.fill("half a thought")
    console.page.goto(f"{someone.site}/#/chat/{second}")
    expect(console.page.locator("main > header")).to_contain_text("Second")
    expect(console.box).to_have_value("")
    console.page.goto(f"{someone.site}/#/chat/{first}")
    console.page.reload()
    expect(console.box).to_have_value("half a thought")


def test_older_messages_come_while_scrolling_up_and_the_page_stays_small(someone: Person) -> None:
    with someone.runner.client(someone.name) as api:
        session_id = api.post("/sessions", json={}).json()["session_id"]
        for number in range(60):
            api.post(f"/sessions/{session_id}/messages", json={"content": f"question {number}"}).raise_for_status()
    console = someone.opens(f"chat/{session_id}")
    messages = console.page.locator("chatkeep-chat chatkeep-list")
    expect(console.page.get_by_text("echo: question 59", exact=True)).to_be_in_viewport()
    first = console.page.get_by_text("question 0", exact=True)
    until = time.monotonic() + 20
    while not first.is_visible() and time.monotonic() < until:
        messages.evaluate("list => list.scrollTop -= 1_500")
        console.page.wait_for_timeout(60)
    expect(first).to_be_visible()
    assert console.page.locator("chatkeep-message").count() < 60


def test_a_conversation_is_saved_as_markdown(someone: Person) -> None:
    console = someone.opens()
    console.say("hello")
    console.expect_answer("echo: hello")
    with console.page.expect_download() as saving:
        console.page.get_by_role("button", name="Save the conversation as Markdown").click()
    text = saving.value.path().read_text(encoding="utf-8")
    assert re.search(r"^## You, .*\n\nhello\n\n## Assistant, .*\n\necho: hello\n$", text, re.MULTILINE)


def test_a_tool_call_stands_with_what_came_back_while_it_comes_and_afterwards(someone: Person) -> None:
    console = someone.opens()
    console.say("tools please")
    console.expect_answer("Take an umbrella.")
    for _ in range(2):
        calls = console.page.locator("chatkeep-message details")
        expect(calls).to_have_count(2)
        expect(calls.first).to_contain_text("forecast done")
        expect(calls.last).to_contain_text("forecast failed")
        calls.first.locator("summary").click()
        expect(calls.first.get_by_label("What was asked")).to_contain_text('"place": "Bergen"')
        expect(calls.first.get_by_label("What came back")).to_have_text("rain")
        console.page.reload()


def test_a_page_that_slept_through_the_end_of_an_answer_has_it_when_it_wakes(someone: Person) -> None:
    session_id = slow(someone)
    console = someone.opens(f"chat/{session_id}")
    console.say(WORDS)
    expect(console.answers.last).to_contain_text("word3")
    browser = someone.context.new_cdp_session(console.page)
    browser.send("Page.setWebLifecycleState", {"state": "frozen"})
    with someone.runner.client(someone.name) as api:
        wait_until(lambda: api.get(f"/sessions/{session_id}").json()["running_turn_id"] is None)
    browser.send("Page.setWebLifecycleState", {"state": "active"})
    console.expect_answer(f"echo: {WORDS}")
    assert stored(someone, session_id) == [("user", WORDS), ("assistant", f"echo: {WORDS}")]


def test_a_page_that_wakes_shows_what_was_said_elsewhere_meanwhile(someone: Person) -> None:
    session_id = slow(someone)
    console = someone.opens(f"chat/{session_id}")
    expect(console.page.get_by_text("What is on your mind?")).to_be_visible()
    someone.context.set_offline(True)
    with someone.runner.client(someone.name) as api:
        api.post(f"/sessions/{session_id}/messages", json={"content": "from the train"}).raise_for_status()
    someone.context.set_offline(False)
    console.expect_answer("echo: from the train")


def test_a_question_that_could_not_be_sent_goes_out_when_the_network_is_back(someone: Person) -> None:
    session_id = slow(someone)
    console = someone.opens(f"chat/{session_id}")
    someone.context.set_offline(True)
    console.say("are you there?")
    expect(console.page.get_by_text("You are offline.")).to_be_visible()
    someone.context.set_offline(False)
    console.expect_answer("echo: are you there?")
    assert stored(someone, session_id) == [("user", "are you there?"), ("assistant", "echo: are you there?")]


def test_a_transcript_of_two_thousand_messages_keeps_the_page_small_and_the_reader_in_place(someone: Person) -> None:
    console = someone.opens(f"chat/{slow(someone)}")
    console.page.route("**/messages?*", transcript)
    console.page.reload()
    expect(console.page.get_by_text("The end of answer 1999")).to_be_in_viewport()
    expect(console.page.locator("chatkeep-gauge")).to_contain_text("1 % of the context")
    messages = console.page.locator("chatkeep-chat chatkeep-list")
    most = 0
    first = console.page.get_by_text("Question 0", exact=True)
    for _ in range(1_500):
        if first.count():
            break
        messages.evaluate("list => list.scrollTop -= 3_000")
        console.page.wait_for_timeout(16)
        most = max(most, nodes(console))
    messages.evaluate("list => list.scrollTop = 0")
    expect(first).to_be_in_viewport()
    assert messages.evaluate("list => list.items.length") == 2_000
    assert most < 2_500
    console.page.get_by_role("button", name="To the newest message").click()
    expect(console.page.get_by_text("The end of answer 1999")).to_be_in_viewport()
    assert nodes(console) < 2_500


def nodes(console: Console) -> int:
    """The elements of the page, those of shadow trees too."""
    found: int = console.page.evaluate(NODES)
    return found


def test_an_answer_that_comes_does_not_pull_at_somebody_who_reads_above_it(someone: Person) -> None:
    session_id = slow(someone)
    console = someone.opens(f"chat/{session_id}")
    console.page.route("**/messages?*", transcript)
    console.page.reload()
    expect(console.page.get_by_text("The end of answer 1999")).to_be_in_viewport()
    console.say(WORDS)
    expect(console.answers.last).to_contain_text("word2")
    expect(console.answers.last).to_be_in_viewport()  # who is at the end stays there
    console.page.mouse.move(640, 300)
    console.page.mouse.wheel(0, -1_200)
    console.page.wait_for_timeout(500)
    messages = console.page.locator("chatkeep-chat chatkeep-list")
    before = messages.evaluate(READ)
    places = []
    while not console.page.get_by_role("button", name="Send", exact=True).is_visible():
        places.append(messages.evaluate(READ))
        console.page.wait_for_timeout(50)
    assert len(places) > 10
    assert [one for one in places if one != before] == []


def test_feedback_that_cannot_be_kept_keeps_its_words(someone: Person) -> None:
    console = someone.opens()
    console.say("hello")
    console.expect_answer("echo: hello")
    console.page.route("**/feedback", lambda route: route.fulfill(status=500, json={"code": "internal_error"}))
    console.page.get_by_role("button", name="Bad answer").click()
    console.page.get_by_label("Not helpful").check()
    words = console.page.get_by_label("In your words")
    words.fill("a long complaint")
    console.page.get_by_role("button", name="Send feedback").click()
    expect(console.page.get_by_role("alert")).to_contain_text("Something broke on the server.")
    expect(words).to_have_value("a long complaint")
    console.page.unroute("**/feedback")
    console.page.get_by_role("button", name="Send feedback").click()
    expect(words).to_be_hidden()
    expect(console.page.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "true")
    expect(console.page.get_by_role("alert")).to_be_hidden()


def cut(route: Route) -> None:
    """A page of messages that has room for ten characters of each answer."""
    page = route.fetch().json()
    for one in page["messages"]:
        one["truncated"] = one["role"] == "assistant"
        one["content"] = one["content"][:10] if one["truncated"] else one["content"]
    route.fulfill(json=page)


def test_an_answer_that_a_page_has_no_room_for_is_saved_whole(someone: Person) -> None:
    console = someone.opens()
    console.say("hello to 👩‍👩‍👧‍👦 who reads this")
    console.expect_answer("who reads this")
    console.page.route("**/messages?*", cut)
    with console.page.expect_download() as saving:
        console.page.get_by_role("button", name="Save the conversation as Markdown").click()
    assert "\n\necho: hello to 👩‍👩‍👧‍👦 who reads this\n" in saving.value.path().read_text(encoding="utf-8")


ENTER = """
(box) => {
  for (const how of [{ isComposing: true }, { keyCode: 229 }])
    box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, composed: true, ...how }));
}
"""


def test_an_enter_that_is_for_the_input_method_sends_nothing(someone: Person) -> None:
    console = someone.opens()
    console.box.fill("にほ")
    console.box.evaluate(ENTER)
    console.page.wait_for_timeout(500)
    expect(console.box).to_have_value("にほ")
    expect(console.page.locator("chatkeep-message")).to_have_count(0)


def test_a_broken_connection_is_told_of_only_until_it_goes_on(someone: Person) -> None:
    console = someone.opens(f"chat/{slow(someone)}")
    console.say(WORDS)
    expect(console.answers.last).to_contain_text("word2")
    console.page.evaluate(CUT)
    broken = console.page.get_by_text("The connection broke.")
    expect(broken).to_be_visible()
    expect(broken).to_be_hidden()
    expect(console.page.get_by_role("button", name="Stop the answer")).to_be_visible()
    console.expect_answer("word20")
