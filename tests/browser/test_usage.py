"""Usage and settings: plots of the days, preferences, and the end of one's data."""

from functools import partial
from typing import Any

from playwright.sync_api import Route, expect

from tests.browser.conftest import PRICED
from tests.browser.pages import Person
from tests.browser.test_accessibility import violations
from tests.browser.test_sessions import made


def test_days_are_plotted_and_their_numbers_stand_beside(someone: Person) -> None:
    console = someone.opens()
    console.go("Usage")
    expect(console.page.get_by_text("Nothing was used in these 30 days.")).to_be_visible()
    console.go("Chat")
    console.say("one two three")
    console.expect_answer("echo: one two three")
    console.go("Usage")
    expect(console.page.locator("chatkeep-usage canvas")).to_have_count(4)
    figure = console.page.locator("figure").filter(has_text="Tokens")
    expect(figure.locator("output")).to_have_text("7")
    figure.get_by_text("Table").click()
    expect(figure.locator("tbody tr")).to_have_count(30)
    expect(figure.locator("tbody tr").first).to_contain_text("7")
    console.page.get_by_role("button", name="7 days").click()
    expect(figure.locator("tbody tr")).to_have_count(7)
    models = console.page.get_by_role("region", name="By model")
    expect(models.locator("tbody tr")).to_have_count(1)
    expect(models.locator("tbody tr")).to_contain_text("scripted:echo")
    expect(console.page.locator("chatkeep-usage dl")).to_contain_text("no ratings yet")


def test_preferences_are_saved_and_a_wrong_one_is_named(someone: Person) -> None:
    console = someone.opens("settings")
    console.page.get_by_label("Longest answer, in tokens").fill("321")
    console.page.get_by_role("button", name="Save", exact=True).click()
    expect(console.page.get_by_text("Saved.")).to_be_visible()
    console.page.reload()
    expect(console.page.get_by_label("Longest answer, in tokens")).to_have_value("321")
    console.page.get_by_label("What the assistant is told first").fill(
        "é" * 20_000
    )  # within the characters, not the bytes
    console.page.get_by_role("button", name="Save", exact=True).click()
    expect(console.page.get_by_role("alert")).to_contain_text("custom_system_prompt")


def test_models_stand_with_their_prices_and_can_be_chosen(someone: Person) -> None:
    console = someone.opens("settings")
    models = console.page.get_by_role("region", name="Models")
    expect(models.locator("tbody tr")).to_have_count(2)
    haiku = models.get_by_role("row", name=PRICED)
    expect(haiku).to_contain_text("200,000 $1.00 $5.00 yes yes")
    console.page.get_by_label("Model", exact=True).fill(PRICED)
    console.page.get_by_role("button", name="Save", exact=True).click()
    expect(console.page.get_by_text("Saved.")).to_be_visible()
    with someone.runner.client(someone.name) as api:
        assert api.get("/preferences").json()["default_model"] == PRICED


def test_a_model_is_chosen_by_what_it_reads_and_costs(someone: Person) -> None:
    console = someone.opens("settings")
    option = console.page.locator(f"datalist option[value='{PRICED}']")
    expect(option).to_have_attribute("label", "reads 200,000 tokens · $1.00 read, $5.00 written")


def titling(kept: dict[str, Any], route: Route) -> None:
    """The preferences of a server that gives titles."""
    if route.request.method == "GET":
        route.fulfill(json={**route.fetch().json(), "generate_titles": True})
    else:
        kept.update(route.request.post_data_json)
        route.fulfill(json=kept)


def test_titles_can_be_switched_off_where_the_server_gives_some(someone: Person) -> None:
    console = someone.opens()
    kept: dict[str, Any] = {}
    console.page.route("**/v1/preferences", partial(titling, kept))
    console.go("Settings")
    titles = console.page.get_by_label("Give new conversations a title after their first answer")
    expect(titles).to_be_checked()
    assert violations(console.page) == []
    titles.uncheck()
    console.page.get_by_role("button", name="Save", exact=True).click()
    expect(console.page.get_by_text("Saved.")).to_be_visible()
    assert kept["generate_titles"] is False
    expect(titles).not_to_be_checked()


SUMMARISE = "Summarise older messages for the model, before its context is full"


def test_new_conversations_are_summarised_where_that_is_wanted(someone: Person) -> None:
    console = someone.opens("settings")
    wanted = console.page.get_by_label(SUMMARISE)
    before = wanted.is_checked()
    wanted.set_checked(not before)
    console.page.get_by_role("button", name="Save", exact=True).click()
    expect(console.page.get_by_text("Saved.")).to_be_visible()
    with someone.runner.client(someone.name) as api:
        assert api.get("/preferences").json()["enable_auto_summarization"] is not before


