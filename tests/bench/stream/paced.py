"""A model that says words at an even pace, and its graph: what every server of the benchmark streams.

It is imported in the environments of the other servers too, so it needs `langgraph` alone.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langgraph.graph import START, MessagesState, StateGraph

TOKEN = "word "


class PacedModel(BaseChatModel):
    """Answers the question `TOKENS SECONDS` with as many tokens and so many seconds between them, the first at once."""

    @property
    def _llm_type(self) -> str:
        return "paced"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError

    async def _astream(self, messages: list[BaseMessage], *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        tokens, seconds = messages[-1].text.split()
        loop = asyncio.get_running_loop()
        due = loop.time()
        for number in range(int(tokens)):
            if number:
                due += float(seconds)
                await asyncio.sleep(due - loop.time())
            yield ChatGenerationChunk(message=AIMessageChunk(TOKEN))
        yield ChatGenerationChunk(message=AIMessageChunk("", chunk_position="last"))


def build_graph(_model: object, _system_prompt: str, checkpointer: Any) -> Any:
    """What GRAPH names: one node, which asks the paced model whatever model the session has."""
    model = PacedModel()

    async def answer(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("answer", answer)
    graph.add_edge(START, "answer")
    return graph.compile(checkpointer=checkpointer)


def make_graph() -> Any:
    """The same for LangGraph's server, which brings its own checkpointer."""
    return build_graph(None, "", None)
