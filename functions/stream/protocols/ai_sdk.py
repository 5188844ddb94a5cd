"""AI SDK's UI message stream, version 1: https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol"""

from collections.abc import Iterator
from typing import Any

from chatkeep.messages import ui_messages
from chatkeep.streams.event import LAST, Event, Name
from functions.stream.protocols import native
from functions.stream.protocols.custom import name_of, told_title
from functions.stream.protocols.frames import data_frame
from functions.stream.protocols.steps import Block, Steps

HEADERS = {**native.HEADERS, "x-vercel-ai-ui-message-stream": "v1"}
DONE = b"data: [DONE]\n\n"
STOPPED = "The turn was cancelled."

Part = dict[str, Any]


class UIMessageStream:
    """One assistant's message per turn. Its id is that of the turn's first stored one, so that it starts with that.

    An error before any of its words has no message. Values that the graph writes are passed on at once, and become no
    part of the message; so is the session's title, once it has one.
    """

    def __init__(self) -> None:
        self._steps = Steps()
        self._turn: dict[str, Any] = {}
        self._has_started = False

    def opening(self) -> bytes:
        return b""

    def frames(self, event: Event) -> Iterator[bytes]:
        yield from map(data_frame, self._parts(event.name, event.data))
        if event.name in LAST:
            yield DONE

    def _parts(self, name: Name, data: dict[str, Any]) -> Iterator[Part]:
        match name:
            case Name.TURN:
                yield from self._open(data)
            case Name.TOKEN:
                yield from self._piece("text", data["message_id"], data["text"])
            case Name.REASONING:
                yield from self._piece("reasoning", data["message_id"], data["text"])
            case Name.TOOL_CALL:
                yield from self._tool_call(data)
            case Name.TOOL_RESULT:
                yield from self._tool_result(data)
            case Name.CUSTOM:
                yield {"type": f"data-{name_of(data['value'])}", "data": data["value"], "transient": True}
            case Name.MESSAGE:
                yield from self._start(data["message_id"])
                yield from (one.model_dump() for one in ui_messages.summaries(data.get("parts")))
            case Name.DONE:
                yield from self._end(data)
            case Name.ERROR:
                yield from self._close()
                yield _error(data)

    def _open(self, data: dict[str, Any]) -> Iterator[Part]:
        self._turn = {"session_id": data["session_id"], "turn_id": data["turn_id"]}
        if title := told_title(data):
            yield {"type": "data-title", "data": title, "transient": True}

    def _piece(self, kind: str, message_id: str, text: str) -> Iterator[Part]:
        yield from self._in_step(message_id)
        closed, block, is_new = self._steps.hear(kind, message_id)
        yield from map(_end_of, closed)
        if is_new:
            yield {"type": f"{kind}-start", "id": block.id}
        yield {"type": f"{kind}-delta", "id": block.id, "delta": text}

    def _tool_call(self, data: dict[str, Any]) -> Iterator[Part]:
        yield from self._in_step(data["message_id"])
        yield from map(_end_of, self._steps.end_reasoning())
        call_id, again = self._steps.call(data)
        if again:
            yield _result(call_id, ui_messages.NO_RESULT, is_error=True)
        call = {"toolCallId": call_id, "toolName": data["name"]}
        yield {"type": "tool-input-start", **call, "dynamic": True}
        yield {"type": "tool-input-available", **call, "input": data["arguments"], "dynamic": True}

    def _tool_result(self, data: dict[str, Any]) -> Iterator[Part]:
        """Nothing for a call of an earlier turn, which the client would look for in vain."""
        if self._steps.answer(data["tool_call_id"]):
            yield _result(data["tool_call_id"], data["content"], is_error=data["status"] != "success")

    def _in_step(self, message_id: str) -> Iterator[Part]:
        yield from self._start(message_id)
        if self._steps.is_new(message_id):
            yield from self._finish_step()
            self._steps.begin(message_id)
            yield {"type": "start-step"}

    def _start(self, message_id: str) -> Iterator[Part]:
        if not self._has_started:
            self._has_started = True
            yield {"type": "start", "messageId": message_id, "messageMetadata": self._turn}

    def _finish_step(self) -> Iterator[Part]:
        yield from map(_end_of, self._steps.end_blocks())
        if self._steps.end():
            yield {"type": "finish-step"}

    def _close(self) -> Iterator[Part]:
        for call_id in self._steps.unanswered():
            yield _result(call_id, ui_messages.NO_RESULT, is_error=True)
        yield from self._finish_step()

    def _end(self, turn: dict[str, Any]) -> Iterator[Part]:
        answer = turn["message"]
        yield from self._start(answer["message_id"])
        yield from self._close()
        metadata = ui_messages.metadata(self._turn.get("session_id", ""), answer)
        if turn["status"] in ("completed", "timed_out"):
            reason = ui_messages.FINISH_REASONS.get(answer["finish_reason"], "other")
            yield {"type": "finish", "finishReason": reason, "messageMetadata": metadata}
            return
        yield {"type": "message-metadata", "messageMetadata": metadata}
        yield {"type": "abort", "reason": STOPPED} if turn["status"] == "cancelled" else _error(turn["error"] or {})


def _end_of(block: Block) -> Part:
    return {"type": f"{block.kind}-end", "id": block.id}


def _result(call_id: str, content: str, *, is_error: bool) -> Part:
    if is_error:
        return {"type": "tool-output-error", "toolCallId": call_id, "errorText": content, "dynamic": True}
    return {"type": "tool-output-available", "toolCallId": call_id, "output": content, "dynamic": True}


def _error(problem: dict[str, Any]) -> Part:
    return {"type": "error", "errorText": problem.get("detail") or problem.get("title") or "The turn failed."}
