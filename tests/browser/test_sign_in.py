"""Sign-in at a page as Cognito's: there and back, what may go wrong on the way, renewal, and sign-out."""

import json
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from infra.local.folder import secret
from infra.local.tokens import KEY
from tests.browser.conftest import DEPLOYMENT
from tests.browser.pages import Console, Person, person
from tests.browser.sign_in_page import JSON, SignInPage, serving
from tests.runner import Runner, running

KEPT = "chatkeep:token"
NEAR_ITS_END = "(name) => { const kept = JSON.parse(sessionStorage[name]); kept.endsAt = Date.now() + %s; "
NEAR_ITS_END += "sessionStorage[name] = JSON.stringify(kept); }"
SPOILT = "(name) => { const kept = JSON.parse(sessionStorage[name]); kept.access = 'no.token.more'; "
SPOILT += "sessionStorage[name] = JSON.stringify(kept); }"
ENDED = "Your sign-in has ended."


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Runner, SignInPage]]:
    folder = tmp_path_factory.mktemp("data")
    with serving(tmp_path_factory.mktemp("page")) as page:
        environment = {**DEPLOYMENT, "SIGN_IN_HOST": page.host}
        with running(folder, environment=environment) as runner:
            page.key, page.console = secret(folder, KEY), runner.url.removesuffix("v1")
            yield runner, page


@pytest.fixture
def sign_in(deployed: tuple[Runner, SignInPage], user: str) -> SignInPage:
    _, page = deployed
    page.user, page.seconds, page.fault, page.refuses = user, 3600, None, False
    for kept in (page.changes, page.claims, page.asked, page.codes, page.refresh):
        kept.clear()
    return page


@pytest.fixture
def someone(browser: Browser, deployed: tuple[Runner, SignInPage], sign_in: SignInPage) -> Iterator[Person]:
    with person(browser, deployed[0], sign_in.user, ignore_https_errors=True) as found:
        yield found


def visit(someone: Person, place: str = "") -> Page:
    page = someone.watched()
    page.goto(f"{someone.site}/{place}")
    return page


def enter(page: Page) -> Console:
    page.get_by_role("button", name="Sign in").click()
    console = Console(page)
    expect(console.box).to_be_visible()
    return console


def expect_signed_out(page: Page, words: str) -> None:
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.evaluate("(name) => sessionStorage[name]", KEPT) is None


def test_a_user_signs_in_at_the_page_and_chats(someone: Person, sign_in: SignInPage) -> None:
    page = visit(someone)
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    console = enter(page)
    assert page.url == f"{someone.site}/"
    console.say("hello there")
    console.expect_answer("echo: hello there")
    assert [path for path, _ in sign_in.asked] == ["/oauth2/authorize", "/oauth2/token"]


def test_a_sign_in_leads_back_to_the_conversation_that_was_asked_for(someone: Person) -> None:
    with someone.runner.client(someone.name) as api:
        session_id = api.post("/sessions", json={"title": "Where I was"}).json()["session_id"]
    console = enter(visit(someone, f"#/chat/{session_id}"))
    expect(console.page.locator("main > header")).to_contain_text("Where I was")
    assert console.page.url == f"{someone.site}/#/chat/{session_id}"


def test_a_sign_in_works_from_the_name_of_the_page_too(someone: Person) -> None:
    assert enter(visit(someone, "index.html")).page.url == f"{someone.site}/"


def test_an_answer_to_another_question_signs_nobody_in(someone: Person, sign_in: SignInPage) -> None:
    sign_in.changes["state"] = "of-somebody-else"
    page = visit(someone)
    page.get_by_role("button", name="Sign in").click()
    expect_signed_out(page, "That sign-in was not begun in this tab")
    assert page.url == f"{someone.site}/"
    assert sign_in.grants("authorization_code") == 0


def test_a_code_that_nobody_asked_for_is_not_exchanged(someone: Person, sign_in: SignInPage) -> None:
    page = visit(someone, "?code=of-an-attacker&state=x")
    expect_signed_out(page, "That sign-in was not begun in this tab")
    assert sign_in.asked == []


def test_who_is_signed_in_stays_so_when_a_foreign_code_comes(someone: Person) -> None:
    console = enter(visit(someone))
    console.page.goto(f"{someone.site}/?code=of-an-attacker&state=x")
    expect(console.box).to_be_visible()
    assert console.page.url == f"{someone.site}/"


