"""The graph that a session's thread runs through, unless the deployment names its own."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import SystemMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import START, MessagesState, StateGraph

from chatkeep.agent.settings import settings

GraphFactory = Callable[[BaseChatModel, str, BaseCheckpointSaver[Any]], Any]
"""Makes a compiled graph with a `messages` channel from a model, a system prompt and the checkpointer."""


def build_graph(model: BaseChatModel, system_prompt: str, checkpointer: BaseCheckpointSaver[Any]) -> Any:
    """One node: the system prompt and the thread's messages go to the model, its answer joins the thread."""

    async def answer(state: MessagesState) -> dict[str, Any]:
        prompt = [SystemMessage(system_prompt)] if system_prompt else []
        return {"messages": [await model.ainvoke([*prompt, *state["messages"]])]}

    graph = StateGraph(MessagesState)
    graph.add_node("answer", answer)
    graph.add_edge(START, "answer")
    return graph.compile(checkpointer=checkpointer)


@cache
def factory() -> GraphFactory:
    """The factory that GRAPH names. Raises ImportError or AttributeError where there is none such."""
    module, _, name = settings().graph.partition(":")
    made: GraphFactory = getattr(import_module(module), name)
    return made
