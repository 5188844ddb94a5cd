"""The README's conversation and the life of its session, line by line as they are printed."""

import json
import shlex
from pathlib import Path

import pytest

from functions.stream.app import app
from tests.chat import new_session, sent
from tests.client import Client
from tests.curl import blocks, carried_out
from tests.jobs import carry_out_jobs
from tests.streaming import StreamClient, frames, served

README = Path(__file__).parents[2] / "README.md"
(CONVERSATION, STREAM), (END,) = blocks(README, "A conversation"), blocks(README, "Its end")


def test_the_conversation_of_the_readme_goes_as_printed(api: Client) -> None:
    variables: dict[str, str] = {}
    answers = []
    for answer in carried_out(api, CONVERSATION, variables):
        variables.setdefault("ID", answer.json.get("session_id", ""))
        answers.append(answer)
    created, first, second, transcript, found = answers
    assert [one.status for one in answers] == [201, 200, 200, 200, 200]
    shown = [message["content"] for message in transcript.json["messages"]]
    assert shown == [second.json["message"]["content"], "What is my name?"]
    assert first.json["user_message"]["content"].startswith("My name is Ada.")
    assert [one["session_id"] for one in found.json["sessions"]] == [created.json["session_id"]]


def test_the_stream_of_the_readme_is_taken_up_where_it_broke(api: Client) -> None:
    asked, resumed = (shlex.split(line) for line in STREAM)
    with served(app) as url:
        client, session_id = StreamClient(url, str(api.user_id)), new_session(api)
        found = frames(client.post(session_id, **json.loads(asked[asked.index("-d") + 1])).text)
        after = int(resumed[resumed.index("-H") + 1].removeprefix("Last-Event-ID: "))
        rest = frames(client.resume(session_id, found[0].data["turn_id"], after).text)
    assert [one.number for one in rest] == [one.number for one in found if one.number > after]
    assert asked[2] == "$API/sessions/$ID/messages/stream"
    assert resumed[2] == "$API/sessions/$ID/turns/$TURN/stream"


def test_the_conversation_of_the_readme_has_eight_lines() -> None:
    text = README.read_text(encoding="utf-8").split("\n## A conversation\n", 1)[1].split("```")[1]
    assert len(text.strip().splitlines()[1:]) == 8


@pytest.mark.usefixtures("empty_tables")
def test_the_end_of_the_session_goes_as_the_readme_prints_it() -> None:
    alice = Client("alice")
    variables = {"ID": new_session(alice)}
    sent(alice, variables["ID"], "My name is Ada.")
    answers = []
    for answer in carried_out(alice, END, variables):
        carry_out_jobs()
        answers.append(answer)
    assert [one.status for one in answers] == [200, 200, 202, 200, 202]
    (receipt,) = answers[3].json["deletions"]
    assert (receipt["deletion_id"], receipt["status"]) == (answers[2].json["deletion_id"], "done")
    assert alice.get("/deletions").json["deletions"][0]["removed"]["sessions"] == 0
