"""Every item that stories on all routes leave in the two tables is of a kind in the registry, and in its format."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatkeep.dynamodb.connection import fetch
from chatkeep.errors import LaterFormatError
from chatkeep.kinds import KINDS, Kind, Removal, Table, kind_of
from chatkeep.models.session import Session
from infra.local.template import load_routes
from tests.background import run_worker
from tests.chat import deployment
from tests.client import STACK, Client, Response
from tests.engines import Engine
from tests.streaming import frames

NAMES = {Table.SESSIONS: "chatkeep-SessionsTable", Table.CHECKPOINTS: "chatkeep-CheckpointsTable"}
LONG = "\U0001f600" * 90_000
SETTINGS = st.fixed_dictionaries({}, optional={"metadata": st.sampled_from([{"a": "x"}, {"a": "x" * 300}])})
MESSAGE_NAMES = st.sampled_from(["first", "second"])
TURNS = {("POST", "/sessions/{session_id}/messages"), ("POST", "/sessions/{session_id}/messages/stream")}
CONTENTS = st.sampled_from(["one two", "three", LONG])


@dataclass
class Story:
    """A user with one session; `draw` chooses the bodies of the requests."""

    draw: Callable[[st.SearchStrategy[Any]], Any]
    user_id: str = field(default_factory=lambda: f"user-{uuid4()}")
    answers: list[str] = field(default_factory=list)
    turns: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.api = Client(self.user_id)
        self.session_id = self.api.post("/sessions", json={}).json["session_id"]

    def tell(self, method: str, resource: str) -> None:
        """Make a request of this route."""
        message_id = self.answers[-1] if self.answers else str(uuid4())
        turn_id = self.turns[-1] if self.turns else uuid4()
        names = {"session_id": self.session_id, "message_id": message_id, "turn_id": turn_id, "deletion_id": uuid4()}
        headers = {"Idempotency-Key": key} if (key := self.draw(st.sampled_from(["", "a", "b"]))) else {}
        body = self.draw(BODIES[method, resource]) if (method, resource) in BODIES else None
        response = self.api.request(method, resource.format(**names), headers=headers, json=body)
        assert response.status in (200, 201, 202, 204, 404, 409, 422), response.text
        for turn in turns_of(response) if (method, resource) in TURNS else ():
            self.turns.append(turn["turn_id"])
            self.answers.append(turn["message"]["message_id"])


def turns_of(response: Response) -> list[Any]:
    """The turns that a response of our own shows as ended."""
    if response.status != 200:
        return []
    if response.headers["content-type"] == "application/json":
        return [response.json]
    return [one.data for one in frames(response.text) if one.name == "done"]


BODIES: dict[tuple[str, str], st.SearchStrategy[Any]] = {
    ("POST", "/sessions"): SETTINGS,
    ("PATCH", "/sessions/{session_id}"): st.sampled_from([{"title": "é" * 200}, {"is_pinned": True}]),
    ("POST", "/sessions/{session_id}/messages"): st.builds(
        lambda content, background: {"content": content, "background": background}, CONTENTS, st.booleans()
    ),
    ("POST", "/sessions/{session_id}/messages/stream"): st.builds(
        lambda content, fate: {"content": content, "on_disconnect": fate},
        CONTENTS,
        st.sampled_from(["continue", "cancel"]),
    ),
    ("POST", "/chat"): st.builds(
        lambda name, text: {
            "id": "a-chat",
            "messages": [{"id": name, "role": "user", "parts": [{"type": "text", "text": text}]}],
        },
        MESSAGE_NAMES,
        CONTENTS,
    ),
    ("POST", "/ag-ui"): st.builds(
        lambda name, text: {
            "threadId": "a-thread",
            "runId": "a-run",
            "messages": [{"id": name, "role": "user", "content": text}],
        },
        MESSAGE_NAMES,
        CONTENTS,
    ),
    ("PUT", "/sessions/{session_id}/messages/{message_id}/feedback"): st.just({"rating": "thumbs_up"}),
    ("POST", "/sessions/{session_id}/usage"): st.just({"tokens_used": 7}),
    ("PUT", "/preferences"): st.just({"default_temperature": 0.5}),
    ("DELETE", "/me"): st.just({"confirm": "somebody else"}),
}
ROUTES = sorted({(route.method, route.path) for route in load_routes(STACK)})


@pytest.fixture
def tooled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:agent"}):
        yield


def stored(dynamodb: Any, story: Story) -> Iterator[tuple[Kind, dict[str, Any]]]:
    """Each item that names the story's user or one of its threads, with its kind."""
    threads = {session.session_id for session in Session.among(story.user_id)}
    for table, name in NAMES.items():
        for page in dynamodb.get_paginator("scan").paginate(TableName=name, ConsistentRead=True):
            for item in page["Items"]:
                partition = item["pk"]["S"]
                if story.user_id in partition or partition in threads:
                    yield kind_of(table, item), item


