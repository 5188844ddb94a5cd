"""The page of the console's manual, on a site of somebody else: its elements work there as the manual says."""

import re
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.pages import Person
from tests.browser.test_chat import WORDS, slow
from tests.runner import ROOT

CONSOLE = ROOT / "infra" / "console"
PAGE = re.findall(r"```html\n(.*?)```", (CONSOLE / "README.md").read_text(encoding="utf-8"), re.DOTALL)
OTHERS = """<!doctype html>
<link rel="stylesheet" href="own.css" />
<script type="module" src="chatkeep/elements.js"></script>
<chatkeep-sessions></chatkeep-sessions><chatkeep-usage></chatkeep-usage><chatkeep-settings></chatkeep-settings>
<script type="module">
  import { Client } from "./chatkeep/elements.js";
  const client = new Client("https://api.example.com/v1", async () => (await fetch("/my-token")).text());
  for (const element of document.querySelectorAll("chatkeep-sessions, chatkeep-usage, chatkeep-settings")) {
    element.client = client;
  }
</script>
"""
TWICE = """
([api, token, sessionId]) => {
  document.body.innerHTML = "";
  for (const id of ["one", "other"]) {
    const chat = Object.assign(document.createElement("chatkeep-chat"), { id, api, sessionId, token: () => token });
    chat.style.height = "300px";
    document.body.append(chat);
  }
}
"""
HEAR = """
globalThis.told = [];
addEventListener("problem", ({ target, detail }) => told.push(`${target.localName} ${detail.code}`));
"""
STYLES = "chatkeep-chat { height: 90vh; --chatkeep-accent: rgb(180, 0, 90); --chatkeep-surface: rgb(250, 245, 240); }"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


@pytest.fixture
def site(tmp_path: Path, someone: Person) -> Iterator[str]:
    """A site with the manual's page, one with the other elements, and a token for whoever asks."""
    shutil.copytree(CONSOLE, tmp_path / "chatkeep", ignore=shutil.ignore_patterns("packages"))
    for name, page in (("index.html", PAGE[0]), ("others.html", OTHERS)):
        (tmp_path / name).write_text(page.replace("https://api.example.com/v1", someone.runner.url), encoding="utf-8")
    (tmp_path / "own.css").write_text(STYLES, encoding="utf-8")
    (tmp_path / "my-token").write_text(someone.runner.token(someone.name), encoding="utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_manual_has_a_page_of_ten_lines() -> None:
    assert len(PAGE[0].strip().splitlines()) <= 10


def test_the_manuals_page_chats_in_its_own_colours_and_tells_of_it(someone: Person, site: str) -> None:
    page = someone.context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(site)
    box = page.get_by_role("textbox", name="Message")
    box.fill("hello from elsewhere")
    box.press("Enter")
    expect(page.locator("chatkeep-text")).to_have_text("echo: hello from elsewhere")
    expect(page.locator("chatkeep-chat")).to_have_css("background-color", "rgb(250, 245, 240)")
    expect(page.get_by_role("button", name="Send")).to_have_css("background-color", "rgb(180, 0, 90)")
    with someone.runner.client(someone.name) as api:
        (session,) = api.get("/sessions").json()["sessions"]
    assert session["session_id"] in said


def test_the_other_elements_share_a_client(someone: Person, site: str) -> None:
    with someone.runner.client(someone.name) as api:
        session_id = api.post("/sessions", json={"title": "Shared"}).json()["session_id"]
        api.post(f"/sessions/{session_id}/messages", json={"content": "one two"}).raise_for_status()
    page = someone.context.new_page()
    page.goto(f"{site}/others.html")
    expect(page.locator("chatkeep-sessions chatkeep-list li")).to_contain_text("Shared")
    expect(page.locator("chatkeep-usage canvas")).to_have_count(4)
    expect(page.get_by_label("Temperature")).to_be_visible()


def test_an_element_without_a_token_says_so_and_tells_the_page(someone: Person, site: str) -> None:
    page = someone.context.new_page()
    page.route("**/my-token", lambda route: route.fulfill(body="nonsense"))
    page.goto(site)
    page.evaluate("addEventListener('problem', ({ detail }) => (globalThis.told = detail.code))")
    box = page.get_by_role("textbox", name="Message")
    box.fill("hello")
    box.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("You are signed out.")
    assert page.evaluate("globalThis.told") == "unauthorized"
    expect(box).to_have_value("hello")


def test_every_element_tells_the_page_what_went_wrong(someone: Person, site: str) -> None:
    page = someone.context.new_page()
    page.add_init_script(HEAR)
    page.route("**/my-token", lambda route: route.fulfill(body="nonsense"))
    page.goto(f"{site}/others.html")
    for name in ("sessions", "usage", "settings"):
        page.wait_for_function(f"told.includes('chatkeep-{name} unauthorized')")


def test_two_chats_of_one_conversation_and_another_address_at_run_time(someone: Person) -> None:
    session_id = slow(someone)
    page = someone.opens().page
    page.evaluate(TWICE, ["/v1", someone.runner.token(someone.name), session_id])
    one, other = page.locator("#one"), page.locator("#other")
    one.get_by_role("textbox").fill(WORDS)
    one.get_by_role("textbox").press("Enter")
    for chat in (one, other):
        expect(chat.locator("chatkeep-text")).to_contain_text("word20")
    one.evaluate("chat => chat.remove()")
    other.evaluate("chat => { chat.api = `${location.origin}/v1/`; }")
    expect(other.locator("chatkeep-text")).to_contain_text("word20")
    other.evaluate("chat => { chat.sessionId = ''; }")
    expect(page.get_by_text("What is on your mind?")).to_be_visible()


def test_a_token_that_cannot_be_had_is_a_sign_in_that_is_missing(someone: Person, site: str) -> None:
    page = someone.context.new_page()
    page.goto(site)
    chat = page.locator("chatkeep-chat")
    chat.evaluate("chat => { chat.token = () => { throw new Error('nobody is signed in'); }; }")
    page.get_by_role("textbox", name="Message").fill("hello")
    page.get_by_role("textbox", name="Message").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("You are signed out.")
