"""Chatkeep's own stream as Python's `httpx-sse` reads it."""

from itertools import islice

from httpx_sse import ServerSentEvent, connect_sse

from tests.runner import Runner


def test_a_stream_that_is_left_anywhere_is_taken_up_from_its_last_event(runner: Runner) -> None:
    with runner.client("httpx") as client:
        session = client.post("/sessions", json={}).json()["session_id"]
        path = f"/sessions/{session}/messages/stream"
        with connect_sse(client, "POST", path, json={"content": "one two three"}) as source:
            whole = list(source.iter_sse())
        turn = f"/sessions/{session}/turns/{whole[0].json()['turn_id']}/stream"
        for count in range(len(whole) + 1):
            with connect_sse(client, "GET", turn) as source:
                begun = list(islice(source.iter_sse(), count))
            after = {"Last-Event-ID": begun[-1].id} if begun else {}
            with connect_sse(client, "GET", turn, headers=after) as source:
                assert told([*begun, *source.iter_sse()]) == told(whole)
        stored = client.get(f"/sessions/{session}/messages").json()["messages"][-1]
    assert "".join(one.json()["text"] for one in whole if one.event == "token") == stored["content"]


def told(events: list[ServerSentEvent]) -> list[tuple[str, str, str]]:
    return [(one.id, one.event, one.data) for one in events]
