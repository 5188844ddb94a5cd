"""AG-UI's events, version 1.0: https://docs.ag-ui.com/concepts/events"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from chatkeep.messages import ui_messages
from chatkeep.streams.event import Event, Name
from functions.stream.protocols import native
from functions.stream.protocols.ag_ui_messages import result_id
from functions.stream.protocols.custom import name_of, told_title
from functions.stream.protocols.frames import data_frame, one_line
from functions.stream.protocols.steps import Block, Steps

HEADERS = native.HEADERS

Sent = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """The client's ids of a run. `known` is the thread's transcript, for a client that does not have all of it, and
    `question` the message that the client sends: such a client forgets it when it gets the transcript. Clients before
    1.0 say no `version`, and fail over an outcome that they do not know, such as `cancelled`."""

    thread_id: str
    run_id: str
    known: Sequence[Sent] | None = None
    question: tuple[str, str] | None = None
    version: str | None = None


class RunEvents:
    """The events of one run; a run without a turn ends with `nothing_to_do`."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._steps = Steps()
        self._turn: Sent = {}

    def opening(self) -> bytes:
        return b"".join(map(data_frame, self._first()))

    def frames(self, event: Event) -> Iterator[bytes]:
        yield from map(data_frame, self._events(event.name, event.data))

    def nothing_to_do(self) -> bytes:
        """The end of a run that has asked for the transcript alone."""
        return data_frame(self._finished({"type": "success"}))

    def _first(self) -> Iterator[Sent]:
        yield {"type": "RUN_STARTED", **self._ids()}
        if self._run.known is None:
            return
        yield {"type": "MESSAGES_SNAPSHOT", "messages": list(self._run.known)}
        if self._run.question:
            name, text = self._run.question
            yield {"type": "TEXT_MESSAGE_START", "messageId": name, "role": "user"}
            yield {"type": "TEXT_MESSAGE_CONTENT", "messageId": name, "delta": text}
            yield {"type": "TEXT_MESSAGE_END", "messageId": name}

    def _events(self, name: Name, data: Sent) -> Iterator[Sent]:
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
                yield {"type": "CUSTOM", "name": name_of(data["value"]), "value": data["value"]}
            case Name.MESSAGE:
                yield from _summaries(data)
            case Name.DONE:
                yield from _ends(self._steps.end_blocks())
                yield self._end(data)
            case Name.ERROR:
                yield from _ends(self._steps.end_blocks())
                yield _error(data)

    def _open(self, data: Sent) -> Iterator[Sent]:
        self._turn = {"session_id": data["session_id"], "turn_id": data["turn_id"]}
        if title := told_title(data):
            yield {"type": "CUSTOM", "name": "title", "value": title}

    def _piece(self, kind: str, message_id: str, text: str) -> Iterator[Sent]:
        if self._steps.is_new(message_id):
            yield from _ends(self._steps.end_blocks())
            self._steps.begin(message_id)
        ended, block, is_new = self._steps.hear(kind, message_id)
        yield from _ends(ended)
        if is_new:
            yield from _starts(block)
        yield {"type": _type(kind, "CONTENT"), "messageId": _message_id(block), "delta": text}

    def _tool_call(self, data: Sent) -> Iterator[Sent]:
        message_id, (call_id, _) = data["message_id"], self._steps.call(data)
        yield from _ends(self._steps.end_blocks())
        self._steps.begin(message_id)
        yield {
            "type": "TOOL_CALL_START",
            "toolCallId": call_id,
            "toolCallName": data["name"],
            "parentMessageId": message_id,
        }
        yield {"type": "TOOL_CALL_ARGS", "toolCallId": call_id, "delta": one_line(data["arguments"])}
        yield {"type": "TOOL_CALL_END", "toolCallId": call_id}

    def _tool_result(self, data: Sent) -> Iterator[Sent]:
        """Nothing for a call of an earlier turn, which the client's list may not have."""
        call_id = data["tool_call_id"]
        if caller := self._steps.answer(call_id):
            result = {"toolCallId": call_id, "content": data["content"], "role": "tool"}
            yield {"type": "TOOL_CALL_RESULT", "messageId": result_id(caller, call_id), **result}

    def _end(self, turn: Sent) -> Sent:
        if turn["status"] == "failed":
            return _error(turn["error"] or {})
        message = turn["message"]
        ended = self._finished({"type": "cancelled" if turn["status"] == "cancelled" else "success"})
        if turn["status"] == "cancelled" and self._run.version is None:
            del ended["outcome"]
        if usage := message["usage"]:
            tokens = {"inputTokens": usage["input_tokens"], "outputTokens": usage["output_tokens"]}
            named = {"model": message["model_name"]} if message["model_name"] else {}
            ended["usage"] = [{**named, **tokens, "totalTokens": usage["total_tokens"]}]
        context = {name: message.get(name) for name in ("context_tokens", "context_limit")}
        ended["result"] = {**self._turn, "message_id": message["message_id"], "status": turn["status"], **context}
        return ended

    def _finished(self, outcome: Sent) -> Sent:
        return {"type": "RUN_FINISHED", **self._ids(), "outcome": outcome}

    def _ids(self) -> Sent:
        return {"threadId": self._run.thread_id, "runId": self._run.run_id}


def _summaries(message: Sent) -> Iterator[Sent]:
    for part in ui_messages.summaries(message.get("parts")):
        value = {"message_id": message["message_id"], **part.data.model_dump()}
        yield {"type": "CUSTOM", "name": "summary", "value": value}


def _starts(block: Block) -> Iterator[Sent]:
    name = _message_id(block)
    if block.kind == "reasoning":
        yield {"type": "REASONING_START", "messageId": name}
    role = "assistant" if block.kind == "text" else "reasoning"
    yield {"type": _type(block.kind, "START"), "messageId": name, "role": role}


def _ends(blocks: list[Block]) -> Iterator[Sent]:
    for block in blocks:
        name = _message_id(block)
        yield {"type": _type(block.kind, "END"), "messageId": name}
        if block.kind == "reasoning":
            yield {"type": "REASONING_END", "messageId": name}


def _type(kind: str, what: str) -> str:
    return f"{'TEXT_MESSAGE' if kind == 'text' else 'REASONING_MESSAGE'}_{what}"


def _message_id(block: Block) -> str:
    """A message's text goes on under its one id, whose later pieces a client appends; its reasonings are apart."""
    return block.message_id if block.kind == "text" else block.id


def _error(problem: Sent) -> Sent:
    told = problem.get("detail") or problem.get("title") or "The turn failed."
    return {"type": "RUN_ERROR", "message": told, **({"code": problem["code"]} if problem.get("code") else {})}
