"""Graphs that a deployment could name, around models that follow a script."""

import asyncio
import math
import operator
import random
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from functools import reduce
from itertools import count
from typing import Annotated, Any

from langchain.agents import create_agent
from langchain.agents.structured_output import ToolStrategy
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from langgraph.channels.delta import DeltaChannel
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Send

from chatkeep.agent.context.policy import Policy
from chatkeep.agent.graph import build_graph
from chatkeep.agent.models.within_context import WithinContext
from chatkeep.models.session import OnOverflow
from chatkeep.turns.model_calls import MODEL_NAME

USAGE = UsageMetadata(input_tokens=10, output_tokens=5, total_tokens=15)


class Caller(BaseChatModel):
    """Asks for the sum of the words' lengths, and answers with it."""

    @property
    def _llm_type(self) -> str:
        return "caller"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> "Caller":  # type: ignore[override]
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **_: Any,
    ) -> ChatResult:
        last = messages[-1]
        if isinstance(last, ToolMessage):
            said = AIMessage(f"The sum is {last.text}.", usage_metadata=USAGE)
        else:
            numbers = [len(word) for word in last.text.split()]
            call = {"name": "add", "args": {"numbers": numbers}, "id": f"call-{last.id}"}
            said = AIMessage("", tool_calls=[call], usage_metadata=USAGE)
        return ChatResult(generations=[ChatGeneration(message=said)])


@tool
def add(numbers: list[int]) -> int:
    """The sum of the numbers."""
    return sum(numbers)


def agent(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """An agent that calls a tool once per turn."""
    return create_agent(Caller(), [add], checkpointer=checkpointer)


class Brief(WithinContext):
    """Reads 512 tokens at most, and answers a prompt over that with an error. Its tokens are words."""

    context: Policy | None = Policy("scripted:brief", lambda: 512, 100, True, OnOverflow.REFUSE, math.inf)

    @property
    def _llm_type(self) -> str:
        return "brief"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **_: Any,
    ) -> ChatResult:
        read = sum(len(one.text.split()) for one in messages)
        said = AIMessage("so far" if isinstance(messages[0], SystemMessage) else "yes")
        said.usage_metadata = UsageMetadata(input_tokens=read, output_tokens=2, total_tokens=read + 2)
        return ChatResult(generations=[ChatGeneration(message=said)])


