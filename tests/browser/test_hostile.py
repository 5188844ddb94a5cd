"""Models that say anything: nothing of it runs, loads, leads astray or holds up the page."""

import random

import pytest
from playwright.sync_api import Request, Route, expect

from tests.browser.pages import Person

HOSTILE = {
    "script": "<script>document.title = 'owned'</script>",
    "handler": "<img src=x onerror=\"document.title = 'owned'\"> <svg onload=\"document.title='owned'\">",
    "link": "[click](javascript:document.title='owned') [data](data:text/html,<b>1</b>) <javascript:alert(1)>",
    "image": "![tracker](https://example.invalid/pixel.png) ![x](//example.invalid/y.png)",
    "style": "<style>* { display: none }</style><link rel=stylesheet href=https://example.invalid/x.css>",
    "frame": "<iframe src=https://example.invalid></iframe><form action=https://example.invalid><input></form>",
    "autolink": "https://example.invalid/\"onmouseover=\"document.title='owned'",
    "direction": "a \u202edesrever\u202c b \u2066c",
    "quotes": ">" * 1_000 + " deep",
    "brackets": "[" * 5_000,
    "emphasis": "*_" * 5_000,
    "line": "x" * 90_000,
    "table": "|a" * 2_000 + "\n" + "|-" * 2_000,
    "code": "```html\n<script>document.title = 'owned'</script>\n```",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_words_are_shown_and_do_nothing(someone: Person, kind: str) -> None:
    console = someone.opens()
    asked: list[str] = []
    console.page.on("request", lambda request: asked.append(_host(request)))
    console.say(HOSTILE[kind])
    console.expect_answer("echo:")
    expect(console.page).to_have_title("New Conversation · Chatkeep")
    assert {host for host in asked if host} <= {someone.site}
    shown = console.answers.last
    for tag in ("script", "style", "iframe", "form", "img", "svg", "link", "object"):
        assert shown.locator(tag).count() == 0
    for link in shown.locator("a[href]").all():
        assert (link.get_attribute("href") or "").startswith(("http://", "https://", "mailto:"))
        assert "noopener" in (link.get_attribute("rel") or "")
    console.box.fill("the page still works")
    expect(console.box).to_have_value("the page still works")


def _host(request: Request) -> str:
    scheme, _, rest = request.url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}" if scheme in ("http", "https") else ""


def test_markdown_is_drawn(someone: Person) -> None:
    console = someone.opens()
    console.say("x\n\n# Title\n\n- one\n- two\n\n**bold** `code`\n\n```python\nprint('hi')\n```\n\n|a|b|\n|-|-|\n|1|2|")
    console.expect_answer("Title")
    shown = console.answers.last
    expect(shown.locator("h1")).to_have_text("Title")
    expect(shown.locator("li")).to_have_count(2)
    expect(shown.locator("td")).to_have_count(2)
    expect(shown.locator(".hljs-built_in")).to_have_text("print")
    shown.get_by_role("button", name="Copy").click()
    assert console.page.evaluate("navigator.clipboard.readText()") == "print('hi')\n"


DRAW = """
async ([pieces]) => {
  const { Text } = await import("/elements/text.js");
  const drawn = async (one) => {
    one._notBefore = 0;
    one.requestUpdate();
    await one.updateComplete;
    return one.renderRoot.innerHTML;
  };
  const grown = document.createElement("chatkeep-text"), whole = document.createElement("chatkeep-text");
  document.body.append(grown, whole);
  grown.isGrowing = true;
  for (const piece of pieces) { grown.text += piece; await drawn(grown); }
  grown.isGrowing = false;
  whole.text = pieces.join("");
  const both = [await drawn(grown), await drawn(whole)];
  grown.remove(); whole.remove();
  return both[0] === both[1] ? "" : both.join("\\n\\n");
}
"""
MARKS = (
    "# ", "- ", "* ", "1. ", "> ", "    ", "\t", "  ", "\n", "\n\n", "```\n", "```python\n", "`", "~~~\n", "**", "_",
    "~~", "[a]", "[a](b)", "[a]: https://example.invalid\n", "![x](y)", "<b>", "<details>", "</details>", "<!--", "-->",
    "<script>", "&amp;", "|a|b|\n|-|-|\n", "|", "---\n", "===\n", "\\", "words ", "é\u202e", "https://example.invalid ",
    "- [ ] ", "$x$", "\x00",
)  # fmt: skip


def test_words_that_grow_look_as_they_do_at_once_whatever_they_are(someone: Person) -> None:
    page = someone.opens().page
    chosen = random.Random(15)
    for _ in range(150):
        pieces = chosen.choices(MARKS, k=chosen.randint(1, 25))
        assert page.evaluate(DRAW, [pieces]) == "", pieces


def test_words_repeated_without_end_do_not_hold_up_the_page(someone: Person) -> None:
    page = someone.opens().page
    chosen = random.Random(16)
    page.set_default_timeout(10_000)
    repeated = [chosen.choices(MARKS, k=chosen.randint(1, 4)) for _ in range(60)]
    spaced = ["-" + " " * 30, "1." + " " * 50, ">" + " " * 40, "* " * 18 + " " * 200]
    for text in ["".join(one) * (30_000 // len("".join(one))) for one in repeated] + [
        one * 18 + "x\n" for one in spaced
    ]:
        page.evaluate(DRAW, [[text]])


@pytest.mark.parametrize(
    "unit", ["x", "word ", "[link](https://example.invalid) ", "- point\n", "|a|b|\n", "**b** ", "> "]
)
def test_two_hundred_kilobytes_are_shown_and_the_page_works_on(someone: Person, unit: str) -> None:
    console = someone.opens()
    console.say("hello")
    console.expect_answer("echo: hello")
    said = (unit * 200_000)[:200_000]

    def answer(route: Route) -> None:
        page = route.fetch().json()
        page["messages"][0]["content"] = said
        route.fulfill(json=page)

    console.page.route("**/messages?*", answer)
    console.page.reload()
    expect(console.answers.last).to_contain_text(unit.strip("> \n|").split("](")[0].strip("[*- "))
    assert console.answers.last.evaluate("one => one.text.length") == 200_000
    console.box.fill("the page still works")
    expect(console.box).to_have_value("the page still works")
