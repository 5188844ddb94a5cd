"""The events of a running turn: whoever follows it is told all that the turn keeps, as it comes."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from chatkeep import ids
from chatkeep.agent import runtime
from chatkeep.deadline import Deadline
from chatkeep.idempotency import Claim
from chatkeep.turns import engine
from chatkeep.turns.admission import Strategy
from chatkeep.turns.answers import Answer
from chatkeep.turns.engine import Request
from chatkeep.turns.events import Event, Leased, Opened, StepFinished, ThreadRead, Token
from chatkeep.turns.progress import Progress
from tests import graphs
from tests.chat import deployment, new_session, sent
from tests.client import Client

GRAPHS = ["chatkeep.agent.graph:build_graph", "tests.graphs:agent", "tests.graphs:hall", "tests.graphs:independent"]


@pytest.fixture
def graph(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The deployment's graph, which has few subgraphs or keeps its threads elsewhere where it is one that does."""
    monkeypatch.setattr(graphs, "ROOMS", 3)
    monkeypatch.setattr(graphs, "own_checkpointer", [InMemorySaver()])
    with deployment(monkeypatch, {"GRAPH": request.param}):
        yield


@pytest.fixture
def request_(api: Client, user_id: str) -> Request:
    """The second turn of its session."""
    session_id = new_session(api)
    sent(api, session_id, "before")
    return Request(user_id, session_id, "a question", Strategy.REJECT, None, Deadline.within(60))


def followed(request: Request) -> tuple[Answer, list[Event]]:
    heard: list[Event] = []
    return engine.send(replace(request, listen=heard.append), runtime.tools()), heard


def said(heard: list[Event]) -> str:
    return "".join(event.text for event in heard if isinstance(event, Token))


@pytest.mark.parametrize("graph", GRAPHS, indirect=True)
@pytest.mark.usefixtures("graph")
def test_progress_made_of_the_same_events_holds_the_turns_messages(api: Client, request_: Request) -> None:
    answer, heard = followed(request_)
    progress = Progress()
    for event in heard:
        progress.hear(event)
    stored = api.get(f"/sessions/{request_.session_id}/messages").json["messages"]
    own = [one["content"] for one in stored if one["turn_id"] == answer.turn.turn_id]
    assert [one.text for one in progress.new] == own
    assert [one.id for one in progress.opening] == [answer.user_message.message_id]


@pytest.mark.parametrize("graph", GRAPHS, indirect=True)
@pytest.mark.usefixtures("graph")
def test_a_turn_is_opened_and_its_thread_read_once_and_before_any_step(request_: Request) -> None:
    _, heard = followed(request_)
    first_step = next(place for place, event in enumerate(heard) if isinstance(event, StepFinished))
    assert isinstance(heard[0], Leased)
    assert {type(event) for event in heard[1:first_step]} == {Opened, ThreadRead}
    assert first_step == 3
    assert not any(isinstance(event, Opened | ThreadRead) for event in heard[3:])
    (read,) = (event for event in heard if isinstance(event, ThreadRead))
    assert [one.text for one in read.messages][:1] == ["before"]


def test_the_words_of_an_answer_are_its_tokens(request_: Request) -> None:
    answer, heard = followed(request_)
    assert said(heard) == answer.message.content == "echo: a question"
    tokens = [event for event in heard if isinstance(event, Token)]
    assert all(event.text for event in tokens)
    assert len({event.message_id for event in tokens}) == 1


@pytest.mark.parametrize("graph", ["tests.graphs:patient"], indirect=True)
@pytest.mark.usefixtures("graph")
def test_a_turn_whose_time_is_over_keeps_the_words_that_were_told(api: Client, user_id: str) -> None:
    request = Request(user_id, new_session(api), "wait", Strategy.REJECT, None, Deadline.within(6.5))
    answer, heard = followed(request)
    assert answer.turn.status == "timed_out"
    assert said(heard) == answer.message.content == "Let me"


def test_a_repetition_that_gets_a_stored_answer_has_no_events(request_: Request) -> None:
    claimed = replace(request_, claim=Claim(ids.new(), "print"))
    first, heard = followed(claimed)
    again, repeated = followed(claimed)
    assert again.message.message_id == first.message.message_id
    assert heard
    assert not repeated
