"""One run of a graph on a session's thread: to its end, to a cancel, or to its deadline."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from operator import is_
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.graph import START

from chatkeep.checkpointer import StagedSaver
from chatkeep.text import valid
from chatkeep.turns.calls import ASIDE
from chatkeep.turns.lease import CancelAction
from chatkeep.turns.mending import mend

FIRST_LOOK_SECONDS = 0.9
LOOK_SECONDS = 0.5
"""A cancel is seen within a second, and a turn that takes less never looks."""
NOT_RUN = "The call was stopped before it gave a result."
NOT_READ = "The call could not be made: its arguments are not a JSON object."

MESSAGES = "messages"
"""The channel with the thread's messages."""

Opening = Callable[[Iterable[BaseMessage]], list[BaseMessage]]
"""Makes what a turn begins with from the thread's messages, the newest one first."""


@dataclass
class Progress:
    """What the run has made so far: the thread's messages after the last finished step, and the answers under way, in
    the pieces that they come in; `new` are the messages that were not there before.

    `before` are the ids of the messages that were there; None until the thread has been read.
    """

    before: set[str | None] | None = None
    after: list[BaseMessage] = field(default_factory=list)
    streamed: dict[str, list[str]] = field(default_factory=dict)
    new: list[BaseMessage] = field(default_factory=list)

    def hear(self, namespace: str, found: CheckpointTuple | None) -> None:
        """Take the messages of the checkpoint that the graph itself goes on from: it reads the thread only once."""
        if self.before is None and not namespace:
            self.go_on_from(found.checkpoint["channel_values"].get(MESSAGES, []) if found else [])

    def go_on_from(self, messages: list[BaseMessage]) -> None:
        self.before = {one.id for one in messages}
        self.after = list(messages)

    def finish_step(self, messages: list[BaseMessage]) -> None:
        """Take the thread's messages after a step, and mend the new ones.

        LangGraph goes on with these very objects, and stores them when the run has ended. Where it has kept all that
        were there and added some, as most steps do, it is these that are looked at, and not the whole thread.
        """
        appended = len(messages) >= len(self.after) and all(map(is_, self.after, messages))
        known = self.before or set()
        looked_at = messages[len(self.after) :] if appended else messages
        new = [one for one in looked_at if one.id not in known]
        self.new = [*self.new, *new] if appended else new
        self.after = messages
        for one in new:
            mend(one)

    def said(self, opening: list[BaseMessage]) -> bool:
        """Whether there is anything that whoever sent the turn would miss: words, or a finished step."""
        opened = {one.id for one in opening}
        return any(one.id not in opened for one in self.new) or any(map("".join, self.streamed.values()))


class DeadlineError(Exception):
    """The run has used up its time."""


async def messages(graph: Any, config: Any) -> list[BaseMessage]:
    """What the thread holds now."""
    state = await graph.aget_state(config)
    return list(state.values.get(MESSAGES, []))


async def run(graph: Any, staged: StagedSaver, config: Any, progress: Progress, opening: Opening) -> None:
    """Send what `opening` makes of the thread's messages to the graph, and follow it to its end.

    The graph reads the thread from `staged`, and `progress` hears what it gets: asking the graph before would
    deserialize all messages once more, of which the opening needs the last ones. A graph with another
    checkpointer is asked. Raises ValueError where it has none, and so would forget each turn.
    """
    reads_staged = getattr(graph, "checkpointer", None) is staged
    newest = await asyncio.to_thread(staged.newest, config, MESSAGES) if reads_staged else None
    if newest is None:
        before = await messages(graph, config)
        progress.go_on_from(before)
        newest = reversed(before)
    else:
        staged.hear = progress.hear
    first = {MESSAGES: opening(newest)}
    stream = graph.astream(first, config, stream_mode=["messages", "values"], durability="exit")
    async for mode, chunk in stream:
        if mode == "values":
            progress.finish_step(list(chunk.get(MESSAGES, [])))
        else:
            _collect(progress, *chunk)


def _collect(progress: Progress, message: BaseMessage, metadata: dict[str, Any]) -> None:
    if isinstance(message, AIMessageChunk) and message.id and not ASIDE.intersection(metadata.get("tags") or ()):
        progress.streamed.setdefault(message.id, []).append(message.text)


async def supervise(
    running: Awaitable[None], look: Callable[[], CancelAction | None], seconds: float
) -> CancelAction | None:
    """Await `running` for at most so many `seconds`; return the cancel that ended it, where one did.

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


def unanswered(newest: Iterable[BaseMessage]) -> list[ToolMessage]:
    """An answer to each tool call at the end of a thread that has none: a model refuses a thread that lacks one.

    `newest` are its messages from the last one back; not more of them are looked at than need be.
    A call without an id cannot be answered; such are left out of what a model is sent.
    """
    answered: set[str | None] = {None}
    for message in newest:
        if isinstance(message, ToolMessage):
            answered.add(message.tool_call_id)
        elif isinstance(message, AIMessage):
            calls = [*((call["id"], NOT_RUN) for call in message.tool_calls)]
            calls += [(call["id"], NOT_READ) for call in message.invalid_tool_calls]
            texts = {name: text for name, text in calls if name not in answered}
            return [ToolMessage(text, tool_call_id=name, status="error") for name, text in texts.items()]
        else:
            break
    return []


def kept(progress: Progress, opening: list[BaseMessage]) -> list[BaseMessage]:
    """What a run leaves that was stopped or broke.

    The finished messages, an answer to each open tool call, and the words so far.
    """
    finished = progress.new
    if not {one.id for one in opening} <= {one.id for one in finished}:
        finished = opening
    last = finished[-1]
    if isinstance(last, AIMessage) and not last.tool_calls:
        return finished
    known = {one.id for one in finished}
    words = "".join(piece for name, pieces in progress.streamed.items() if name not in known for piece in pieces)
    return [*finished, *unanswered(reversed(finished)), AIMessage(valid(words))]


async def append(graph: Any, config: dict[str, Any], new: list[BaseMessage]) -> None:
    """Add `new` to the thread as a graph's input is added, without running what would follow."""
    await graph.aupdate_state(config, {MESSAGES: new}, as_node=START)