@pytest.mark.usefixtures("empty_tables", "tooled")
@given(data=st.data())
@settings(max_examples=8)
def test_every_item_of_a_story_is_of_a_known_kind_and_in_its_format(dynamodb: Any, data: st.DataObject) -> None:
    story = Story(data.draw)
    for route in data.draw(st.lists(st.sampled_from(ROUTES), max_size=12)):
        story.tell(*route)
    found = list(stored(dynamodb, story))
    assert [item for kind, item in found if kind.format and item.get("v") != {"N": str(kind.format)}] == []
    assert {"session", "totals"} <= {kind.name for kind, _ in found}


@pytest.mark.usefixtures("empty_tables", "tooled")
def test_the_routes_leave_every_kind_of_the_sessions_table(dynamodb: Any) -> None:
    story = Story(lambda _: None)
    api, session = story.api, f"/sessions/{story.session_id}"
    api.post("/sessions", json={"metadata": {"a": "x" * 300}}, headers={"Idempotency-Key": "k"})
    api.put("/preferences", json={"default_temperature": 0.5})
    for said in ({"content": LONG}, {"content": "one two"}):
        answered = api.post(f"{session}/messages", json=said)
        assert answered.status == 200
    again = {"regenerate": answered.json["message"]["message_id"]}
    assert api.post(f"{session}/messages", json=again).status == 200
    for content in ("one", "two"):
        assert api.post(f"{session}/messages", json={"content": content, "background": True}).status == 202
        if content == "one":
            run_worker()
    api.delete(f"/sessions/{api.post('/sessions', json={}).json['session_id']}?permanent=true")
    api.post("/sessions", json={"expire_after_days": 1})
    kinds = {kind.name for kind, _ in stored(dynamodb, story)}
    assert {kind.name for kind in KINDS if kind.model and kind.removal is not Removal.NEVER} <= kinds
    assert {"checkpoint", "head", "row"} <= kinds


def test_an_item_of_a_later_format_is_told_to_whoever_reads_it(api: Client, dynamodb: Any, user_id: str) -> None:
    session_id = api.post("/sessions", json={}).json["session_id"]
    key = {"pk": {"S": f"USER#{user_id}"}, "sk": {"S": f"SESSION#{session_id}"}}
    raised = {"UpdateExpression": "SET v = :v", "ExpressionAttributeValues": {":v": {"N": "7"}}}
    dynamodb.update_item(TableName=NAMES[Table.SESSIONS], Key=key, **raised)
    for path in ("/sessions", f"/sessions/{session_id}", f"/sessions/{session_id}/messages"):
        response = api.get(path)
        assert (response.status, response.json["code"]) == (503, "later_format")
        assert response.json["detail"] == "a Session is stored in format 7; this version reads formats up to 1"


@pytest.mark.parametrize("kind", [one for one in KINDS if one.model], ids=lambda one: one.name)
def test_no_model_reads_an_item_of_a_later_format(kind: Kind, engine: Engine) -> None:
    model = kind.model
    assert model is not None
    ids = [0 if name == "number" else str(uuid4()) for name in model.KEY.names]
    item = model(*ids).serialize(null_check=False) | {"v": {"N": str(model.FORMAT + 1)}}
    engine.client.put_item(TableName=NAMES[Table.SESSIONS], Item=item)
    its_partition = ids[: len(model.KEY.partition.names)]
    for read in (
        lambda: model.find(*ids),
        lambda: list(model.among(*its_partition)),
        lambda: fetch(model, [model.KEY.of(*ids)]),
    ):
        with pytest.raises(LaterFormatError, match=f"{model.__name__} is stored in format {model.FORMAT + 1}"):
            read()
