"""One run of a graph on a session's thread: to its end, to a cancel, or to its deadline."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langgraph.graph import START

from chatkeep.turns.calls import ASIDE
from chatkeep.turns.lease import CancelAction

FIRST_LOOK_SECONDS = 0.9
LOOK_SECONDS = 0.5
"""A cancel is seen within a second, and a turn that takes less never looks."""
NOT_RUN = "The call was cancelled before it gave a result."


Opening = Callable[[list[BaseMessage]], list[BaseMessage]]
"""Makes what a turn begins with from the thread's messages."""


@dataclass
class Progress:
    """What the run has made so far: the thread's messages after the last finished step, and the answers under way.

    `before` is None until the thread has been read.
    """

    before: list[BaseMessage] | None = None
    after: list[BaseMessage] = field(default_factory=list)
    streamed: dict[str, AIMessageChunk] = field(default_factory=dict)

    def new(self) -> list[BaseMessage]:
        """The messages that were not there before."""
        known = {one.id for one in self.before or []}
        return [one for one in self.after if one.id not in known]


class DeadlineError(Exception):
    """The run has used up its time."""


async def messages(graph: Any, config: dict[str, Any]) -> list[BaseMessage]:
    """What the thread holds now."""
    state = await graph.aget_state(config)
    return list(state.values.get("messages", []))


async def run(graph: Any, config: dict[str, Any], progress: Progress, opening: Opening) -> None:
    """Send what `opening` makes of the thread's messages to the graph, and follow it to its end."""
    progress.before = await messages(graph, config)
    first = {"messages": opening(progress.before)}
    stream = graph.astream(first, config, stream_mode=["messages", "values"], durability="exit")
    async for mode, chunk in stream:
        if mode == "values":
            progress.after = list(chunk.get("messages", []))
        else:
            _collect(progress, *chunk)


def _collect(progress: Progress, message: BaseMessage, metadata: dict[str, Any]) -> None:
    if isinstance(message, AIMessageChunk) and message.id and not ASIDE.intersection(metadata.get("tags") or ()):
        known = progress.streamed.get(message.id)
        progress.streamed[message.id] = message if known is None else known + message


async def supervise(
    running: Awaitable[None], look: Callable[[], CancelAction | None], seconds: float
) -> CancelAction | None:
    """Await `running` for at most `seconds`; return the cancel that ended it, where one did.

    Raises DeadlineError, and what `running` and `look` raise.
    """
    task = asyncio.ensure_future(running)
    watch = asyncio.ensure_future(_watch(look))
    try:
        await asyncio.wait({task, watch}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.cancelled():
            raise RuntimeError("the graph cancelled itself")
        if task.done():
            task.result()
            return None
        if watch.done():
            return watch.result()
        raise DeadlineError
    finally:
        for one in (task, watch):
            one.cancel()
        # A model called in a thread cannot be stopped; it is left behind, not waited for.
        ended, _ = await asyncio.wait({task, watch}, timeout=0.2)
        for ended_one in ended:
            ended_one.cancelled() or ended_one.exception()  # else asyncio reports an error that nobody asked for


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


def kept(progress: Progress, opening: list[BaseMessage]) -> list[BaseMessage]:
    """What a cancelled run leaves: the finished messages, an answer to each open tool call, and the words so far."""
    finished = progress.new()
    if not {one.id for one in opening} <= {one.id for one in finished}:
        finished = opening
    last = finished[-1]
    if isinstance(last, AIMessage) and not last.tool_calls:
        return finished
    known = {one.id for one in finished}
    words = "".join(chunk.text for name, chunk in progress.streamed.items() if name not in known)
    return [*finished, *unanswered(finished), AIMessage(words)]


async def append(graph: Any, config: dict[str, Any], new: list[BaseMessage]) -> None:
    """Add `new` to the thread as a graph's input is added, without running what would follow."""
    await graph.aupdate_state(config, {"messages": new}, as_node=START)
