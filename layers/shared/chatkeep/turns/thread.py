"""A session's thread: run the graph on it, and add messages to it."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.graph import START

from chatkeep import ids
from chatkeep.checkpointer import StagedSaver
from chatkeep.turns.call_recorder import ASIDE
from chatkeep.turns.events import Custom, Listener, Reasoning, StepFinished, ThreadRead, Token

NOT_RUN = "The call was stopped before it gave a result."
NOT_READ = "The call could not be made: its arguments are not a JSON object."

MESSAGES = "messages"
"""The channel with the thread's messages."""
MODES = ["messages", "values", "custom"]

Opening = Callable[[Iterable[BaseMessage]], list[BaseMessage]]
"""Makes a turn's first messages from the thread's, the newest one first."""


async def messages(graph: Any, config: Any) -> list[BaseMessage]:
    """The thread's messages now."""
    state = await graph.aget_state(config)
    return list(state.values.get(MESSAGES, []))


async def run(graph: Any, staged: StagedSaver, config: Any, opening: Opening, listen: Listener) -> None:
    """Send the turn's first messages to the graph, follow it to its end, and tell of it.

    The graph reads the thread from `staged`, and `listen` is told the messages that it gets. To ask the graph before
    would deserialize all messages once more, of which the opening needs the last ones. A graph with another
    checkpointer is asked. Raises ValueError where it has none, and so would forget each turn.
    """
    reads_staged = getattr(graph, "checkpointer", None) is staged
    newest = await asyncio.to_thread(staged.newest, config, MESSAGES) if reads_staged else None
    if newest is None:
        before = await messages(graph, config)
        listen(ThreadRead(before))
        newest = reversed(before)
    else:
        _tell_of_reading(staged, listen)
    first = {MESSAGES: opening(newest)}
    stream = graph.astream(first, config, stream_mode=MODES, durability="exit")
    async for mode, chunk in stream:
        if mode == "values":
            listen(StepFinished(list(chunk.get(MESSAGES, []))))
        elif mode == "custom":
            listen(Custom(chunk))
        else:
            _tell_of_words(listen, *chunk)


def _tell_of_reading(staged: StagedSaver, listen: Listener) -> None:
    """Tell of the checkpoint that the graph goes on from: the first that it reads; the others are of its subgraphs."""

    def hear(_: str, found: CheckpointTuple | None) -> None:
        staged.hear = None
        listen(ThreadRead(list(found.checkpoint["channel_values"].get(MESSAGES, [])) if found else []))

    staged.hear = hear


def _tell_of_words(listen: Listener, message: BaseMessage, metadata: dict[str, Any]) -> None:
    aside = ASIDE.intersection(metadata.get("tags") or ())
    if not isinstance(message, AIMessageChunk) or not message.id or aside:
        return
    if thought := reasoning(message):
        listen(Reasoning(message.id, thought))
    if text := message.text:
        listen(Token(message.id, text))


def reasoning(message: BaseMessage) -> str:
    """A message's reasoning as text, by the fields in which LangChain's classes leave that of their providers."""
    beside = message.additional_kwargs.get("reasoning_content")
    blocks = message.content if isinstance(message.content, list) else []
    return (beside if isinstance(beside, str) else "") + "".join(map(_thought, blocks))


def _thought(block: Any) -> str:
    if not isinstance(block, dict):
        return ""
    inner = block.get("reasoning_content")
    said = inner.get("text") if isinstance(inner, dict) else block.get("thinking") or block.get("reasoning")
    return said if isinstance(said, str) else ""


def opening(
    last_message_id: str | None,
    question: HumanMessage,
    newest: Iterable[BaseMessage],
    known_ids: Sequence[str] | None = None,
) -> list[BaseMessage]:
    """A turn's first messages: an answer to each tool call that was left open in the thread, then the question.

    `newest` are the thread's messages from the last one back. The ids of the turn's are those of its transcript, whose
    last one so far is `last_message_id`, and sort after it; where the question is asked again, they are `known_ids`.
    """
    first: list[BaseMessage] = [*unanswered(newest), question]
    if known_ids is None:
        for one in first:
            one.id = last_message_id = ids.after(last_message_id)
    else:
        for one, its_id in zip(first, known_ids, strict=True):
            one.id = its_id
    return first


def unanswered(newest: Iterable[BaseMessage]) -> list[ToolMessage]:
    """An answer to each tool call at the end of a thread that has none: a model refuses a thread that lacks one.

    `newest` are its messages from the last one back; not more of them are looked at than need be.
    A call without an id cannot be answered; such calls are not sent to a model.
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


async def append(graph: Any, config: dict[str, Any], new: list[BaseMessage]) -> None:
    """Add `new` to the thread as a graph's input is added, without running any step."""
    await graph.aupdate_state(config, {MESSAGES: new}, as_node=START)
