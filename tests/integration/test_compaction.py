"""Contexts that are summarised by hand: a turn in the background, with the guarantees of any other."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from chatkeep.agent.context import compaction
from tests.background import Nudges, keys, nudged, run_worker
from tests.chat import send, send_again, sent
from tests.client import Client, Response
from tests.conversations import ASKED, FACT, calls, limited, summaries, talk, told_a_fact, transcript
from tests.provider import openai_refusals
from tests.provider.openai_replies import Reply
from tests.provider.pauses import Pause
from tests.provider.small import Small, remembered
from tests.streaming import StreamClient, frames
from tests.views import views
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("empty_tables")


@pytest.fixture(autouse=True)
def nudges(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nudges]:
    with nudged(monkeypatch) as found:
        yield found


@pytest.fixture
def session_id(api: Client, small: Small) -> str:
    """A conversation whose first message has a fact."""
    return told_a_fact(api, 5, title="A trip")


def compact(api: Client, session_id: str, key: str | None = None) -> Response:
    return api.post(f"/sessions/{session_id}/compact", headers={"Idempotency-Key": key} if key else {})


def compacted(api: Client, session_id: str) -> dict[str, Any]:
    """The turn as it has ended."""
    asked = compact(api, session_id)
    assert (asked.status, asked.json["status"]) == (202, "queued"), asked.text
    run_worker(keys(api, session_id, asked.json["turn_id"]))
    turn: dict[str, Any] = api.get(f"/sessions/{session_id}/turns/{asked.json['turn_id']}").json
    return turn


def test_the_model_is_given_the_summary_from_then_on(
    api: Client, dynamodb: Any, user_id: str, small: Small, session_id: str
) -> None:
    before, full = transcript(api, session_id), small.prompts[-1]
    turn = compacted(api, session_id)
    assert (turn["status"], [one["kind"] for one in turn["calls"]]) == ("completed", ["summarization"])
    messages = transcript(api, session_id)
    assert messages[:-1] == before
    assert messages[-1] == turn["message"]
    (part,) = messages[-1]["parts"]
    assert part == {"type": "summary", "text": f"Known so far. {FACT}", "until_message_id": before[-1]["message_id"]}
    assert (messages[-1]["content"], messages[-1]["role"], messages[-1]["finish_reason"]) == ("", "assistant", None)
    assert sent(api, session_id, ASKED)["message"]["content"].startswith("Lisbon")
    assert small.prompts[-1] < full / 4
    views(dynamodb, user_id, session_id).check()


def test_summaries_go_on_from_one_made_by_hand(api: Client, small: Small, session_id: str) -> None:
    compacted(api, session_id)
    talk(api, session_id, 5)
    compacted(api, session_id)
    assert len(summaries(transcript(api, session_id))) == 2
    talk(api, session_id, 30, words=300)
    assert sent(api, session_id, ASKED)["message"]["content"].startswith("Lisbon")
    assert calls(api, session_id, "summarization") == small.summaries > 2


def test_the_same_key_is_the_same_turn(api: Client, nudges: Nudges, small: Small, session_id: str) -> None:
    first, again = compact(api, session_id, "k"), compact(api, session_id, "k")
    assert first.json == again.json
    run_worker(keys(api, session_id, first.json["turn_id"]))
    third = compact(api, session_id, "k")
    assert (third.status, third.json["status"], third.json["user_message"]) == (200, "completed", None)
    assert third.json["message"] == transcript(api, session_id)[-1]
    assert small.summaries == 1


def test_there_is_nothing_to_summarise_of_an_empty_session_or_twice(api: Client, small: Small, session_id: str) -> None:
    refused = compact(api, limited(api))
    assert (refused.status, refused.json["code"]) == (409, "nothing_to_summarize")
    compacted(api, session_id)
    turn = compacted(api, session_id)
    assert (turn["status"], turn["error"]["code"], turn["message"]) == ("failed", "nothing_to_summarize", None)
    assert small.summaries == 1


def test_a_summary_that_is_longer_than_the_conversation_is_not_used(
    api: Client, dynamodb: Any, user_id: str, small: Small
) -> None:
    small.padding = 0
    made = limited(api, title="Short")
    sent(api, made, "hi")
    small.summarise = lambda _: "and again " * 200
    turn = compacted(api, made)
    assert (turn["status"], turn["error"]["code"]) == ("failed", "nothing_to_summarize")
    assert [one["kind"] for one in turn["calls"]] == ["summarization"], "what was used is recorded"
    views(dynamodb, user_id, made).check()


def test_an_unknown_or_archived_session_is_refused(api: Client, session_id: str) -> None:
    assert compact(api, "no-such-session").status == 404
    api.patch(f"/sessions/{session_id}", json={"is_archived": True})
    assert (compact(api, session_id).status, compact(api.as_user("another"), session_id).status) == (409, 404)


@pytest.mark.parametrize("enabled", [True, False])
def test_it_needs_no_other_setting(api: Client, small: Small, session_id: str, enabled: bool) -> None:
    api.patch(f"/sessions/{session_id}", json={"enable_summarization": enabled, "model_options": {}})
    assert compacted(api, session_id)["status"] == "completed"
    assert sent(api, session_id, ASKED)["message"]["content"].startswith("Lisbon")


def test_a_long_conversation_is_summarised_part_by_part(api: Client, dynamodb: Any, user_id: str, small: Small) -> None:
    small.limit = 200_000
    made = told_a_fact(api, 40, words=600, title="Long", model_options={})
    small.limit = 8_000
    turn = compacted(api, made)
    assert (turn["status"], len(turn["calls"]) > 3) == ("completed", True)
    assert sent(api, made, ASKED)["message"]["content"].startswith("Lisbon")
    views(dynamodb, user_id, made).check()


@pytest.mark.parametrize("ending", [False, True], ids=["as the last question", "answered by many words"])
def test_what_is_long_may_stand_anywhere(api: Client, dynamodb: Any, user_id: str, small: Small, ending: bool) -> None:
    small.padding = 1_500 if ending else 1
    made = limited(api, title="Long")
    sent(api, made, "hi" if ending else f"{FACT} " + "and so on " * 500)
    turn = compacted(api, made)
    assert turn["status"] == "completed", turn["error"]
    answer = sent(api, made, "and now?" if ending else ASKED)["message"]
    assert answer["content"].startswith("noted" if ending else "Lisbon")
    assert small.prompts[-1] < 200
    views(dynamodb, user_id, made).check()


def test_a_long_system_prompt_takes_nothing_from_the_summary(api: Client, small: Small) -> None:
    made = told_a_fact(api, 6, words=120, title="Guided", custom_system_prompt="be kind and " * 700)
    small.summarise = lambda told: "and so on " * 105 + remembered(told)
    turn = compacted(api, made)
    assert (turn["status"], len(turn["calls"])) == ("completed", 1)
    assert sent(api, made, ASKED)["message"]["content"].startswith("Lisbon")


@pytest.mark.parametrize(
    "nothing",
    [" ", "<think>Let me see.", Reply(words=("I", " cannot"), finish="content_filter")],
    ids=["blank", "a thought", "filtered"],
)
def test_a_model_that_gives_no_summary_fails_the_turn(
    api: Client, dynamodb: Any, user_id: str, small: Small, session_id: str, nothing: str | Reply
) -> None:
    small.summarise = lambda _: nothing
    turn = compacted(api, session_id)
    assert (turn["status"], turn["error"]["code"]) == ("failed", "model_unavailable")
    assert summaries(transcript(api, session_id)) == []
    views(dynamodb, user_id, session_id).check()


def test_a_summary_that_there_is_no_time_for_says_so(api: Client, small: Small, session_id: str) -> None:
    turn_id = compact(api, session_id).json["turn_id"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compaction, "SHORTEST_RUN_SECONDS", 10_000)
        run_worker(keys(api, session_id, turn_id))
    turn = api.get(f"/sessions/{session_id}/turns/{turn_id}").json
    assert (turn["status"], turn["error"]["code"]) == ("timed_out", "turn_timed_out")


def test_it_tells_how_full_the_context_is_afterwards(api: Client, small: Small, session_id: str) -> None:
    before = transcript(api, session_id)[-1]["context_tokens"]
    message = compacted(api, session_id)["message"]
    assert message["context_limit"] == 8_000
    assert 0 < message["context_tokens"] < before / 4
    sent(api, session_id, "hi")
    assert abs(small.prompts[-1] - message["context_tokens"]) < 40


@pytest.mark.parametrize("counting", [0.7, 1.4, 3.0])
def test_a_system_prompt_takes_its_part_of_the_context_in_the_tokens_of_the_model(
    api: Client, small: Small, counting: float
) -> None:
    small.limit, small.tokens_per_word = 100_000, counting
    options = {"context_limit": 100_000}
    made = limited(api, title="Guided", custom_system_prompt="be kind and " * 700, model_options=options)
    talk(api, made, 8, words=300)
    told = compacted(api, made)["message"]["context_tokens"]
    sent(api, made, "hi")
    assert abs(small.prompts[-1] - told) < 0.1 * small.prompts[-1]


def test_a_model_that_fails_fails_the_turn(
    api: Client, dynamodb: Any, user_id: str, small: Small, session_id: str
) -> None:
    small.summarise = lambda _: openai_refusals.not_allowed()
    turn = compacted(api, session_id)
    assert (turn["status"], turn["error"]["code"]) == ("failed", "model_access_denied")
    assert sent(api, session_id, ASKED)["message"]["content"].startswith("Lisbon")
    views(dynamodb, user_id, session_id).check()


def test_it_is_cancelled_and_leaves_nothing_but_what_it_used(
    api: Client, dynamodb: Any, user_id: str, small: Small, session_id: str
) -> None:
    small.script = [Reply(words=("so", " far", " so", " good"), pause=Pause(30, after=2))]
    turn_id = compact(api, session_id).json["turn_id"]
    running = threading.Thread(target=run_worker, args=(keys(api, session_id, turn_id),))
    running.start()
    wait_until(lambda: api.post(f"/sessions/{session_id}/cancel").status == 202)
    running.join()
    turn = api.get(f"/sessions/{session_id}/turns/{turn_id}").json
    assert (turn["status"], turn["message"]) == ("rolled_back", None)
    assert [one["kind"] for one in turn["calls"]] in ([], ["summarization"])
    assert len(transcript(api, session_id)) == 12
    views(dynamodb, user_id, session_id).check()


def test_no_other_turn_runs_meanwhile(api: Client, small: Small, session_id: str) -> None:
    turn_id = compact(api, session_id).json["turn_id"]
    assert compact(api, session_id).json["code"] == "turn_in_progress"
    run_worker(keys(api, session_id, turn_id))
    assert send(api, session_id, "and now?").status == 200


def test_a_summary_is_no_answer_to_make_again(api: Client, small: Small, session_id: str) -> None:
    message_id = compacted(api, session_id)["message"]["message_id"]
    refused = send_again(api, session_id, message_id)
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "regenerate")
    answer = transcript(api, session_id)[-2]
    assert send_again(api, session_id, answer["message_id"]).status == 200
    assert summaries(transcript(api, session_id)) == [], "the branch has been before it"


def test_its_stream_can_be_followed(api: Client, stream: StreamClient, small: Small, session_id: str) -> None:
    turn_id = compact(api, session_id).json["turn_id"]
    run_worker(keys(api, session_id, turn_id))
    told = frames(stream.resume(session_id, turn_id).text)
    assert [one.name for one in told] == ["turn", "message", "done"]
    assert told[0].data["user_message"] is told[2].data["user_message"] is None
    assert told[1].data == told[2].data["message"] == transcript(api, session_id)[-1]
    assert frames(stream.resume(session_id, turn_id, told[0].number).text) == told[1:]


def test_front_ends_get_it_as_a_part(api: Client, small: Small, session_id: str) -> None:
    part = compacted(api, session_id)["message"]["parts"][0]
    page = api.get(f"/sessions/{session_id}/messages?format=ui&order=desc&limit=1").json["messages"]
    data = {"text": part["text"], "until_message_id": part["until_message_id"]}
    assert page[0]["parts"] == [{"type": "data-summary", "data": data}]
