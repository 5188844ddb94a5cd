"""Random conversations against a small model of a tree: transcript, agent memory, siblings and counters."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.sessions import cancelling
from tests import graphs
from tests.chat import deployment, new_session, send, send_again
from tests.client import Client, Response
from tests.views import views

OPTIONAL = st.integers(0, 5)
STEPS = st.lists(
    st.tuples(st.just("say"), st.sampled_from(["quick one", "quick two", "stop this"]))
    | st.tuples(st.just("again"), OPTIONAL)
    | st.tuples(st.just("again of an inactive branch"), OPTIONAL)
    | st.tuples(st.just("rate"), OPTIONAL)
    | st.tuples(st.just("delete and restore"), st.none()),
    min_size=3,
    max_size=10,
)


@dataclass
class Node:
    """A turn's answer in the tree: what it answers, and the node before that question."""

    question: dict[str, Any]
    answer: dict[str, Any]
    before: "Node | None"

    @property
    def line(self) -> list["Node"]:
        return [*(self.before.line if self.before else []), self]


@dataclass
class Tree:
    """A session as the model has it; a turn that is not quick is cancelled at its model's first word."""

    dynamodb: Any
    nodes: list[Node] = field(default_factory=list)
    leaf: Node | None = None

    def __post_init__(self) -> None:
        self.api = Client(f"user-{uuid4()}")
        self.session_id = new_session(self.api)
        graphs.meanwhile[:] = [lambda: cancelling.cancel(self.api.user_id, self.session_id, None)]

    def take(self, name: str, choice: Any) -> None:
        match name:
            case "say":
                self._grow(send(self.api, self.session_id, choice), self.leaf)
            case "again" if self.leaf:
                self._again(self.leaf.line[choice % len(self.leaf.line)])
            case "again of an inactive branch" if self.nodes:
                self._again(self.nodes[choice % len(self.nodes)])
            case "rate" if self.nodes:
                self._rate(self.nodes[choice % len(self.nodes)])
            case "delete and restore":
                self.api.delete(f"/sessions/{self.session_id}")
                self.api.post(f"/sessions/{self.session_id}/restore")

    def _grow(self, response: Response, before: Node | None) -> None:
        assert response.status == 200, response.text
        self.leaf = Node(response.json["user_message"], response.json["message"], before)
        self.nodes.append(self.leaf)

    def _again(self, node: Node) -> None:
        response = send_again(self.api, self.session_id, node.answer["message_id"])
        if self.leaf and node.question in [one.question for one in self.leaf.line]:
            self._grow(response, node.before)
        else:
            assert (response.status, response.json["code"]) == (409, "message_not_active")

    def _rate(self, node: Node) -> None:
        path = f"/sessions/{self.session_id}/messages/{node.answer['message_id']}/feedback"
        assert self.api.put(path, json={"rating": "thumbs_up"}).status == 200
        node.answer["feedback"] = {"rating": "thumbs_up"}

    def check(self) -> None:
        """The stored views agree with one another, and with the model."""
        found = views(self.dynamodb, str(self.api.user_id), self.session_id)
        found.check()
        found.check_nothing_is_pending()
        line = self.leaf.line if self.leaf else []
        shown = [one["message_id"] for one in found.transcript]
        assert shown == [message["message_id"] for one in line for message in (one.question, one.answer)]
        texts = [message["content"] for one in line for message in (one.question, one.answer)]
        assert [text for _, text in found.memory] == texts
        assert found.session["message_count"] == len(self.nodes) + len(
            {one.question["message_id"] for one in self.nodes}
        )
        assert found.session.get("thumbs_up", 0) == sum(one.answer["feedback"] is not None for one in self.nodes)
        for node in self.nodes:
            self._check_is_readable(node)

    def _check_is_readable(self, node: Node) -> None:
        shown = self.api.get(f"/sessions/{self.session_id}/messages/{node.answer['message_id']}").json
        versions = [one.answer["message_id"] for one in self.nodes if one.question == node.question]
        assert (shown["content"], shown["siblings"]) == (node.answer["content"], versions)
        assert shown["parent_id"] == node.question["message_id"]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from chatkeep.turns import supervision

    monkeypatch.setattr(supervision, "FIRST_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(supervision, "LOOK_SECONDS", 0.02)
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:patient"}):
        yield


@given(steps=STEPS)
@settings(max_examples=int(os.environ.get("CHATKEEP_EXAMPLES", "3")))
def test_a_conversation_is_the_tree_that_its_requests_make(dynamodb: Any, steps: list[tuple[str, Any]]) -> None:
    tree = Tree(dynamodb)
    for step in steps:
        tree.take(*step)
        tree.check()
