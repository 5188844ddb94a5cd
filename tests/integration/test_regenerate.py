"""Answers that are made again: the branch that is shown, the agent's memory, and what stays of the versions before."""

from collections.abc import Iterator
from typing import Any

import pytest

from chatkeep.agent import runtime
from chatkeep.jobs.due import now_due
from tests.cases import cases
from tests.chat import deployment, new_session, send_again, sent, sent_again
from tests.client import Client
from tests.faults.stored import scan
from tests.lives import carry_out
from tests.views import Views, transcript, views

Answer = dict[str, Any]


@pytest.fixture(autouse=True)
def varied(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each answer has other words, and tells how many messages the graph was given."""
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:varied"}):
        yield


@pytest.fixture
def session_id(api: Client) -> str:
    return new_session(api)


def asked(api: Client, session_id: str, *questions: str) -> list[Answer]:
    return [sent(api, session_id, one) for one in questions]


def id_of(answer: Answer) -> str:
    return str(answer["message"]["message_id"])


def settled(dynamodb: Any, api: Client, session_id: str) -> Views:
    found = views(dynamodb, str(api.user_id), session_id)
    found.check()
    found.check_nothing_is_pending()
    return found


def said(found: Views) -> list[str]:
    """The texts of the transcript, without the numbers of the answers."""
    return [one["content"].partition(": ")[2] or one["content"] for one in found.transcript]


def test_an_answer_is_made_again_from_the_thread_before_it(api: Client, dynamodb: Any, session_id: str) -> None:
    one, two = asked(api, session_id, "one", "two")
    again = sent_again(api, session_id, id_of(two))
    assert again["user_message"] == two["user_message"]
    assert again["message"]["content"].endswith(": 3 two"), "two messages of the first turn, and the question"
    assert again["message"]["message_id"] > id_of(two)
    assert again["message"]["parent_id"] == two["user_message"]["message_id"]
    assert again["message"]["siblings"] == [id_of(two), id_of(again)]
    found = settled(dynamodb, api, session_id)
    assert found.transcript == [one["user_message"], one["message"], again["user_message"], again["message"]]


def test_the_conversation_goes_on_from_the_new_version(api: Client, dynamodb: Any, session_id: str) -> None:
    answers = asked(api, session_id, "one", "two", "three")
    sent_again(api, session_id, id_of(answers[1]))
    assert said(settled(dynamodb, api, session_id)) == ["one", "1 one", "two", "3 two"]
    sent(api, session_id, "four")
    assert said(settled(dynamodb, api, session_id)) == ["one", "1 one", "two", "3 two", "four", "5 four"]
    sent_again(api, session_id, id_of(answers[0]))
    assert said(settled(dynamodb, api, session_id)) == ["one", "1 one"]
    sent(api, session_id, "five")
    assert said(settled(dynamodb, api, session_id)) == ["one", "1 one", "five", "3 five"]


@pytest.mark.parametrize("process", cases(["the same", "another"], thorough=["the same"]))
def test_a_process_that_has_not_seen_the_thread_makes_an_answer_again_as_well(
    api: Client, dynamodb: Any, session_id: str, monkeypatch: pytest.MonkeyPatch, process: str
) -> None:
    _, two, _ = asked(api, session_id, "one", "two", "three")
    for _ in range(3):
        if process == "another":
            runtime.saver.cache_clear()
            runtime.tools.cache_clear()
        assert sent_again(api, session_id, id_of(two))["message"]["content"].endswith(": 3 two")
        settled(dynamodb, api, session_id)


@pytest.mark.thorough
def test_the_same_answer_is_made_again_twenty_times_in_a_long_conversation(
    api: Client, dynamodb: Any, session_id: str
) -> None:
    answers = asked(api, session_id, *(f"question {number}" for number in range(30)))
    versions = [id_of(answers[10])]
    for number in range(20):
        versions.append(id_of(sent_again(api, session_id, versions[number % 2 and -1])))
    found = settled(dynamodb, api, session_id)
    assert found.transcript[-1]["siblings"] == versions
    assert said(found)[-1] == "21 question 10"
    assert len(found.transcript) == 22
    assert found.session["message_count"] == len(found.messages) == 80


@pytest.mark.parametrize("limit", cases([1, 3, 200], thorough=[1, 200]))
def test_each_order_shows_the_active_branch_page_by_page(api: Client, session_id: str, limit: int) -> None:
    answers = asked(api, session_id, *(f"question {number}" for number in range(6)))
    for number in (4, 3, 3, 1):
        sent_again(api, session_id, id_of(answers[number]))
        asked(api, session_id, "more", "and more")
    expected = [one["message_id"] for one in transcript(api, session_id)]
    assert len(expected) == 4 + 4
    for order, ids in (("asc", expected), ("desc", expected[::-1])):
        shown: list[str] = []
        options: dict[str, Any] = {"limit": limit, "order": order}
        while options.get("cursor", "") is not None:
            page = api.get(f"/sessions/{session_id}/messages", params=options).json
            shown += [one["message_id"] for one in page["messages"]]
            options["cursor"] = page["next_cursor"]
        assert shown == ids


def test_messages_of_inactive_branches_stay_readable_one_by_one(api: Client, session_id: str) -> None:
    _, two, three = asked(api, session_id, "one", "two", "three")
    again = sent_again(api, session_id, id_of(two))
    for old in (two["message"], three["user_message"], three["message"]):
        found = api.get(f"/sessions/{session_id}/messages/{old['message_id']}").json
        siblings = [id_of(two), id_of(again)] if old == two["message"] else [old["message_id"]]
        assert found == {**old, "siblings": siblings}


def test_an_inactive_answer_is_rated_and_counted_like_any(api: Client, dynamodb: Any, session_id: str) -> None:
    (one,) = asked(api, session_id, "one")
    again = sent_again(api, session_id, id_of(one))
    path = f"/sessions/{session_id}/messages/{id_of(one)}/feedback"
    rated = api.put(path, json={"rating": "thumbs_up"}).json
    assert (rated["feedback"]["rating"], rated["siblings"]) == ("thumbs_up", [id_of(one), id_of(again)])
    assert api.get(f"/sessions/{session_id}/stats").json["thumbs_up"] == 1
    assert api.delete(path).json["feedback"] is None
    settled(dynamodb, api, session_id)


def test_all_messages_of_a_turn_with_tools_are_made_again(api: Client, dynamodb: Any, session_id: str) -> None:
    _, two, _ = asked(api, session_id, "one", "tool two", "three")
    before = transcript(api, session_id)
    again = sent_again(api, session_id, id_of(two))
    found = settled(dynamodb, api, session_id)
    assert [one["role"] for one in found.transcript[2:]] == ["user", "assistant", "tool", "assistant"]
    assert found.transcript[3]["siblings"] == [before[3]["message_id"], found.transcript[3]["message_id"]]
    assert [one["siblings"] for one in found.transcript[4:]] == [[one["message_id"]] for one in found.transcript[4:]]
    assert id_of(again) == found.transcript[-1]["message_id"]


def test_a_turns_call_of_a_tool_stands_for_its_answer(api: Client, dynamodb: Any, session_id: str) -> None:
    asked(api, session_id, "tool one", "two")
    call = transcript(api, session_id)[1]
    assert call["tool_calls"]
    sent_again(api, session_id, call["message_id"])
    assert [one["role"] for one in settled(dynamodb, api, session_id).transcript] == [
        "user", "assistant", "tool", "assistant",
    ]  # fmt: skip


def test_a_turn_that_began_with_answers_to_open_calls_keeps_them(api: Client, dynamodb: Any, session_id: str) -> None:
    _, two = asked(api, session_id, "open one", "two")
    before = settled(dynamodb, api, session_id)
    for _ in range(2):
        sent_again(api, session_id, id_of(two))
        found = settled(dynamodb, api, session_id)
        assert found.transcript[:-1] == before.transcript[:-1]
        assert [one["role"] for one in found.transcript] == ["user", "assistant", "tool", "user", "assistant"]
    assert said(found)[-1] == "4 two"


def test_a_question_over_the_item_limit_is_asked_again_whole(api: Client, dynamodb: Any, session_id: str) -> None:
    long = "\U0001f600" * 90_000
    (one,) = asked(api, session_id, long)
    assert sent_again(api, session_id, id_of(one))["message"]["content"].endswith(f": 1 {long}")
    settled(dynamodb, api, session_id)


def test_a_repetition_gets_the_same_version(api: Client, dynamodb: Any, session_id: str) -> None:
    one, two = asked(api, session_id, "one", "two")
    again = sent_again(api, session_id, id_of(two), key="k")
    assert sent_again(api, session_id, id_of(two), key="k") == again
    other = send_again(api, session_id, id_of(one), key="k")
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")
    later = sent_again(api, session_id, id_of(two))
    repeated = sent_again(api, session_id, id_of(two), key="k")
    assert repeated["message"] == {**again["message"], "siblings": [id_of(two), id_of(again), id_of(later)]}
    assert len(settled(dynamodb, api, session_id).turns) == 4


def test_a_transcript_says_which_message_each_one_follows(api: Client, dynamodb: Any, session_id: str) -> None:
    asked(api, session_id, "tool one", "two")
    shown = transcript(api, session_id)
    assert [one["parent_id"] for one in shown] == [None, *(one["message_id"] for one in shown[:-1])]
    assert all(one["siblings"] == [one["message_id"]] for one in shown)


@pytest.mark.usefixtures("empty_tables")
def test_a_session_that_has_branched_goes_for_good_like_any(api: Client, dynamodb: Any, session_id: str) -> None:
    (one,) = asked(api, session_id, "one")
    sent_again(api, session_id, id_of(one))
    deleted = api.delete(f"/sessions/{session_id}?permanent=true").json
    carry_out(now_due())
    assert api.get(f"/deletions/{deleted['deletion_id']}").json["removed"]["messages"] == 3
    assert [key for key in scan(dynamodb) if session_id in key[1]] == []
