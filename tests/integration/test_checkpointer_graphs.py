"""Graphs that people write, run on DynamoDBSaver and on InMemorySaver: they behave the same."""

import asyncio
import operator
from collections.abc import Callable
from itertools import count
from typing import Annotated, Any, TypedDict

import pytest
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage
from langchain_core.tools import tool
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, Send, interrupt

from chatkeep.checkpointer import DynamoDBSaver, strict_serializer
from tests.cases import cases
from tests.checkpoint_threads import TABLE

Scenario = Callable[[BaseCheckpointSaver[Any], Any], Any]
SCENARIOS: list[Scenario] = []


def scenario(function: Scenario) -> Scenario:
    SCENARIOS.append(function)
    return function


@pytest.fixture(params=cases(["async", "sync", "exit"], thorough=["sync"]))
def durability(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize("run", SCENARIOS, ids=lambda run: run.__name__)
def test_a_graph_behaves_as_it_does_in_memory(run: Scenario, dynamodb: Any, durability: Any) -> None:
    expected = run(InMemorySaver(serde=strict_serializer()), durability)
    assert run(DynamoDBSaver(TABLE, dynamodb), durability) == expected
    assert expected


_threads = count()


def new_thread() -> Any:
    return {"configurable": {"thread_id": f"thread-{next(_threads)}"}}


def contents(graph: Any, config: Any) -> list[Any]:
    """Everything a user of the graph can see of its past, ids and times aside."""
    past = []
    for state in graph.get_state_history(config):
        values = {name: plain(value) for name, value in state.values.items()}
        tasks = [(task.name, task.result, task.error, [i.value for i in task.interrupts]) for task in state.tasks]
        past.append((values, state.next, state.metadata["step"], state.metadata.get("source"), plain(tasks)))
    return past


def plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [plain(element) for element in value]
    if isinstance(value, dict):
        return {name: plain(element) for name, element in value.items()}
    if isinstance(value, Send):
        return value.node, plain(value.arg)
    return (value.type, value.content) if hasattr(value, "content") else value


def echo(state: MessagesState) -> Any:
    return {"messages": [AIMessage(f"echo: {state['messages'][-1].content}" + "." * 700)]}


def chat(saver: BaseCheckpointSaver[Any], **nodes: Any) -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("model", echo)
    builder.add_edge(START, "model")
    return builder.compile(checkpointer=saver, **nodes)


@scenario
def a_chat(saver: BaseCheckpointSaver[Any], durability: Any) -> Any:
    graph, config = chat(saver), new_thread()
    for turn in range(6):
        graph.invoke({"messages": [("user", f"turn {turn}" * (turn * 30 + 1))]}, config, durability=durability)
    return contents(graph, config)


@scenario
def removed_and_replaced_messages(saver: BaseCheckpointSaver[Any], durability: Any) -> Any:
    graph, config = chat(saver), new_thread()
    for turn in range(8):
        graph.invoke({"messages": [HumanMessage(f"turn {turn}", id=f"h{turn}")]}, config, durability=durability)
    graph.update_state(config, {"messages": [RemoveMessage(id=f"h{turn}") for turn in range(5)]})
    graph.update_state(config, {"messages": [HumanMessage("another", id="h6")]})
    graph.invoke({"messages": [("user", "go on")]}, config, durability=durability)
    return contents(graph, config)


@scenario
def replay_from_an_old_checkpoint(saver: BaseCheckpointSaver[Any], durability: Any) -> Any:
    graph, config = chat(saver), new_thread()
    for turn in range(4):
        graph.invoke({"messages": [("user", f"turn {turn}")]}, config, durability=durability)
    old = [state for state in graph.get_state_history(config) if not state.next][2]
    graph.invoke({"messages": [("user", "another way")]}, old.config, durability=durability)
    fork = graph.update_state(old.config, {"messages": [("user", "a third way")]})
    return contents(graph, config), plain(graph.get_state(fork).values), plain(graph.get_state(old.config).values)


class Sums(TypedDict):
    sums: Annotated[list[int], operator.add]
    parts: Annotated[list[str], operator.add]


@scenario
def fan_out_with_more_than_ten_writes(saver: BaseCheckpointSaver[Any], durability: Any) -> Any:
    def spread(state: Sums) -> list[Send]:
        return [Send("work", {"number": number}) for number in range(25)]

    builder = StateGraph(Sums)
    builder.add_node("begin", lambda state: {"parts": ["begin"]})
    builder.add_node("work", lambda task: {"sums": [task["number"]], "parts": [f"part {task['number']}"]})
    builder.add_node("finish", lambda state: {"parts": [f"of {len(state['sums'])}"]})
    builder.add_edge(START, "begin")
    builder.add_conditional_edges("begin", spread, ["work"])
    builder.add_edge("work", "finish")
    graph, config = builder.compile(checkpointer=saver), new_thread()
    for _ in range(2):
        graph.invoke({"parts": ["start"]}, config, durability=durability)
    return contents(graph, config)


@scenario
def interrupted_and_resumed(saver: BaseCheckpointSaver[Any], durability: Any) -> Any:
    def ask(state: MessagesState) -> Any:
        first, second = interrupt("your name?"), interrupt("your age?")
        return {"messages": [AIMessage(f"{first} is {second}")]}

    builder = StateGraph(MessagesState)
    builder.add_node("ask", ask)
    builder.add_node("model", echo)
    builder.add_edge(START, "ask")
    builder.add_edge("ask", "model")
    graph, config = builder.compile(checkpointer=saver), new_thread()
    seen = []
    for command in ({"messages": [("user", "hello")]}, Command(resume="Ada"), Command(resume="36")):
        graph.invoke(command, config, durability=durability)
        state = graph.get_state(config)
        seen.append((state.next, [i.value for i in state.interrupts], plain(state.values)))
    return seen, contents(graph, config)


@scenario
def a_failed_node_is_run_again(saver: BaseCheckpointSaver[Any], durability: Any) -> Any:
    attempts = count()

    def unreliable(state: Sums) -> Any:
        if next(attempts) == 0:
            raise ConnectionError("not now")
        return {"sums": [1]}

    builder = StateGraph(Sums)
    builder.add_node("reliable", lambda state: {"parts": ["once"]})
    builder.add_node("unreliable", unreliable)
    builder.add_edge(START, "reliable")
    builder.add_edge(START, "unreliable")
    graph, config = builder.compile(checkpointer=saver), new_thread()
    with pytest.raises(ConnectionError):
        graph.invoke({"parts": ["start"]}, config, durability=durability)
    return graph.invoke(None, config, durability=durability)


@scenario
def subgraphs_with_a_memory_of_their_own(saver: BaseCheckpointSaver[Any], durability: Any) -> Any:
    class Own(TypedDict):
        messages: Annotated[list[AnyMessage], operator.add]
        visits: Annotated[list[int], operator.add]

    inner = StateGraph(Own)
    inner.add_node("count", lambda state: {"visits": [len(state.get("visits", []))]})
    inner.add_node("say", lambda state: {"messages": [AIMessage(f"visit {state['visits']}")]})
    inner.add_edge(START, "count")
    inner.add_edge("count", "say")
    builder = StateGraph(MessagesState)
    builder.add_node("inner", inner.compile(checkpointer=True))
    builder.add_edge(START, "inner")
    graph, config = builder.compile(checkpointer=saver), new_thread()
    for turn in range(4):
        graph.invoke({"messages": [("user", f"turn {turn}")]}, config, durability=durability)
    return contents(graph, config)


@scenario
def an_interrupted_subgraph(saver: BaseCheckpointSaver[Any], durability: Any) -> Any:
    inner = StateGraph(MessagesState)
    inner.add_node("ask", lambda state: {"messages": [AIMessage(interrupt("sure?"))]})
    inner.add_edge(START, "ask")
    builder = StateGraph(MessagesState)
    builder.add_node("inner", inner.compile())
    builder.add_node("model", echo)
    builder.add_edge(START, "inner")
    builder.add_edge("inner", "model")
    graph, config = builder.compile(checkpointer=saver), new_thread()
    graph.invoke({"messages": [("user", "hello")]}, config, durability=durability)
    waiting = [i.value for i in graph.get_state(config, subgraphs=True).interrupts]
    graph.invoke(Command(resume="yes"), config, durability=durability)
    return waiting, contents(graph, config)


def everything(saver: BaseCheckpointSaver[Any], config: Any) -> Any:
    """All checkpoints of a thread with their pending writes, subgraphs' too, ids and times aside."""
    found = []
    for each in saver.list({"configurable": {"thread_id": config["configurable"]["thread_id"]}}):
        depth = each.config["configurable"]["checkpoint_ns"].count(":")
        writes = sorted(repr(plain(write[1:])) for write in each.pending_writes or [])
        values = sorted(each.checkpoint["channel_values"].items())
        found.append((depth, each.metadata["step"], repr(plain(values)), writes))
    return sorted(found)


@scenario
def subgraphs_with_the_whole_conversation(saver: BaseCheckpointSaver[Any], durability: Any) -> Any:
    innermost = StateGraph(MessagesState)
    innermost.add_node("model", echo)
    innermost.add_edge(START, "model")
    inner = StateGraph(MessagesState)
    inner.add_node("innermost", innermost.compile())
    inner.add_node("again", echo)
    inner.add_edge(START, "innermost")
    inner.add_edge("innermost", "again")
    builder = StateGraph(MessagesState)
    builder.add_node("one", inner.compile())
    builder.add_node("other", innermost.compile())
    builder.add_edge(START, "one")
    builder.add_edge("one", "other")
    graph, config = builder.compile(checkpointer=saver), new_thread()
    for turn in range(5):
        graph.invoke({"messages": [("user", f"turn {turn}" * 60)]}, config, durability=durability)
    old = [state for state in graph.get_state_history(config) if not state.next][2]
    graph.invoke({"messages": [("user", "another way")]}, old.config, durability=durability)
    return contents(graph, config), everything(saver, config)


@scenario
def a_fan_out_over_the_whole_conversation(saver: BaseCheckpointSaver[Any], durability: Any) -> Any:
    def spread(state: MessagesState) -> list[Send]:
        return [Send("opinion", {"messages": state["messages"], "number": number}) for number in range(3)]

    builder = StateGraph(MessagesState)
    builder.add_node("opinion", lambda task: {"messages": [AIMessage(f"opinion {task['number']}")]})
    builder.add_node("model", echo)
    builder.add_conditional_edges(START, spread, ["opinion"])
    builder.add_edge("opinion", "model")
    graph, config = builder.compile(checkpointer=saver), new_thread()
    for turn in range(5):
        graph.invoke({"messages": [("user", f"turn {turn}" * 100)]}, config, durability=durability)
    return contents(graph, config), everything(saver, config)


def weather_agent(saver: BaseCheckpointSaver[Any], turns: int) -> Any:
    @tool
    def weather(place: str) -> str:
        """The weather."""
        return f"sunny in {place}"

    def calls(turn: int) -> list[AIMessage]:
        both = [{"name": "weather", "args": {"place": place}, "id": f"{place}-{turn}"} for place in ("Rome", "Oslo")]
        return [AIMessage("", tool_calls=both), AIMessage(f"fine, {turn}")]

    class Model(GenericFakeChatModel):
        def bind_tools(self, tools: Any, **_: Any) -> Any:
            return self

    model = Model(messages=iter([message for turn in range(turns) for message in calls(turn)]))
    return create_agent(model, [weather], checkpointer=saver)


@scenario
def an_agent_with_tools(saver: BaseCheckpointSaver[Any], durability: Any) -> Any:
    graph, config = weather_agent(saver, turns=5), new_thread()
    for turn in range(5):
        graph.invoke({"messages": [("user", f"weather? {turn}")]}, config, durability=durability)
    return contents(graph, config)


@scenario
def agents_on_an_event_loop(saver: BaseCheckpointSaver[Any], durability: Any) -> Any:
    graph, configs = weather_agent(saver, turns=4), [new_thread(), new_thread()]

    async def converse() -> Any:
        for turn in range(2):
            for config in configs:
                question = {"messages": [("user", f"weather? {turn}")]}
                _ = [chunk async for chunk in graph.astream(question, config, durability=durability)]
        states = [[state async for state in graph.aget_state_history(config)] for config in configs]
        return [[(plain(state.values), state.next, state.metadata["step"]) for state in past] for past in states]

    return asyncio.run(converse())


@scenario
def a_delta_channel(saver: BaseCheckpointSaver[Any], durability: Any) -> Any:
    def extend(state: list[str], writes: list[list[str]]) -> list[str]:
        return [*state, *(element for write in writes for element in write)]

    class Log(TypedDict):
        log: Annotated[list[str], DeltaChannel(extend, snapshot_frequency=5)]

    builder = StateGraph(Log)
    builder.add_node("answer", lambda state: {"log": [f"answer {len(state['log'])}" + "." * 300]})
    builder.add_edge(START, "answer")
    graph, config = builder.compile(checkpointer=saver), new_thread()
    for turn in range(12):
        graph.invoke({"log": [f"turn {turn}"]}, config, durability=durability)
    old = list(graph.get_state_history(config))[7]
    graph.invoke({"log": ["another way"]}, old.config, durability=durability)
    return contents(graph, config)


@scenario
def a_loop_with_a_breakpoint(saver: BaseCheckpointSaver[Any], durability: Any) -> Any:
    builder = StateGraph(Sums)
    builder.add_node("step", lambda state: {"sums": [len(state["sums"])]})
    builder.add_edge(START, "step")
    builder.add_conditional_edges("step", lambda state: END if len(state["sums"]) > 5 else "step")
    graph, config = builder.compile(checkpointer=saver, interrupt_before=["step"]), new_thread()
    graph.invoke({"sums": [0]}, config, durability=durability)
    while graph.get_state(config).next:
        graph.invoke(None, config, durability=durability)
    return contents(graph, config)