def test_a_refusal_by_the_page_is_told(someone: Person, sign_in: SignInPage) -> None:
    sign_in.refuses = True
    page = visit(someone, "#/usage")
    page.get_by_role("button", name="Sign in").click()
    expect_signed_out(page, "The sign-in page did not let you in.")
    assert page.url == f"{someone.site}/#/usage"


@pytest.mark.parametrize(
    "fault",
    [
        (400, JSON, b'{"error": "invalid_grant"}'),
        (500, {"Content-Type": "text/html"}, b"<h1>Sorry</h1>"),
        (200, JSON, b"{}"),
    ],
    ids=["400", "500", "empty"],
)
def test_a_code_that_cannot_be_exchanged_is_told(
    someone: Person, sign_in: SignInPage, fault: tuple[int, dict[str, str], bytes]
) -> None:
    sign_in.fault = fault
    page = visit(someone)
    page.get_by_role("button", name="Sign in").click()
    expect_signed_out(page, "The sign-in could not be completed.")
    assert page.url == f"{someone.site}/"
    sign_in.fault = None
    enter(page)


@pytest.mark.parametrize("claim", ["iss", "aud", "nonce"])
def test_a_token_for_somebody_else_is_not_taken(someone: Person, sign_in: SignInPage, claim: str) -> None:
    sign_in.claims[claim] = "of-somebody-else"
    page = visit(someone)
    page.get_by_role("button", name="Sign in").click()
    expect_signed_out(page, "The sign-in could not be completed.")


def test_a_page_that_does_not_answer_is_told_and_may_be_tried_again(someone: Person) -> None:
    page = visit(someone)
    page.route("**/oauth2/token", lambda route: route.abort())
    page.get_by_role("button", name="Sign in").click()
    expect_signed_out(page, "The sign-in page does not answer.")
    page.unroute("**/oauth2/token")
    enter(page)


def test_the_part_for_signing_in_may_be_missing_without_a_button_that_does_nothing(someone: Person) -> None:
    page = visit(someone)
    page.route("**/vendor/sign-in.js", lambda route: route.abort())
    page.get_by_role("button", name="Sign in").click()
    expect_signed_out(page, "The sign-in page does not answer.")


@pytest.mark.parametrize("kind", ["lost", "foreign"])
def test_a_page_that_is_not_told_where_the_api_is_says_so(someone: Person, kind: str) -> None:
    page = someone.watched()
    page.route(
        "**/configuration.json",
        lambda route: route.abort() if kind == "lost" else route.fulfill(status=403, body="<Error/>"),
    )
    page.goto(someone.site)
    words = "The connection broke." if kind == "lost" else "This address does not answer as Chatkeep does."
    expect(page.get_by_role("alert")).to_contain_text(words)
    page.unroute("**/configuration.json")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_token_near_its_end_is_renewed_once_for_all_who_ask(someone: Person, sign_in: SignInPage) -> None:
    console = enter(visit(someone))
    console.page.evaluate(NEAR_ITS_END % 30_000, KEPT)
    console.page.reload()
    expect(console.page.get_by_text("No conversations yet.")).to_be_visible()
    console.go("Usage")
    expect(console.page.locator("chatkeep-usage")).to_be_visible()
    console.go("Chat")
    console.say("hello")
    console.expect_answer("echo: hello")
    assert sign_in.grants("refresh_token") == 1


def test_two_requests_at_once_share_one_renewal(someone: Person, sign_in: SignInPage) -> None:
    console = enter(visit(someone))
    console.page.evaluate(NEAR_ITS_END % 30_000, KEPT)
    found = console.page.evaluate(
        """async () => {
          const { _client } = document.querySelector("chatkeep-console");
          return (await Promise.all(["/sessions", "/stats", "/preferences"].map((one) => _client.get(one)))).length;
        }"""
    )
    assert (found, sign_in.grants("refresh_token")) == (3, 1)


def test_a_token_that_cannot_be_renewed_just_now_is_used_to_its_end(someone: Person, sign_in: SignInPage) -> None:
    console = enter(visit(someone))
    sign_in.fault = (503, {}, b"")
    console.page.evaluate(NEAR_ITS_END % 30_000, KEPT)
    console.say("hello")
    console.expect_answer("echo: hello")
    assert sign_in.grants("refresh_token") > 0


