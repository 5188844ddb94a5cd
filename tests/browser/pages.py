"""A person in front of the console: pages whose faults are remembered, and what one does on them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.runner import Runner

VIOLATIONS = """
globalThis.violations = [];
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  globalThis.violations.push(`${violatedDirective} ${blockedURI}`), true);
"""
EXPECTED = "Failed to load resource"
"""What Chromium says of each answer that is no success; the tests look at those themselves."""


@dataclass
class Person:
    """A user with a browser of their own; `faults` are the errors of all of its pages."""

    runner: Runner
    context: BrowserContext
    name: str
    faults: list[str] = field(default_factory=list)

    def opens(self, place: str = "") -> "Console":
        """A page that is opened by the address which signs in."""
        page = self.watched()
        page.goto(f"{self.site}/#token={self.runner.token(self.name)}")
        console = Console(page)
        expect(console.box).to_be_visible()
        if place:
            page.goto(f"{self.site}/#/{place}")
        return console

    def watched(self) -> Page:
        """An empty page, whose errors are remembered."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("console", lambda said: self._hear(said.type, said.text))
        return page

    @property
    def site(self) -> str:
        return self.runner.url.removesuffix("/v1")

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and EXPECTED not in text:
            self.faults.append(f"{kind}: {text}")


@dataclass(frozen=True)
class Console:
    """One page of the console."""

    page: Page

    @property
    def box(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message", exact=True)

    @property
    def rows(self) -> Locator:
        return self.page.locator("chatkeep-sessions chatkeep-list li")

    @property
    def answers(self) -> Locator:
        return self.page.locator("chatkeep-message chatkeep-text")

    def say(self, words: str) -> None:
        self.box.fill(words)
        self.box.press("Enter")

    def expect_answer(self, words: str) -> None:
        """The last answer is whole, and has these words."""
        expect(self.answers.last).to_contain_text(words)
        expect(self.page.get_by_role("button", name="Send", exact=True)).to_be_visible()

    def go(self, page: str) -> None:
        self.page.get_by_role("navigation", name="Pages").get_by_role("button", name=page, exact=True).click()

    def place(self, name: str) -> None:
        """Show the archive, the trash, or the conversations."""
        places = self.page.get_by_role("navigation", name="Which conversations")
        places.get_by_role("button", name=name, exact=True).click()

    def violations(self) -> list[str]:
        found: list[str] = self.page.evaluate("globalThis.violations")
        return found


@contextmanager
def person(browser: Browser, runner: Runner, name: str, **options: Any) -> Iterator[Person]:
    """Somebody with a browser of their own. Raises AssertionError where a page had an error or broke the policy."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, "locale": "en-US"} | options)
    context.add_init_script(VIOLATIONS)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    someone = Person(runner, context, name)
    try:
        yield someone
        violations = [one for page in context.pages for one in Console(page).violations()]
        found = [*someone.faults, *violations]
        assert not found, found
    finally:
        context.close()
