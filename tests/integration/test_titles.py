"""Titles that sessions get after their first turns: which do, when, from whom, and what it costs."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from chatkeep.models.details import Details
from chatkeep.models.session import Session
from chatkeep.models.titling import Titling
from chatkeep.telemetry import logger
from chatkeep.turns import titles
from functions.worker.settings import WorkerSettings
from functions.worker.titling import carrying_out
from functions.worker.titling.carrying_out import MOST_ATTEMPTS
from functions.worker.titling.prompt import INSTRUCTIONS, LONGEST
from tests.background import asked, nudged, run_worker
from tests.background import keys as turn_keys
from tests.chat import new_session, send, sent, sent_again
from tests.client import Client
from tests.jobs import carry_out_jobs, metrics, run_sweep, written
from tests.provider.openai import Endpoint
from tests.provider.openai_refusals import refusal
from tests.provider.openai_replies import Reply
from tests.provider.server import HangUp
from tests.streaming import StreamClient
from tests.titling import ECHOED, due_titles, job, keys, make_title, title, titled_soon
from tests.views import views

pytestmark = pytest.mark.usefixtures("empty_tables")
DEFAULT = "New Conversation"
OPENAI = "openai:gpt-4o"


@pytest.fixture
def session_id(api: Client) -> str:
    return titled_soon(api)


def calls(api: Client, session_id: str) -> list[str]:
    """The kinds of all calls of the session, in the order of its turns."""
    turns = api.get(f"/sessions/{session_id}/turns").json["turns"]
    return [call["kind"] for turn in reversed(turns) for call in turn["calls"]]


def check(dynamodb: Any, api: Client, session_id: str) -> None:
    found = views(dynamodb, str(api.user_id), session_id)
    found.check()
    found.check_nothing_is_pending()


def test_a_session_gets_a_title_after_its_first_turn(api: Client, session_id: str, dynamodb: Any) -> None:
    assert title(api, session_id) == DEFAULT
    assert make_title(api, session_id) == {"left": 0}
    assert title(api, session_id) == ECHOED
    assert (job(api, session_id), due_titles()) == (None, [])
    assert calls(api, session_id) == ["message", "title"]
    check(dynamodb, api, session_id)


def test_the_turns_answer_keeps_its_own_usage_and_the_record_has_the_titles_as_well(
    api: Client, session_id: str
) -> None:
    path = f"/sessions/{session_id}"
    answer = api.get(f"{path}/messages").json["messages"][-1]
    make_title(api, session_id)
    assert api.get(f"{path}/messages").json["messages"][-1] == answer
    (turn,) = api.get(f"{path}/turns").json["turns"]
    of_title = turn["calls"][1]["input_tokens"] + turn["calls"][1]["output_tokens"]
    total = answer["usage"]["total_tokens"] + of_title
    assert turn["usage"]["total_tokens"] == total == api.get(path).json["total_tokens_used"]
    (day,) = api.get("/stats/daily").json["days"]
    assert (day["turns"], [one["calls"] for one in day["by_model"]]) == (1, [2])


def test_a_title_moves_the_session_neither_in_the_list_nor_in_time(api: Client, session_id: str) -> None:
    later = titled_soon(api)
    before = api.get(f"/sessions/{session_id}").json
    make_title(api, session_id)
    listed = api.get("/sessions").json["sessions"]
    assert [one["session_id"] for one in listed] == [later, session_id]
    assert listed[1] == {name: listed[1][name] for name in before if name in listed[1]}
    assert (listed[1]["title"], listed[1]["updated_at"]) == (ECHOED, before["updated_at"])


def test_the_first_turn_alone_asks_for_a_title(api: Client, session_id: str) -> None:
    make_title(api, session_id)
    answer = sent(api, session_id, "and then?")
    sent_again(api, session_id, answer["message"]["message_id"])
    assert job(api, session_id) is None


def test_a_turn_without_messages_leaves_the_title_to_the_next(api: Client) -> None:
    session_id = new_session(api, model_name="scripted:fail")
    assert send(api, session_id, "hello").status == 503
    assert job(api, session_id) is None
    api.patch(f"/sessions/{session_id}", json={"model_name": "scripted:echo"})
    sent(api, session_id, "hello")
    make_title(api, session_id)
    assert title(api, session_id) == ECHOED


@pytest.mark.parametrize("settings", [{"title": "Mine"}, {"is_temporary": True}])
def test_a_session_with_a_title_or_for_a_day_gets_none(api: Client, settings: dict[str, Any]) -> None:
    session_id = new_session(api, **settings)
    sent(api, session_id, "hello")
    assert job(api, session_id) is None


def test_the_default_title_given_as_such_is_none(api: Client) -> None:
    titled_soon(api, title=DEFAULT)


def test_chats_of_front_ends_get_titles_too(api: Client) -> None:
    said = {"id": "m1", "role": "user", "parts": [{"type": "text", "text": "hello"}]}
    assert "[DONE]" in api.post("/chat", json={"id": "chat-1", "messages": [said]}).text
    (due,) = due_titles()
    run_worker(due)
    assert title(api, "chat-1") == ECHOED


def test_a_preference_turns_titles_off_and_on(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert api.put("/preferences", json={"generate_titles": False}).json["generate_titles"] is False
    session_id = new_session(api)
    sent(api, session_id, "hello")
    assert job(api, session_id) is None
    monkeypatch.setattr(carrying_out, "settings", lambda: WorkerSettings(False))
    api.put("/preferences", json={"generate_titles": True})
    other = titled_soon(api)
    make_title(api, other)
    assert title(api, other) == ECHOED


@pytest.mark.parametrize("by", ["the user", "the operator"])
def test_a_title_that_nobody_wants_any_more_is_not_made(
    api: Client, session_id: str, by: str, monkeypatch: pytest.MonkeyPatch, dynamodb: Any
) -> None:
    if by == "the user":
        api.put("/preferences", json={"generate_titles": False})
    else:
        monkeypatch.setattr(carrying_out, "settings", lambda: WorkerSettings(False))
    make_title(api, session_id)
    assert (title(api, session_id), calls(api, session_id), job(api, session_id)) == (DEFAULT, ["message"], None)
    check(dynamodb, api, session_id)


@pytest.mark.parametrize("given", ["Mine", DEFAULT])
def test_a_title_of_the_users_stays_whenever_it_is_given(
    api: Client, endpoint: Endpoint, given: str, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, during = (titled_soon(api, model_name=OPENAI) for _ in range(2))
    api.patch(f"/sessions/{before}", json={"title": given})
    make_title(api, before)
    assert (title(api, before), calls(api, before)) == (given, ["message"])
    ask = carrying_out.asking.ask

    def interrupted(*of: Any) -> Any:
        api.patch(f"/sessions/{during}", json={"title": given})
        return ask(*of)

    monkeypatch.setattr(carrying_out.asking, "ask", interrupted)
    make_title(api, during)
    assert (title(api, during), calls(api, during), job(api, during)) == (given, ["message", "title"], None)
    assert Session.find(api.user_id, during).wants_title is None  # type: ignore[union-attr]


def test_a_title_given_during_the_first_turn_stays(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = new_session(api)
    job_after = titles.job_after

    def rename(*of: Any) -> Any:
        api.patch(f"/sessions/{session_id}", json={"title": "Mine"})
        return job_after(*of)

    monkeypatch.setattr(titles, "job_after", rename)
    sent(api, session_id, "hello")
    make_title(api, session_id)
    assert (title(api, session_id), calls(api, session_id), job(api, session_id)) == ("Mine", ["message"], None)


def test_the_sessions_own_model_is_asked_with_the_beginnings_of_both(api: Client, endpoint: Endpoint) -> None:
    session_id = new_session(api, model_name=OPENAI, temperature=0.25, custom_system_prompt="Be brief.")
    endpoint.script = [Reply(words=["a" * 3_000]), Reply(words=["Reise ", "nach Lissabon"])]
    sent(api, session_id, "q" * 3_000)
    make_title(api, session_id)
    assert title(api, session_id) == "Reise nach Lissabon"
    of_title = endpoint.asked[-1]
    system, user = of_title["messages"]
    assert (of_title["model"], of_title["temperature"], system["content"]) == ("gpt-4o", 0.25, INSTRUCTIONS)
    assert user["content"] == f"Question: {'q' * LONGEST}…\n\nAnswer: {'a' * LONGEST}…"
    assert endpoint.violations == []


def test_a_title_that_the_header_has_no_room_for_is_shown_all_the_same(
    api: Client, endpoint: Endpoint, dynamodb: Any
) -> None:
    endpoint.script = [Reply(), Reply(words=["旅" * 100])]
    session_id = titled_soon(api, model_name=OPENAI)
    make_title(api, session_id)
    assert Details.find(api.user_id, session_id).title == title(api, session_id) == "旅" * 80  # type: ignore[union-attr]
    assert [one["title"] for one in api.get("/sessions").json["sessions"]] == ["旅" * 80]
    check(dynamodb, api, session_id)


def test_a_default_title_that_lies_apart_gives_way_too(api: Client) -> None:
    session_id = titled_soon(api)
    session = Session.find(api.user_id, session_id)
    assert session is not None
    session.update([Session.title.remove()])
    Details(api.user_id, session_id).update([Details.title.set(DEFAULT)])
    assert title(api, session_id) == DEFAULT
    make_title(api, session_id)
    assert title(api, session_id) == ECHOED


TROUBLE: dict[str, Any] = {
    "refuses": refusal(400, "invalid_request_error", "no"),
    "says nothing": Reply(words=()),
    "says nothing but marks": Reply(words=['"', "...", '"']),
    "filters": Reply(words=["A title"], finish="content_filter"),
    "refuses in words": Reply(words=(), refusal=["I cannot ", "name this"]),
    "breaks off": Reply(words=["A ", "title"], cut_after=2),
    "hangs up": HangUp(),
    "has no quota": refusal(402, "insufficient_quota", "pay"),
}


@pytest.mark.parametrize("name", TROUBLE)
def test_a_model_in_trouble_is_asked_again_later_and_then_no_more(
    name: str, api: Client, endpoint: Endpoint, dynamodb: Any, pass_time: Callable[[timedelta], None], capsys: Any
) -> None:
    session_id = titled_soon(api, model_name=OPENAI)
    endpoint.default = TROUBLE[name]
    capsys.readouterr()
    for attempt in range(1, MOST_ATTEMPTS + 1):
        make_title(api, session_id)
        check(dynamodb, api, session_id)
        waiting = job(api, session_id)
        assert waiting is None if attempt == MOST_ATTEMPTS else (waiting and waiting.error) is not None
        assert due_titles() == []
        make_title(api, session_id)  # too early: nobody is asked
        pass_time(timedelta(seconds=60 * 2**attempt))
    assert title(api, session_id) == DEFAULT
    session = Session.find(api.user_id, session_id)
    assert session is not None
    assert session.wants_title is None
    lines = written(capsys)
    assert {line["level"] for line in lines if "level" in line} <= {"INFO"}
    assert metrics(lines).keys() <= {"InputTokens", "OutputTokens", "CostMicroDollars"}


def test_a_model_that_recovers_gives_the_title_and_both_calls_are_counted(
    api: Client, endpoint: Endpoint, dynamodb: Any, pass_time: Callable[[timedelta], None]
) -> None:
    session_id = titled_soon(api, model_name=OPENAI)
    endpoint.script = [Reply(words=["..."]), Reply(words=["A title"])]
    make_title(api, session_id)
    pass_time(timedelta(minutes=2))
    make_title(api, session_id)
    assert (title(api, session_id), calls(api, session_id)) == ("A title", ["message", "title", "title"])
    check(dynamodb, api, session_id)


def test_a_model_that_is_too_slow_is_not_waited_for(
    api: Client, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = titled_soon(api)
    api.patch(f"/sessions/{session_id}", json={"model_name": "scripted:slow"})
    monkeypatch.setattr(carrying_out, "SECONDS", 6.0)
    monkeypatch.setattr("chatkeep.agent.models.scripted.SLOW_SECONDS", 30.0)
    began = time.monotonic()
    make_title(api, session_id)
    assert time.monotonic() - began < 5
    assert (title(api, session_id), (job(api, session_id) or Titling()).error) == (DEFAULT, "model_unavailable")
    assert calls(api, session_id) == ["message", "title"]  # what was heard of it is estimated
    check(dynamodb, api, session_id)


def test_a_fault_of_ours_is_told_to_the_operator_and_tried_again(
    api: Client, session_id: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(carrying_out.asking, "cleaned", lambda _: {}["a mistake"])
    capsys.readouterr()
    make_title(api, session_id)
    assert metrics(written(capsys))["JobsFailed"] == 1
    assert (job(api, session_id) or Titling()).error == "graph_failed"
    assert calls(api, session_id) == ["message", "title"]


@pytest.mark.parametrize("permanent", [False, True])
def test_a_session_that_is_deleted_gets_none_and_leaves_none(
    api: Client, session_id: str, permanent: bool, dynamodb: Any
) -> None:
    api.delete(f"/sessions/{session_id}" + ("?permanent=true" if permanent else ""))
    make_title(api, session_id)
    assert job(api, session_id) is None
    if permanent:
        carry_out_jobs()
        assert [one for one in items(dynamodb) if session_id in one["pk"]["S"]] == []
    else:
        api.post(f"/sessions/{session_id}/restore")
        assert (title(api, session_id), calls(api, session_id)) == (DEFAULT, ["message"])


def items(dynamodb: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dynamodb.scan(TableName="chatkeep-SessionsTable", ConsistentRead=True)["Items"]
    return found


def test_the_job_goes_with_its_session(api: Client, session_id: str, dynamodb: Any) -> None:
    api.delete(f"/sessions/{session_id}?permanent=true")
    carry_out_jobs()
    assert [one for one in items(dynamodb) if session_id in one["pk"]["S"]] == []


def test_what_a_session_uses_that_is_purged_meanwhile_counts_in_the_day_alone(
    api: Client, session_id: str, monkeypatch: pytest.MonkeyPatch, dynamodb: Any
) -> None:
    before = api.get("/stats/daily").json["days"][0]
    ask = carrying_out.asking.ask

    def interrupted(*of: Any) -> Any:
        api.delete(f"/sessions/{session_id}?permanent=true")
        carry_out_jobs()
        return ask(*of)

    monkeypatch.setattr(carrying_out.asking, "ask", interrupted)
    make_title(api, session_id)
    after = api.get("/stats/daily").json["days"][0]
    assert (after["turns"], after["by_model"][0]["calls"]) == (before["turns"], 2)
    assert after["input_tokens"] > before["input_tokens"]
    assert api.get("/stats").json["total_tokens"] == 0
    assert [one for one in items(dynamodb) if session_id in one["pk"]["S"]] == []


def test_two_nudges_at_once_ask_once(api: Client, session_id: str, dynamodb: Any) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: make_title(api, session_id), range(2)))
    assert (title(api, session_id), calls(api, session_id)) == (ECHOED, ["message", "title"])
    check(dynamodb, api, session_id)


def test_who_takes_longer_than_its_claim_stores_what_it_used_and_no_title_of_its_own(
    api: Client, session_id: str, monkeypatch: pytest.MonkeyPatch, pass_time: Callable[[timedelta], None], dynamodb: Any
) -> None:
    ask, late = carrying_out.asking.ask, [True]

    def slowly(*of: Any) -> Any:
        asked = ask(*of)
        if late and late.pop():
            pass_time(timedelta(seconds=70))
            make_title(api, session_id)
        return asked

    monkeypatch.setattr(carrying_out.asking, "ask", slowly)
    make_title(api, session_id)
    assert (title(api, session_id), calls(api, session_id)) == (ECHOED, ["message", "title", "title"])
    check(dynamodb, api, session_id)


@pytest.mark.parametrize("route", ["chat", "stream"])
def test_whoever_runs_the_turn_nudges_the_worker(
    route: str, api: Client, stream: StreamClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = new_session(api)
    with nudged(monkeypatch) as nudges:
        for content in ("hello", "again"):
            if route == "chat":
                sent(api, session_id, content)
            else:
                stream.post(session_id, content)
        assert nudges.to("TURNS_FUNCTION") == [[keys(api, session_id)]]


def test_an_answer_does_not_wait_for_a_nudge_that_takes_long(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = new_session(api)
    sent(api, new_session(api), "warm")
    with nudged(monkeypatch) as nudges:
        monkeypatch.setattr(nudges, "invoke", lambda **_: time.sleep(3))
        began = time.monotonic()
        sent(api, session_id, "hello")
        assert time.monotonic() - began < 2


def test_the_worker_itself_makes_the_title_of_a_background_turn_after_the_turns_that_follow(api: Client) -> None:
    session_id = new_session(api)
    first = asked(api, session_id, "hello")
    asked(api, session_id, "again", strategy="enqueue")
    assert run_worker(turn_keys(api, session_id, first)) == {"left": 0}
    assert (title(api, session_id), calls(api, session_id)) == (ECHOED, ["message", "title", "message"])


def test_a_title_whose_nudge_was_lost_is_found_by_the_sweep(
    api: Client, session_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nudged(monkeypatch) as nudges:
        assert run_sweep()["due"] == 1
        assert (nudges.to("TURNS_FUNCTION"), nudges.to("JOBS_FUNCTION")) == ([[keys(api, session_id)]], [])


def test_a_title_is_told_in_one_line_without_its_words_and_metered(
    api: Client, session_id: str, caplog: pytest.LogCaptureFixture, capsys: Any
) -> None:
    caplog.set_level("INFO", logger=logger.service)
    waiting = job(api, session_id)
    capsys.readouterr()
    make_title(api, session_id)
    (line,) = [vars(record) for record in caplog.records if record.message == "title asked for"]
    assert (line["session_id"], line["calls"], line["attempts"]) == (session_id, 1, 1)
    assert waiting is not None
    assert (line["turn_id"], "echo" in str(line["msg"])) == (waiting.turn_id, False)
    told = metrics(written(capsys))
    assert (told["InputTokens"], told["OutputTokens"]) == (line["input_tokens"], line["output_tokens"])
    assert "TurnsCompleted" not in told
