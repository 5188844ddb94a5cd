"""Graphs of a deployment, made of LangChain's and LangGraph's parts for agents; run by the built chat function."""

from typing import Any

import httpx
import tiktoken
import zstandard
from langchain.agents import create_agent
from langchain.agents.middleware import SummarizationMiddleware
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import AIMessage
from langchain_core.messages.utils import count_tokens_approximately, trim_messages
from langgraph.graph import START, MessagesState, StateGraph
from pydantic import BaseModel

BYTES = {bytes([number]): number for number in range(256)}
WORDS = r"\p{L}+|\s+|\p{N}+|[^\s\p{L}\p{N}]+"


class Sum(BaseModel):
    """The sum of the numbers."""

    total: int


def add(first: int, second: int) -> int:
    """Add two numbers."""
    return first + second


def calling(model: Any, system_prompt: str, checkpointer: Any) -> Any:
    """An agent with a tool."""
    return create_agent(model, tools=[add], system_prompt=system_prompt, checkpointer=checkpointer)


def structured(model: Any, _: str, checkpointer: Any) -> Any:
    """An agent whose answer has a form."""
    return create_agent(model, tools=[], response_format=ToolStrategy(Sum), checkpointer=checkpointer)


def whole(model: Any, _: str, checkpointer: Any) -> Any:
    """One node that asks for a structure without streaming."""

    async def answer(state: MessagesState) -> dict[str, Any]:
        found = model.with_structured_output(Sum, method="function_calling").invoke(state["messages"])
        return {"messages": [AIMessage(f"it is {found.total}")]}

    return _of(answer, checkpointer)


def summarizing(model: Any, _: str, checkpointer: Any) -> Any:
    """An agent that keeps one message and a summary of those before."""
    summary = SummarizationMiddleware(model, trigger=("messages", 3), keep=("messages", 1))
    return create_agent(model, tools=[], middleware=[summary], checkpointer=checkpointer)


def counting(_model: Any, _: str, checkpointer: Any) -> Any:
    """One node that counts tokens in each way that needs no download."""

    async def answer(state: MessagesState) -> dict[str, Any]:
        messages = state["messages"]
        encoding = tiktoken.Encoding("bytes", pat_str=WORDS, mergeable_ranks=BYTES, special_tokens={})
        counted = len(encoding.encode(messages[-1].text))
        left = trim_messages(messages, max_tokens=1000, token_counter=count_tokens_approximately)
        return {"messages": [AIMessage(f"{counted} tokens, {len(left)} messages")]}

    return _of(answer, checkpointer)


def decompressing(_model: Any, _: str, checkpointer: Any) -> Any:
    """One node that reads what a server has compressed in the way that HTTP clients offer to take."""

    async def answer(state: MessagesState) -> dict[str, Any]:
        sent = zstandard.compress(state["messages"][-1].text.encode())
        return {"messages": [AIMessage(httpx.Response(200, headers={"Content-Encoding": "zstd"}, content=sent).text)]}

    return _of(answer, checkpointer)


def _of(answer: Any, checkpointer: Any) -> Any:
    graph = StateGraph(MessagesState)
    graph.add_node("answer", answer)
    graph.add_edge(START, "answer")
    return graph.compile(checkpointer=checkpointer)
