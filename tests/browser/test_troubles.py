"""What networks, servers and browsers refuse: each comes to a sentence, and nothing that was written is lost."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Route, expect

from tests.browser.conftest import DEPLOYMENT
from tests.browser.pages import Console, Person, person
from tests.browser.test_chat import WORDS, slow, stored
from tests.browser.test_sessions import made
from tests.runner import running

PORTAL = "<!doctype html><title>Free wireless network</title>"
LATER = {"Retry-After": "3600", "Access-Control-Expose-Headers": "Retry-After"}
"""What no page can wait for."""


def refusal(code: str, status: int) -> dict[str, Any]:
    body = json.dumps({"code": code, "status": status, "title": "", "detail": "refused"})
    return {"status": status, "content_type": "application/problem+json", "body": body}


def check_told_and_tried_again(someone: Person, answer: dict[str, Any], words: str) -> None:
    """Where each request has this answer, list and chat say so in these words, and the question is answered later."""
    console = someone.opens(f"chat/{slow(someone)}")
    expect(console.page.get_by_text("What is on your mind?")).to_be_visible()
    console.page.route("**/v1/**", lambda route: route.fulfill(**answer))
    console.place("Archive")
    expect(console.page.locator("chatkeep-sessions").get_by_role("alert")).to_contain_text(words)
    console.say("hello")
    expect(console.page.locator("chatkeep-chat").get_by_role("alert")).to_contain_text(words)
    console.page.unroute("**/v1/**")
    console.page.locator("chatkeep-chat").get_by_role("button", name="Try again").click()
    console.expect_answer("echo: hello")


def test_a_page_of_somebody_else_in_place_of_an_answer_is_named(someone: Person) -> None:
    check_told_and_tried_again(someone, {"content_type": "text/html", "body": PORTAL}, "not answer as Chatkeep")


def test_a_list_that_could_be_read_at_last_says_nothing_of_before(someone: Person) -> None:
    made(someone, "Still there")
    console = someone.opens()
    console.page.route("**/v1/sessions?*", lambda route: route.fulfill(**refusal("internal_error", 500)))
    console.page.reload()
    problem = console.page.locator("chatkeep-sessions").get_by_role("alert")
    expect(problem).to_contain_text("Something broke on the server.")
    console.page.unroute("**/v1/sessions?*")
    problem.get_by_role("button", name="Try again").click()
    expect(console.rows).to_have_count(1)
    expect(problem).to_be_hidden()


def test_a_wait_of_an_hour_is_told_at_once(someone: Person) -> None:
    answer = {**refusal("throttled", 429), "headers": {**LATER, "Content-Type": "application/problem+json"}}
    check_told_and_tried_again(someone, answer, "Try again in 3600 seconds.")


def test_a_conversation_that_could_not_be_read_is_read_on_request(someone: Person) -> None:
    (session_id,) = made(someone, "Known")
    with someone.runner.client(someone.name) as api:
        api.post(f"/sessions/{session_id}/messages", json={"content": "before"}).raise_for_status()
    console = someone.opens()
    console.page.route("**/messages?*", lambda route: route.fulfill(**refusal("internal_error", 500)))
    console.rows.first.locator(".open").click()
    problem = console.page.locator("chatkeep-chat").get_by_role("alert")
    expect(problem).to_contain_text("Something broke on the server.")
    expect(console.page.get_by_text("What is on your mind?")).to_be_hidden()
    console.page.unroute("**/messages?*")
    problem.get_by_role("button", name="Try again").click()
    console.expect_answer("echo: before")
    expect(problem).to_be_hidden()


def test_a_conversation_opened_without_a_network_is_there_when_it_is_back(someone: Person) -> None:
    (session_id,) = made(someone, "Known")
    with someone.runner.client(someone.name) as api:
        api.post(f"/sessions/{session_id}/messages", json={"content": "before"}).raise_for_status()
    console = someone.opens()
    expect(console.rows).to_have_count(1)
    someone.context.set_offline(True)
    console.rows.first.locator(".open").click()
    problem = console.page.locator("chatkeep-chat").get_by_role("alert")
    expect(problem).to_contain_text("You are offline.")
    someone.context.set_offline(False)
    console.expect_answer("echo: before")
    expect(problem).to_be_hidden()
    expect(console.page.locator("main").get_by_role("alert")).to_have_count(0)


def test_a_question_that_does_not_arrive_can_be_stopped(someone: Person) -> None:
    session_id = slow(someone)
    console = someone.opens(f"chat/{session_id}")
    console.page.route("**/messages/stream", lambda route: route.abort())
    console.say("not after all")
    expect(console.page.get_by_text("The connection broke.")).to_be_visible()
    console.page.get_by_role("button", name="Stop the answer").click()
    expect(console.box).to_have_value("not after all")
    expect(console.page.locator("chatkeep-message")).to_have_count(0)
    console.page.unroute("**/messages/stream")
    console.page.wait_for_timeout(3_000)
    assert stored(someone, session_id) == []


def test_a_stop_before_the_answer_has_begun_stops_it(someone: Person) -> None:
    session_id = slow(someone)
    console = someone.opens(f"chat/{session_id}")

    def late(route: Route) -> None:
        console.page.wait_for_timeout(1_000)
        route.continue_()

    console.page.route("**/messages/stream", late)
    console.say(WORDS)
    console.page.get_by_role("button", name="Stop the answer").click()
    expect(console.page.get_by_text("Stopped.", exact=True)).to_be_visible()
    assert "word20" not in stored(someone, session_id)[-1][1]


def test_a_stop_that_fails_says_so_and_the_answer_goes_on_once(someone: Person) -> None:
    session_id = slow(someone)
    console = someone.opens(f"chat/{session_id}")
    console.page.route("**/cancel", lambda route: route.fulfill(**refusal("internal_error", 500)))
    console.say(WORDS)
    expect(console.answers.last).to_contain_text("word2")
    console.page.get_by_role("button", name="Stop the answer").click()
    expect(console.page.locator("chatkeep-chat").get_by_role("alert")).to_contain_text("Something broke on the server.")
    expect(console.page.get_by_role("button", name="Try again")).to_be_hidden()
    expect(console.page.get_by_role("button", name="Stop the answer")).to_be_visible()
    console.expect_answer("word20")
    assert stored(someone, session_id) == [("user", WORDS), ("assistant", f"echo: {WORDS}")]


def patient(shown: Locator) -> None:
    """Let the time pass, in a page whose clock is ours, until this is shown."""
    for _ in range(600):
        if shown.is_visible():
            return
        shown.page.clock.run_for(1_000)
        shown.page.wait_for_timeout(20)
    expect(shown).to_be_visible()


def test_a_stream_that_says_nothing_at_all_comes_to_a_sentence(someone: Person) -> None:
    console = someone.opens(f"chat/{slow(someone)}")
    expect(console.page.get_by_text("What is on your mind?")).to_be_visible()
    console.page.clock.install()
    console.page.route("**/messages/stream", lambda route: route.fulfill(content_type="text/event-stream", body=""))
    console.say("hello")
    patient(console.page.locator("chatkeep-chat").get_by_role("alert").get_by_text("The connection broke."))
    console.page.unroute("**/messages/stream")
    console.page.get_by_role("button", name="Try again").click()
    console.page.clock.resume()
    console.expect_answer("echo: hello")


def test_an_answer_that_never_comes_comes_to_a_sentence(someone: Person) -> None:
    made(someone, "Still there")
    console = someone.opens()
    expect(console.rows).to_have_count(1)
    console.page.clock.install()
    console.page.route("**/v1/sessions?*", lambda _: None)
    console.place("Archive")
    patient(console.page.locator("chatkeep-sessions").get_by_role("alert").get_by_text("The connection broke."))


def test_an_answer_asked_for_elsewhere_can_be_taken_up_again(someone: Person) -> None:
    session_id = slow(someone)
    first, second = (someone.opens(f"chat/{session_id}") for _ in range(2))
    expect(second.page.get_by_text("What is on your mind?")).to_be_visible()
    second.page.clock.install()
    second.page.route("**/turns/*/stream", lambda route: route.abort())
    second.box.fill("my next thought")
    first.say(WORDS)
    first.expect_answer("word20")
    again = second.page.get_by_role("button", name="Try again")
    patient(again)
    second.page.unroute("**/turns/*/stream")
    again.click()
    second.page.clock.resume()
    second.expect_answer("word20")
    expect(second.box).to_have_value("my next thought")


FULL = "() => { Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }; }"
BLOCKED = """
for (const name of ["localStorage", "sessionStorage"])
  Object.defineProperty(globalThis, name, { get: () => { throw new DOMException("blocked", "SecurityError"); } });