def test_a_conversation_is_told_what_to_do_when_it_grows_too_long(someone: Person) -> None:
    (session_id,) = made(someone, "Long", enable_summarization=False)
    console = someone.opens(f"chat/{session_id}")
    opener = console.page.get_by_role("button", name="Settings of the conversation")
    opener.click()
    dialog = console.page.get_by_role("dialog", name="Settings of the conversation")
    expect(dialog.get_by_label("Give no answer, and say why")).to_be_checked()
    for scheme in ("light", "dark"):
        console.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert violations(console.page) == []
    dialog.get_by_label("Leave the oldest messages out").check()
    dialog.get_by_label(SUMMARISE).check()
    console.page.route("**/sessions/*", lambda route: route.fulfill(status=500, json={"code": "internal_error"}))
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Something broke on the server.")
    console.page.unroute("**/sessions/*")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    with someone.runner.client(someone.name) as api:
        session = api.get(f"/sessions/{session_id}").json()
    assert (session["enable_summarization"], session["on_overflow"]) == (True, "trim")
    opener.click()
    expect(dialog.get_by_label("Leave the oldest messages out")).to_be_checked()
    console.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_all_data_is_deleted_and_the_receipt_fills(someone: Person) -> None:
    console = someone.opens()
    console.say("hello")
    console.expect_answer("echo: hello")
    console.box.fill("a draft")
    console.go("Settings")
    console.page.get_by_label("To delete everything").fill(someone.name)
    console.page.get_by_role("button", name="Delete everything").click()
    receipt = console.page.locator(".receipt")
    expect(receipt).to_contain_text("Done", timeout=30_000)
    assert console.page.evaluate("Object.values(localStorage)") == [someone.name]  # whom the page was for last
    expect(receipt.locator("dt:text-is('messages') + dd")).to_have_text("2")
    with someone.runner.client(someone.name) as api:
        assert api.get("/sessions").json()["sessions"] == []


def test_any_temperature_that_the_api_takes_can_be_saved(someone: Person) -> None:
    with someone.runner.client(someone.name) as api:
        preferences = api.get("/preferences").json()
        api.put("/preferences", json={**preferences, "default_temperature": 0.25}).raise_for_status()
    console = someone.opens("settings")
    expect(console.page.get_by_label("Temperature")).to_have_value("0.25")
    console.page.get_by_label("Longest answer, in tokens").fill("321")
    console.page.get_by_role("button", name="Save", exact=True).click()
    expect(console.page.get_by_text("Saved.")).to_be_visible()


def test_settings_that_could_not_be_read_are_read_on_request(someone: Person) -> None:
    console = someone.opens()
    console.page.route("**/preferences", lambda route: route.fulfill(status=500, json={"code": "internal_error"}))
    console.go("Settings")
    expect(console.page.locator("chatkeep-settings").get_by_role("alert")).to_contain_text("Something broke")
    console.page.unroute("**/preferences")
    console.page.locator("chatkeep-settings").get_by_role("button", name="Try again").click()
    expect(console.page.get_by_label("Temperature")).to_be_visible()


def test_the_receipt_is_there_for_those_who_come_back_and_two_clicks_ask_once(someone: Person) -> None:
    console = someone.opens()
    console.say("hello")
    console.expect_answer("echo: hello")
    console.go("Settings")
    asked: list[str] = []
    console.page.on("request", lambda one: asked.append(one.method) if one.url.endswith("/me") else None)
    console.page.get_by_label("To delete everything").fill(someone.name)
    console.page.get_by_role("button", name="Delete everything").dblclick()
    expect(console.page.locator(".receipt")).to_be_visible()
    assert asked.count("DELETE") == 1
    console.go("Chat")
    console.go("Settings")
    expect(console.page.locator(".receipt")).to_contain_text("Done", timeout=30_000)


def test_a_receipt_fills_on_over_a_failing_look(someone: Person) -> None:
    console = someone.opens("settings")
    console.page.route("**/deletions/*", lambda route: route.fulfill(status=500, json={"code": "internal_error"}))
    console.page.get_by_label("To delete everything").fill(someone.name)
    console.page.get_by_role("button", name="Delete everything").click()
    expect(console.page.locator("chatkeep-settings").get_by_role("alert")).to_contain_text("Something broke")
    console.page.unroute("**/deletions/*")
    expect(console.page.locator(".receipt")).to_contain_text("Done", timeout=30_000)
