"""Four graphs of the kinds that people run, answering with random text."""

import random
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

from langchain.agents import create_agent
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.channels.delta import DeltaChannel
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import _messages_delta_reducer  # the one that gives messages ids; not public yet

QUESTION_BYTES, ANSWER_BYTES = 200, 800
_PRINTABLE = [chr(code) for code in range(33, 127)]  # as good as incompressible


def text(length: int) -> str:
    return "".join(random.choices(_PRINTABLE, k=length))


def answer(state: Any) -> Any:
    return {"messages": [AIMessage(text(ANSWER_BYTES))]}


def plain(saver: Any) -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("model", answer)
    builder.add_edge(START, "model")
    return builder.compile(checkpointer=saver)


class DeltaState(TypedDict):
    messages: Annotated[list[AnyMessage], DeltaChannel(_messages_delta_reducer)]


def delta(saver: Any) -> Any:
    builder = StateGraph(DeltaState)
    builder.add_node("model", answer)
    builder.add_edge(START, "model")
    return builder.compile(checkpointer=saver)


@tool
def lookup(name: str) -> str:
    """Look something up."""
    return text(100)


class TwoToolCalls(BaseChatModel):
    """Calls a tool, calls it again, answers."""

    @property
    def _llm_type(self) -> str:
        return "two-tool-calls"

    def bind_tools(self, tools: Any, **_: Any) -> Any:
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        calls = 0
        for message in reversed(messages):
            if message.type == "human":
                break
            calls += message.type == "tool"
        call = {"name": "lookup", "args": {"name": text(10)}, "id": f"call_{text(8)}"}
        reply = AIMessage(text(ANSWER_BYTES)) if calls == 2 else AIMessage("", tool_calls=[call])
        return ChatResult(generations=[ChatGeneration(message=reply)])


def agent(saver: Any) -> Any:
    return create_agent(TwoToolCalls(), [lookup], checkpointer=saver)


def subgraph(saver: Any) -> Any:
    inner = StateGraph(MessagesState)
    inner.add_node("model", answer)
    inner.add_edge(START, "model")
    builder = StateGraph(MessagesState)
    builder.add_node("inner", inner.compile())
    builder.add_edge(START, "inner")
    return builder.compile(checkpointer=saver)


PLAIN = "MessagesState"
GRAPHS: dict[str, Callable[[Any], Any]] = {
    PLAIN: plain,
    "DeltaChannel": delta,
    "agent, two tool calls": agent,
    "subgraph": subgraph,
}