"""


def test_a_full_storage_keeps_nobody_from_asking(someone: Person) -> None:
    console = someone.opens()
    console.page.evaluate(FULL)
    console.box.press_sequentially("no room")
    console.box.press("Enter")
    console.expect_answer("echo: no room")


def test_a_blocked_storage_keeps_nobody_from_asking(someone: Person) -> None:
    page = someone.watched()
    page.add_init_script(BLOCKED)
    page.goto(f"{someone.site}/#token={someone.runner.token(someone.name)}")
    box = Console(page).box
    box.press_sequentially("no room")
    box.press("Enter")
    expect(page.locator("chatkeep-message chatkeep-text")).to_contain_text("echo: no room")


def test_a_copy_that_the_browser_refuses_is_told(someone: Person) -> None:
    console = someone.opens()
    console.say("x\n\n```python\nprint('hi')\n```")
    console.expect_answer("print")
    console.page.evaluate(
        "navigator.clipboard.writeText = () => Promise.reject(new DOMException('', 'NotAllowedError')), 0"
    )
    console.page.get_by_role("button", name="Copy the answer").click()
    expect(console.page.get_by_text("Not copied: the browser does not allow it.")).to_be_visible()
    console.page.get_by_role("button", name="Copy", exact=True).click()
    expect(console.page.get_by_role("button", name="Not copied")).to_be_visible()


def test_a_server_that_is_killed_in_the_middle_of_an_answer_loses_no_question(browser: Browser, tmp_path: Path) -> None:
    with running(tmp_path, environment=DEPLOYMENT) as runner, person(browser, runner, "alice") as someone:
        session_id = slow(someone)
        console = someone.opens(f"chat/{session_id}")
        console.say(WORDS)
        expect(console.answers.last).to_contain_text("word2")
        runner.kill()
        expect(console.page.get_by_text("The connection broke.")).to_be_visible()
        port = runner.url.split(":")[2].split("/")[0]
        with running(tmp_path, environment={**DEPLOYMENT, "PORT": port}):
            expect(console.page.get_by_text("The server stopped in the middle of this answer.")).to_be_visible(
                timeout=90_000
            )
            expect(console.box).to_have_value(WORDS)


def test_a_question_that_the_model_failed_at_is_not_lost(someone: Person) -> None:
    with someone.runner.client(someone.name) as api:
        session_id = api.post("/sessions", json={"model_name": "scripted:fail"}).json()["session_id"]
    console = someone.opens(f"chat/{session_id}")
    console.say("a long thought")
    expect(console.page.get_by_role("alert")).to_contain_text("The model does not answer just now.")
    expect(console.box).to_have_value("a long thought")


def test_a_question_at_the_end_of_a_sign_in_is_asked_after_the_next(someone: Person) -> None:
    session_id = slow(someone)
    console = someone.opens(f"chat/{session_id}")
    console.page.route("**/messages/stream", lambda route: route.fulfill(**refusal("unauthorized", 401)))
    console.say("only once")
    expect(console.page.get_by_text("You are signed out.")).to_be_visible()
    console.page.unroute("**/messages/stream")
    console.page.goto(f"{someone.site}/#token={someone.runner.token(someone.name)}")
    expect(console.box).to_be_visible()
    console.page.goto(f"{someone.site}/#/chat/{session_id}")
    console.expect_answer("echo: only once")
    assert stored(someone, session_id) == [("user", "only once"), ("assistant", "echo: only once")]


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (502, "<h1>Bad gateway</h1>", "The server cannot answer just now."),
        (500, '{"message": null}', "The server cannot answer just now."),
        (504, '{"message": "Endpoint request timed out"}', "The answer took too long."),
        (429, '{"message": "Too Many Requests"}', "That was a lot at once."),
        (404, "<h1>Not found</h1>", "This address does not answer as Chatkeep does."),
    ],
)
def test_an_answer_of_whatever_stands_before_the_server_comes_to_a_sentence(
    someone: Person, status: int, body: str, sentence: str
) -> None:
    console = someone.opens()
    console.page.route("**/v1/stats", lambda route: route.fulfill(status=status, body=body))
    console.go("Usage")
    expect(console.page.locator("chatkeep-usage").get_by_role("alert")).to_contain_text(sentence)


def test_a_page_that_cannot_be_loaded_says_so_and_can_be_gone_to_again(someone: Person) -> None:
    console = someone.opens()
    console.page.route("**/elements/usage.js", lambda route: route.abort())
    console.go("Usage")
    expect(console.page.get_by_role("alert")).to_contain_text("The connection broke.")
    console.page.unroute("**/elements/usage.js")
    console.go("Chat")
    console.go("Usage")
    expect(console.page.get_by_text("Nothing was used in these 30 days.")).to_be_visible()
