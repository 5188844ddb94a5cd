"""One answer of a model, read chunk by chunk."""

from collections import defaultdict
from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk

from chatkeep.agent.models.content import CALLS, Block, Content
from chatkeep.agent.models.tool_calls import Calls
from chatkeep.text import Joiner
from chatkeep.turns.call_recorder import ReadChunk
from chatkeep.turns.encodable import storable
from chatkeep.turns.reported import believable

FRAGMENTS = "call_fragments"
"""Where a provider's class leaves the fragments of calls that LangChain should not read itself."""
STREAMED = ("reasoning_content", "refusal")


class Reading:
    """Text goes on as it comes, made valid; calls, usage and metadata come whole in a last chunk.

    Of several usages in one answer the last counts that says anything, and so it is with all metadata.
    """

    def __init__(self) -> None:
        self.started = False
        self._joiners: defaultdict[Any, Joiner] = defaultdict(Joiner)
        self._calls = Calls()
        self._usage: UsageMetadata | None = None
        self._metadata: dict[str, Any] = {}
        self._in_blocks = False
        self._refused = False

    def add(self, chunk: ChatGenerationChunk) -> ReadChunk | None:
        """The part of the chunk that can go on now, if any; always one for the first chunk."""
        message = chunk.message
        self._metadata |= {**(chunk.generation_info or {}), **message.response_metadata}
        extra = dict(message.additional_kwargs)
        before = self._usage
        if isinstance(message, AIMessageChunk):
            self._note_usage(message.usage_metadata)
            for fragment in (*message.tool_call_chunks, *extra.get(FRAGMENTS, ())):
                self._calls.add(fragment)
        content = self._content(message.content)
        streamed = {name: self._joiners[name].add(extra[name]) for name in STREAMED if isinstance(extra.get(name), str)}
        if streamed.get("refusal"):
            self._refused = True
            content = self._beside(content, streamed["refusal"])
        first, self.started = not self.started, True
        if not (first or content or any(streamed.values()) or self._usage != before):
            return None
        told = _chunk(content or self._nothing(), streamed, message.id)
        told.so_far = self._usage
        return told

    def end(self) -> ReadChunk:
        """The last chunk."""
        content = self._nothing()
        for place, joiner in self._joiners.items():
            if (place == "refusal" or isinstance(place, int | None)) and (rest := joiner.close()):
                content = self._beside(content, rest, place if isinstance(place, int) else 0)
        last = _chunk(content, {}, None, self._calls.end())
        if self._refused:
            self._metadata["finish_reason"] = "refusal"
        last.message.response_metadata = storable(self._metadata)
        last.message.usage_metadata = last.so_far = self._usage  # type: ignore[attr-defined]
        last.message.chunk_position = "last"  # type: ignore[attr-defined]
        return last

    def _note_usage(self, usage: UsageMetadata | None) -> None:
        counted = believable(usage) if usage else None
        if counted and (counted["total_tokens"] or self._usage is None):
            self._usage = counted

    def _content(self, content: Content) -> Content:
        if isinstance(content, str):
            return self._joiners[None].add(content)
        self._in_blocks = True
        return [self._block(block) for block in content if isinstance(block, str) or block.get("type") not in CALLS]

    def _block(self, block: Block) -> Block:
        if isinstance(block, str):
            return self._joiners[None].add(block)
        inner = block.get("reasoning_content")
        if isinstance(inner, dict) and isinstance(inner.get("text"), str):
            said = self._joiners["reasoning", block.get("index")].add(inner["text"])
            return dict(storable(block)) | {"reasoning_content": dict(storable(inner)) | {"text": said}}
        if isinstance(block.get("text"), str):
            return dict(storable(block)) | {"text": self._joiners[block.get("index")].add(block["text"])}
        return dict(storable(block))

    def _nothing(self) -> Content:
        return [] if self._in_blocks else ""

    def _beside(self, content: Content, text: str, index: int = 0) -> Content:
        """`content` and more `text`, in the block at `index` where there are blocks."""
        if isinstance(content, str):
            return content + text
        return [*content, {"type": "text", "text": text, "index": index}]


def _chunk(content: Content, extra: dict[str, Any], name: str | None, calls: Any = ()) -> ReadChunk:
    message = AIMessageChunk(
        content=content,
        additional_kwargs={key: value for key, value in extra.items() if value},
        tool_call_chunks=list(calls),
        id=name,
    )
    return ReadChunk(message=message)