def test_a_renewal_that_fails_is_tried_again_by_the_request_that_needs_it(someone: Person, sign_in: SignInPage) -> None:
    console = enter(visit(someone))
    lost: list[str] = []

    def lose_the_first(route: object) -> None:
        lost.append("")
        route.abort() if len(lost) == 1 else route.continue_()  # type: ignore[attr-defined]

    console.page.route("**/oauth2/token", lose_the_first)
    console.page.evaluate(NEAR_ITS_END % -1_000, KEPT)
    console.say("hello")
    console.expect_answer("echo: hello")
    assert sign_in.grants("refresh_token") == 1


def test_a_sign_in_that_has_ended_is_told_and_the_draft_kept(someone: Person, sign_in: SignInPage) -> None:
    with someone.runner.client(someone.name) as api:
        session_id = api.post("/sessions", json={"title": "Mine"}).json()["session_id"]
    console = enter(visit(someone, f"#/chat/{session_id}"))
    console.box.fill("half a thought")
    sign_in.refresh.clear()
    console.page.evaluate(NEAR_ITS_END % 30_000, KEPT)
    console.go("Usage")
    expect_signed_out(console.page, ENDED)
    console.page.goto(f"{someone.site}/#/chat/{session_id}")
    expect(enter(console.page).box).to_have_value("half a thought")


def test_a_draft_is_not_shown_to_the_next_user_of_the_browser(someone: Person, sign_in: SignInPage) -> None:
    console = enter(visit(someone))
    console.box.fill("for nobody else")
    console.page.evaluate(SPOILT, KEPT)
    console.go("Usage")
    expect_signed_out(console.page, "You are signed out.")
    console.page.goto(f"{someone.site}/#/chat")
    sign_in.user = "somebody-else"
    expect(enter(console.page).box).to_have_value("")


def say(console: Console) -> None:
    console.say("hello")


def show_archive(console: Console) -> None:
    console.place("Archive")


def show_usage(console: Console) -> None:
    console.go("Usage")


def show_settings(console: Console) -> None:
    console.go("Settings")


@pytest.mark.parametrize("act", [say, show_archive, show_usage, show_settings])
def test_a_token_that_the_api_refuses_ends_at_the_signed_out_page_whoever_asked(someone: Person, act: object) -> None:
    console = enter(visit(someone))
    expect(console.page.get_by_text("No conversations yet.")).to_be_visible()
    console.page.evaluate(SPOILT, KEPT)
    act(console)  # type: ignore[operator]
    expect_signed_out(console.page, "You are signed out.")
    assert console.page.url.startswith(someone.site)


def test_a_question_that_was_refused_is_asked_after_the_next_sign_in(someone: Person) -> None:
    with someone.runner.client(someone.name) as api:
        session_id = api.post("/sessions", json={"title": "Mine"}).json()["session_id"]
    console = enter(visit(someone, f"#/chat/{session_id}"))
    expect(console.page.get_by_text("What is on your mind?")).to_be_visible()
    console.page.evaluate(SPOILT, KEPT)
    console.say("hello")
    expect_signed_out(console.page, "You are signed out.")
    console = enter(console.page)
    console.expect_answer("echo: hello")


def test_signing_out_leaves_nothing_here_or_at_the_page(someone: Person, sign_in: SignInPage) -> None:
    console = enter(visit(someone))
    console.box.fill("half a thought")
    page = console.page
    with page.expect_request(re.compile("/logout")) as leaving:
        page.get_by_role("button", name="Sign out").click()
    parts = urlsplit(leaving.value.url)
    assert (parts.netloc, parts.path) == (sign_in.host, "/logout")
    assert dict(parse_qsl(parts.query)) == {"client_id": "chatkeep", "logout_uri": f"{someone.site}/"}
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.url == f"{someone.site}/"
    assert json.loads(page.evaluate("JSON.stringify({ ...sessionStorage, ...localStorage })")) == {}
    assert sign_in.refresh == set()


def test_tokens_may_be_asked_for_at_the_page_and_nowhere_else(someone: Person, sign_in: SignInPage) -> None:
    page = visit(someone)
    answer = page.request.get(someone.site)
    assert f"connect-src 'self' https://{sign_in.host};" in answer.headers["content-security-policy"]