def brief(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """The graph that is built in, around a model that reads little."""
    return build_graph(Brief(metadata={MODEL_NAME: "scripted:brief"}), "", checkpointer)


def one_node(node: Callable[..., Any], checkpointer: Any) -> Any:
    graph = StateGraph(MessagesState)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    return graph.compile(checkpointer=checkpointer)


def flood(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """Answers from tool results: the first number says how many, the second how many bytes each has."""

    def answer(state: MessagesState) -> dict[str, Any]:
        said = state["messages"][-1]
        calls, length = map(int, said.text.split())
        noise = random.Random(said.id)
        asked = [{"name": "read", "args": {}, "id": f"{said.id}-{number}"} for number in range(calls)]
        results = [ToolMessage(noise.randbytes(length // 2).hex(), tool_call_id=call["id"]) for call in asked]
        return {"messages": [AIMessage("", tool_calls=asked), *results, AIMessage(f"read {calls}")]}

    return one_node(answer, checkpointer)


def verbose(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """Calls a tool and answers: the first number is the answer's length in characters, the second the arguments'."""

    def answer(state: MessagesState) -> dict[str, Any]:
        characters, arguments = map(int, state["messages"][-1].text.split())
        call = {"name": "write", "args": {"text": "x" * arguments}, "id": f"call-{len(state['messages'])}"}
        result = ToolMessage("written", tool_call_id=call["id"])
        return {"messages": [AIMessage("", tool_calls=[call]), result, AIMessage("x" * characters)]}

    return one_node(answer, checkpointer)


def careless(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """Ends with an unanswered tool call."""

    def answer(state: MessagesState) -> dict[str, Any]:
        call = {"name": "ring", "args": {}, "id": f"call-{len(state['messages'])}"}
        return {"messages": [AIMessage("wait", tool_calls=[call])]}

    return one_node(answer, checkpointer)


drawn = count(1)
"""Numbers, so that no two answers of `varied` are the same."""


def varied(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """Answers each time with other words, which tell how many messages it was given.

    A question that begins with `tool` makes it call one, and one that begins with `open` leaves a call open.
    """

    def answer(state: MessagesState) -> dict[str, Any]:
        said, number = state["messages"][-1], next(drawn)
        words = AIMessage(f"{number}: {len(state['messages'])} {said.text}", usage_metadata=USAGE)
        calls = [{"name": "read", "args": {}, "id": f"call-{number}"}]
        if said.text.startswith("open"):
            return {"messages": [AIMessage("", tool_calls=calls)]}
        if said.text.startswith("tool"):
            return {
                "messages": [AIMessage("", tool_calls=calls), ToolMessage("7", tool_call_id=f"call-{number}"), words]
            }
        return {"messages": [words]}

    return one_node(answer, checkpointer)


def mute(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """Calls the model and keeps its answer to itself."""

    async def answer(state: MessagesState) -> dict[str, Any]:
        await model.ainvoke(state["messages"])
        return {"messages": []}

    return one_node(answer, checkpointer)


class Patient(BaseChatModel):
    """Says two words, runs `meanwhile`, and then waits longer than any caller does."""

    @property
    def _llm_type(self) -> str:
        return "patient"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **_: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        chunk = ChatGenerationChunk(message=AIMessageChunk(content="Let me"))
        if run_manager:
            await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
        yield chunk
        await asyncio.to_thread(meanwhile[-1])
        await asyncio.sleep(3600)


meanwhile: list[Callable[[], object]] = [lambda: None]


def patient(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """Never ends by itself, unless told to be quick."""

    async def answer(state: MessagesState) -> dict[str, Any]:
        asked: BaseChatModel = model if state["messages"][-1].text.startswith("quick") else Patient()
        return {"messages": [await asked.ainvoke(state["messages"])]}

    return one_node(answer, checkpointer)


failing: list[bool] = []
"""Whether the next run of a `moody` graph fails, once it has asked the model."""


def moody(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """Like `patient`, but keeps the answer to itself where it is told to fail."""

    async def answer(state: MessagesState) -> dict[str, Any]:
        asked: BaseChatModel = model if state["messages"][-1].text.startswith("quick") else Patient()
        said = await asked.ainvoke(state["messages"])
        return {"messages": [] if failing and failing.pop() else [said]}

    return one_node(answer, checkpointer)


def gated(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """Answers like the model once `meanwhile` is over, in a thread that cannot be stopped."""

    async def answer(state: MessagesState) -> dict[str, Any]:
        if not state["messages"][-1].text.startswith("quick"):
            await asyncio.to_thread(meanwhile[-1])
        return {"messages": [await model.ainvoke(state["messages"])]}

    return one_node(answer, checkpointer)


ran: list[Any] = []
"""The arguments that the tool `keep` was called with, newest last."""


@tool
def keep(value: Any = None) -> str:
    """Keep a value."""
    ran.append(value)
    return f"kept {type(value).__name__}"


@tool
def half() -> str:
    """Half of a surrogate pair."""
    return "half \ud83d of it"


@tool
def silent() -> str:
    """No words at all."""
    return " "


@tool(return_direct=True)
def final() -> str:
    """A result that ends the run."""
    ran.append("final")
    return "That is all."


@tool(response_format="content_and_artifact")
def lock() -> tuple[str, object]:
    """A result with an artifact that no storage keeps."""
    ran.append("lock")
    return "locked", threading.Lock()


def ending(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """An agent whose tools end the run or return values that cannot be stored."""
    return create_agent(model, tools=[final, lock], system_prompt=system_prompt, checkpointer=checkpointer)


def shaped(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """An agent whose answer is a structure."""
    shape = {"title": "Shape", "type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    return create_agent(model, tools=[], response_format=ToolStrategy(shape), checkpointer=checkpointer)


def tooled(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """The example of the manual of models and graphs: an agent with tools, on the session's model."""
    return create_agent(model, tools=[keep, half, silent], system_prompt=system_prompt, checkpointer=checkpointer)


def caching(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """The same with LangChain's middleware for prompt caching."""
    from langchain_aws.middleware.prompt_caching import BedrockPromptCachingMiddleware  # takes a second

    middleware = [BedrockPromptCachingMiddleware()]
    return create_agent(
        model, tools=[keep], system_prompt=system_prompt, checkpointer=checkpointer, middleware=middleware
    )


def whole(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """One node whose model does not stream."""
    model.disable_streaming = True

    async def answer(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    return one_node(answer, checkpointer)


def blocking(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """One node that is not async."""

    def answer(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    return one_node(answer, checkpointer)


def streaming(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """One node that takes its model's answer piece by piece."""

    async def answer(state: MessagesState) -> dict[str, Any]:
        pieces = [piece async for piece in model.astream(state["messages"])]
        return {"messages": [reduce(operator.add, pieces)]}

    return one_node(answer, checkpointer)


def blocking_stream(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """The same in a node that is not async."""

    def answer(state: MessagesState) -> dict[str, Any]:
        return {"messages": [reduce(operator.add, model.stream(state["messages"]))]}

    return one_node(answer, checkpointer)


def apart(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """Asks its model about a long text of its own, with which the thread has nothing to do."""
    text = [
        HumanMessage("the text: " + "and so on " * 2_200, id="own-text"),
        AIMessage("read", id="own-answer"),
        HumanMessage("What of it?", id="own-question"),
    ]

    async def answer(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(text)]}

    return one_node(answer, checkpointer)


def prompting(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """Adds a message in the user's name before each answer."""

    async def answer(state: MessagesState) -> dict[str, Any]:
        own = HumanMessage("and be brief", id=f"own-{len(state['messages'])}")
        return {"messages": [own, await model.ainvoke([*state["messages"], own])]}

    return one_node(answer, checkpointer)


def leaving(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """Asks the process to end."""
    return one_node(lambda _: sys.exit(1), checkpointer)


def unmade(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """Fails before there is a graph."""
    raise ZeroDivisionError


def elsewhere(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """Asks a model of its own, at the endpoint of the environment, before the session's."""
    from langchain_openai import ChatOpenAI

    async def answer(state: MessagesState) -> dict[str, Any]:
        await ChatOpenAI(model="gpt-4o", base_url=own_endpoint[-1], api_key="key", stream_usage=True).ainvoke("think")  # type: ignore[arg-type]
        return {"messages": [await model.ainvoke(state["messages"])]}

    return one_node(answer, checkpointer)


own_endpoint: list[str] = []


def broken(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """Asks the model, and then fails by itself."""

    def fail(state: MessagesState) -> None:
        raise ZeroDivisionError

    return _answering(model, fail, checkpointer)


own_checkpointer: list[Any] = []


def independent(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """Asks the model, and fails if told to; keeps the thread in a checkpointer of its own, or in none."""

    def fail(state: MessagesState) -> None:
        if state["messages"][-2].text == "fail":
            raise ZeroDivisionError

    return _answering(model, fail, own_checkpointer[-1])


def _answering(model: BaseChatModel, then: Callable[[MessagesState], None], checkpointer: Any) -> Any:
    """Asks the model, and has another step after that."""

    async def answer(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("node", answer)
    graph.add_node("then", then)
    graph.add_edge(START, "node")
    graph.add_edge("node", "then")
    return graph.compile(checkpointer=checkpointer)


answer_by: list[float] = []


def timed(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """Notes the deadline of its model, by `time.monotonic`."""

    async def answer(state: MessagesState) -> dict[str, Any]:
        answer_by.append(model.answer_by)  # type: ignore[attr-defined]
        return {"messages": [await model.ainvoke(state["messages"])]}

    return one_node(answer, checkpointer)


def raising(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """Fails before it has asked any model."""

    def fail(state: MessagesState) -> dict[str, Any]:
        raise ZeroDivisionError

    return one_node(fail, checkpointer)


def garbled(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """Answers, in its only step, with a value that no storage keeps."""

    def answer(state: MessagesState) -> dict[str, Any]:
        call = {"name": "fly", "args": {"speed": 2**64, "to": "\ud83d"}, "id": f"call-{len(state['messages'])}"}
        return {"messages": [AIMessage("half \ud83d of it", tool_calls=[call], additional_kwargs={"steps": 2**70})]}

    return one_node(answer, checkpointer)


def _extended(state: list[str], writes: list[list[str]]) -> list[str]:
    return [*state, *(element for write in writes for element in write)]


class Crowd(MessagesState):
    """A state with a DeltaChannel that many tasks write to beside the messages."""

    log: Annotated[list[str], DeltaChannel(_extended)]


class Listed(MessagesState):
    """Like `Crowd`, but in an ordinary channel."""

    log: Annotated[list[str], operator.add]


def _crowd(state: type[Crowd] | type[Listed], model: BaseChatModel, checkpointer: Any) -> Any:
    def spread(state: MessagesState) -> list[Send]:
        tasks, length = map(int, state["messages"][-1].text.split())
        return [Send("work", {"number": number, "length": length}) for number in range(tasks)]

    def work(task: dict[str, int]) -> dict[str, Any]:
        noise = random.Random(task["number"]).randbytes(task["length"] // 2).hex()
        return {"log": [f"{task['number']} {noise}"]}

    async def answer(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(state)
    graph.add_node("work", work)
    graph.add_node("answer", answer)
    graph.add_conditional_edges(START, spread, ["work"])
    graph.add_edge("work", "answer")
    return graph.compile(checkpointer=checkpointer)


def crowd(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """Runs tasks in parallel and then asks the model: the first number says how many tasks, the second how many bytes
    each writes to a DeltaChannel."""
    return _crowd(Crowd, model, checkpointer)


def listed_crowd(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """The same, but with an ordinary channel."""
    return _crowd(Listed, model, checkpointer)


ROOMS = 60


def hall(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """Asks the model, then runs `ROOMS` graphs in parallel, or none for "quick", which keep a memory each."""

    async def answer(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    def spread(state: MessagesState) -> list[str]:
        quick = state["messages"][-2].text.startswith("quick")
        return [END] if quick else [f"room-{number}" for number in range(ROOMS)]

    room = StateGraph(MessagesState)
    room.add_node("sit", lambda state: {})
    room.add_edge(START, "sit")
    graph = StateGraph(MessagesState)
    graph.add_node("answer", answer)
    graph.add_edge(START, "answer")
    for number in range(ROOMS):
        graph.add_node(f"room-{number}", room.compile(checkpointer=True))
    graph.add_conditional_edges("answer", spread)
    return graph.compile(checkpointer=checkpointer)


@tool
def read_on(text: str) -> str:
    """Many words."""
    return f"{text} " + "and so on " * 100


def wordy(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """An agent whose tool says a lot."""
    return create_agent(model, tools=[read_on], system_prompt=system_prompt, checkpointer=checkpointer)
