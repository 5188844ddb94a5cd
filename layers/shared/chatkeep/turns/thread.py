"""One run of a graph on a session's thread: to its end, to a cancel, or to its deadline."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage

from chatkeep.turns.lease import CancelAction

FIRST_LOOK_SECONDS = 0.9
LOOK_SECONDS = 0.5
"""A cancel is seen within a second, and a turn that takes less never looks."""
NOT_RUN = "The call was cancelled before it gave a result."


@dataclass
class Progress:
    """What the run has made so far: the thread's messages after the last finished step, and the answers under way."""

    before: list[BaseMessage] = field(default_factory=list)
    after: list[BaseMessage] = field(default_factory=list)
    streamed: dict[str, AIMessageChunk] = field(default_factory=dict)

    def new(self) -> list[BaseMessage]:
        """The messages that were not there before."""
        known = {one.id for one in self.before}
        return [one for one in self.after if one.id not in known]


async def run(graph: Any, config: dict[str, Any], said: HumanMessage, progress: Progress) -> None:
    """Send `said` to the graph and follow it to its end; tool calls that the thread left open are answered first."""
    state = await graph.aget_state(config)
    progress.before = list(state.values.get("messages", []))
    messages = [*unanswered(progress.before), said]
    stream = graph.astream({"messages": messages}, config, stream_mode=["messages", "values"], durability="exit")
    async for mode, chunk in stream:
        if mode == "values":
            progress.after = list(chunk.get("messages", []))
        elif isinstance(chunk[0], AIMessageChunk) and chunk[0].id:
            known = progress.streamed.get(chunk[0].id)
            progress.streamed[chunk[0].id] = chunk[0] if known is None else known + chunk[0]


async def supervise(
    running: Awaitable[None], look: Callable[[], CancelAction | None], seconds: float
) -> CancelAction | None:
    """Await `running` for at most `seconds`; return the cancel that ended it, where one did.

    Raises TimeoutError, and what `running` and `look` raise.
    """
    task = asyncio.ensure_future(running)
    watch = asyncio.ensure_future(_watch(look))
    try:
        await asyncio.wait({task, watch}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            return None
        if watch.done():
            return watch.result()
        raise TimeoutError
    finally:
        for one in (task, watch):
            one.cancel()
        # A model called in a thread cannot be stopped; it is left behind, not waited for.
        await asyncio.wait({task, watch}, timeout=0.2)


async def _watch(look: Callable[[], CancelAction | None]) -> CancelAction:
    await asyncio.sleep(FIRST_LOOK_SECONDS)
    while True:
        if (action := await asyncio.to_thread(look)) is not None:
            return action
        await asyncio.sleep(LOOK_SECONDS)


def unanswered(messages: list[BaseMessage]) -> list[ToolMessage]:
    """An answer to each tool call at the end of `messages` that has none: a model refuses a thread that lacks one."""
    answered: set[str] = set()
    for message in reversed(messages):
        if isinstance(message, ToolMessage):
            answered.add(message.tool_call_id)
        elif isinstance(message, AIMessage):
            open_calls = [call for call in message.tool_calls if call["id"] not in answered]
            return [ToolMessage(NOT_RUN, tool_call_id=call["id"], status="error") for call in open_calls]
        else:
            break
    return []


def kept(progress: Progress, said: HumanMessage) -> list[BaseMessage]:
    """What a cancelled run leaves: the finished messages, an answer to each open tool call, and the words so far."""
    finished = progress.new()
    if said.id not in {one.id for one in finished}:
        finished = [*unanswered(progress.before), said]
    last = finished[-1]
    if isinstance(last, AIMessage) and not last.tool_calls:
        return finished
    known = {one.id for one in finished}
    words = "".join(chunk.text for name, chunk in progress.streamed.items() if name not in known)
    return [*finished, *unanswered(finished), AIMessage(words)]


async def overwrite(graph: Any, config: dict[str, Any], messages: list[BaseMessage]) -> None:
    """Add `messages` to the thread as they are, without running the graph."""
    await graph.aupdate_state(config, {"messages": messages}, as_node="__input__")
