"""The built chat function works without the parts left out of its layers: calls of each provider, graphs' needs.

The providers are those of the other tests, over HTTP.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.build.built import Built, body, event
from tests.engines import Engine
from tests.provider import bedrock, bedrock_replies, openai, openai_replies

SONNET = "bedrock:anthropic.claude-3-5-sonnet-20240620-v1:0"
MODELS = {
    "openai": "openai:gpt-4o",
    "compatible": "openai:tiny",
    "local": "local:tiny",
    "bedrock": SONNET,
    "scripted": "scripted:echo",
}
TALKING = ["openai", "compatible", "local", "bedrock"]
ARGUMENTS = '{"first": 2, "second": 3}'


class Deployment:
    """A session of one provider's model; `asked` are the requests that reached the provider."""

    def __init__(self, built: Built, model: str, provider: Any, **settings: Any) -> None:
        self.built, self.provider = built, provider
        created = built.invoke("SessionsFunction", event("create_session", body={"model_name": model, **settings}))
        self.session_id = body(created)["session_id"]

    def send(self, content: str, *replies: Any) -> str:
        """The answer to a turn in a new process."""
        if self.provider:
            self.provider.script[:] = replies
        ran = self.built.invoke("ChatFunction", event("send_message", self.session_id, {"content": content}))
        assert ran["result"]["statusCode"] == 200, ran["result"]
        return str(body(ran)["message"]["content"])

    @property
    def asked(self) -> list[Any]:
        assert self.provider.violations == []
        return list(self.provider.asked)


@contextmanager
def deployed(tables: Engine, kind: str, graph: str = "", **settings: Any) -> Iterator[Deployment]:
    variables = {"ALLOWED_MODELS": "*", "OPENAI_API_KEY": "key", "CURSOR_SECRET": "secret"}
    variables |= {"GRAPH": f"deployed_graphs:{graph}"} if graph else {}
    with bedrock.serve() if kind == "bedrock" else openai.serve() as provider:
        name = {
            "openai": "OPENAI_API_BASE",  # LangChain's own, so that the endpoint counts as OpenAI's
            "compatible": "OPENAI_BASE_URL",
            "local": "LOCAL_MODEL_URL",
            "bedrock": "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
            "scripted": "NOBODY_IS_ASKED",
        }[kind]
        built = Built(tables, variables | {name: provider.url}, [Path(__file__).parent])
        yield Deployment(built, MODELS[kind], None if kind == "scripted" else provider, **settings)


def said(kind: str, words: str) -> Any:
    if kind == "bedrock":
        return bedrock_replies.Reply([bedrock_replies.Text([words])])
    return openai_replies.Reply([words])


def called(kind: str, tool: str, arguments: str) -> Any:
    if kind == "bedrock":
        return bedrock_replies.Reply([bedrock_replies.ToolUse("call", tool, arguments)], stop="tool_use")
    call = openai_replies.ToolCall("call", tool, arguments)
    return openai_replies.Reply([], tool_calls=[call], finish="tool_calls")


@pytest.mark.parametrize("kind", TALKING)
def test_a_built_turn_asks_the_provider_and_the_next_one_finds_the_thread(tables: Engine, kind: str) -> None:
    with deployed(tables, kind) as chat:
        assert chat.send("My name is Ada.", said(kind, "Hello Ada")) == "Hello Ada"
        assert chat.send("What is my name?", said(kind, "It is Ada")) == "It is Ada"
        assert len(chat.asked) == 2
        thread = str(chat.asked[1]["messages"])
    assert "My name is Ada." in thread
    assert "Hello Ada" in thread


def test_a_built_turn_follows_a_script(tables: Engine) -> None:
    with deployed(tables, "scripted") as chat:
        assert chat.send("good day") == "echo: good day"


@pytest.mark.parametrize("kind", ["openai", "compatible"])
def test_a_built_turn_takes_an_answer_that_comes_whole(tables: Engine, kind: str) -> None:
    with deployed(tables, kind, model_options={"stream": False}) as chat:
        assert chat.send("hi", said(kind, "Hello")) == "Hello"
        assert not chat.asked[0].get("stream")


@pytest.mark.parametrize("kind", TALKING)
def test_a_built_agent_calls_its_tool(tables: Engine, kind: str) -> None:
    with deployed(tables, kind, "calling") as chat:
        answer = chat.send("2 and 3?", called(kind, "add", ARGUMENTS), said(kind, "It is 5"))
        assert answer == "It is 5"
        assert "add" in str(chat.asked[0])
        assert "'5'" in str(chat.asked[1]["messages"][-1])


@pytest.mark.parametrize("kind", TALKING)
def test_a_built_agent_answers_in_a_form(tables: Engine, kind: str) -> None:
    with deployed(tables, kind, "structured") as chat:
        assert "5" in chat.send("2 and 3?", called(kind, "Sum", '{"total": 5}'))
        assert len(chat.asked) == 1


@pytest.mark.parametrize("kind", TALKING)
def test_a_built_graph_asks_for_a_structure_without_waiting_for_a_stream(tables: Engine, kind: str) -> None:
    with deployed(tables, kind, "whole") as chat:
        assert chat.send("2 and 3?", called(kind, "Sum", '{"total": 5}')) == "it is 5"


@pytest.mark.parametrize("kind", ["compatible", "bedrock"])
def test_a_built_agent_summarizes_what_was_said(tables: Engine, kind: str) -> None:
    with deployed(tables, kind, "summarizing") as chat:
        chat.send("My name is Ada.", said(kind, "Hello Ada"))
        answer = chat.send("And I?", said(kind, "Ada said hello"), said(kind, "You are Ada"))
        assert answer == "You are Ada"
        assert "Ada said hello" in str(chat.asked[2]["messages"])
        assert "My name is Ada." not in str(chat.asked[2]["messages"])


def test_a_built_graph_counts_tokens(tables: Engine) -> None:
    with deployed(tables, "scripted", "counting") as chat:
        assert chat.send("hi there") == "8 tokens, 1 messages"


def test_a_built_graph_reads_what_a_server_compressed(tables: Engine) -> None:
    with deployed(tables, "scripted", "decompressing") as chat:
        assert chat.send("hi there") == "hi there"
