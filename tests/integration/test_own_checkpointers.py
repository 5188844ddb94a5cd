"""Turns of a graph that does not keep its thread in the checkpointer that it is given."""

from collections.abc import Iterator

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from chatkeep.telemetry.log_lines import UnspokenError
from tests import graphs
from tests.chat import deployment, new_session, send, sent
from tests.client import Client


@pytest.fixture
def checkpointer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The checkpointer of the deployment's graph."""
    monkeypatch.setattr(graphs, "own_checkpointer", [request.param])
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:independent"}):
        yield


def contents(api: Client, session_id: str) -> list[str]:
    return [one["content"] for one in api.get(f"/sessions/{session_id}/messages").json["messages"]]


@pytest.mark.parametrize("checkpointer", [None], indirect=True)
@pytest.mark.usefixtures("checkpointer")
def test_a_graph_without_a_checkpointer_is_refused_rather_than_forget_each_turn(api: Client) -> None:
    session_id = new_session(api)
    with pytest.raises(UnspokenError, match="ValueError"):
        send(api, session_id, "hi")
    assert contents(api, session_id) == []


@pytest.mark.parametrize("checkpointer", [InMemorySaver()], indirect=True)
@pytest.mark.usefixtures("checkpointer")
def test_a_graph_with_another_checkpointer_has_each_turn_in_the_transcript_once(api: Client) -> None:
    session_id = new_session(api)
    for said in ("hi", "again"):
        assert sent(api, session_id, said)["message"]["content"] == f"echo: {said}"
    broken = sent(api, session_id, "fail")
    assert (broken["status"], broken["error"]["code"]) == ("failed", "graph_failed")
    assert contents(api, session_id) == ["hi", "echo: hi", "again", "echo: again", "fail", "echo: fail"]
