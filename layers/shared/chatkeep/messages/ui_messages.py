"""A transcript as AI SDK's UIMessages: as `useChat` showed the same turns while they were streamed.

https://ai-sdk.dev/docs/reference/ai-sdk-core/ui-message
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Literal

from pydantic import BaseModel, Field

from chatkeep import messages
from chatkeep.messages import Summary
from chatkeep.messages.results import Paired, paired
from chatkeep.models.message import Message, Role

NO_RESULT = "The call was stopped before it gave a result."
FINISH_REASONS = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content-filter",
    "refusal": "content-filter",
    "tool_calls": "tool-calls",
}
"""AI SDK's names of why a model stopped; any other reason is its `other`."""


class QuestionPart(BaseModel):
    """Words of the user, as `useChat` sends them."""

    type: Literal["text"] = Field(default="text", description="The kind of part")
    text: str = Field(description="The words, or as many of them as fit into an answer")


class TextPart(QuestionPart):
    """Words of a model."""

    state: Literal["done"] = Field(default="done", description="No more words will come")


class StepStartPart(BaseModel):
    """The beginning of a model call."""

    type: Literal["step-start"] = Field(default="step-start", description="The kind of part")


class _DynamicTool(BaseModel):
    type: Literal["dynamic-tool"] = Field(default="dynamic-tool", description="The kind of part")
    toolName: str = Field(description="The tool that was called")  # noqa: N815  as AI SDK has it
    toolCallId: str = Field(description="Identifies the call")  # noqa: N815
    input: Any = Field(description="The arguments; text where the model wrote no JSON object")


class ToolOutputPart(_DynamicTool):
    """A tool call with its result."""

    state: Literal["output-available"] = Field(default="output-available", description="The call has a result")
    output: str = Field(description="The result's text")


class ToolErrorPart(_DynamicTool):
    """A tool call that failed, or never had a result."""

    state: Literal["output-error"] = Field(default="output-error", description="The call failed")
    errorText: str = Field(description="The error's text")  # noqa: N815


class SummaryDataPart(BaseModel):
    """A summary that stands in the transcript from this answer on."""

    type: Literal["data-summary"] = Field(default="data-summary", description="The kind of part")
    data: Summary = Field(description="The summary")


Part = StepStartPart | TextPart | ToolOutputPart | ToolErrorPart | SummaryDataPart


class UserUIMessage(BaseModel):
    """A question."""

    id: str = Field(description="As the client chose where it did, else the message's own id")
    role: Literal["user"] = Field(default="user", description="Who speaks")
    parts: list[QuestionPart] = Field(description="The question's one text")


class AssistantUIMessage(BaseModel):
    """The answer of a turn: all that its model calls said and did."""

    id: str = Field(description="The id of the turn's first message of a model")
    role: Literal["assistant"] = Field(default="assistant", description="Who speaks")
    metadata: dict[str, Any] = Field(
        description="`session_id` and `turn_id`; where the turn's end is shown also `message_id` (the answer's own), "
        "`status`, `model_name`, `usage`, `cost`, `context_tokens`, `context_limit`, `created_at`, and `feedback` "
        "where there is some; `truncated` where texts end early to fit into an answer"
    )
    parts: list[Part] = Field(
        description="In their order; each model call begins with a `step-start`, and summaries come last"
    )


UIMessage = UserUIMessage | AssistantUIMessage
Results = Mapping[tuple[str, str], Message]


def of(stored: Sequence[Message], session_id: str) -> list[UIMessage]:
    """The UIMessages of stored messages, the oldest first: one per question, and one per turn for all of its answer.

    `session_id` is as the user knows it. Results of calls that an earlier turn had left open are not shown.
    """
    made: list[UIMessage] = []
    for _, group in groupby(paired(stored), key=lambda one: one.message.turn_id):
        turn = list(group)
        made += [_question(one.message) for one in turn if one.message.role == Role.USER]
        said = [one for one in turn if one.message.role == Role.ASSISTANT]
        if said:
            results = {one.answers: one.message for one in turn if one.answers}
            made.append(_answer(said, results, session_id))
    return made


def metadata(session_id: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of an answered turn; `answer` is its stored answer as the API shows it."""
    usage = dict(answer["usage"] or {})
    cost = usage.pop("cost", None)
    told = {name: answer[name] for name in ("turn_id", "message_id", "status", "model_name")}
    feedback = {"feedback": answer["feedback"]} if answer["feedback"] else {}
    return {
        "session_id": session_id,
        **told,
        "usage": usage or None,
        "cost": cost,
        "context_tokens": answer.get("context_tokens"),
        "context_limit": answer.get("context_limit"),
        "created_at": answer["created_at"],
        **feedback,
    }


def summaries(parts: Sequence[Mapping[str, Any]] | None) -> list[SummaryDataPart]:
    """The summaries among a message's parts as the API shows them."""
    found = (part for part in parts or () if part["type"] == "summary")
    return [SummaryDataPart(data=Summary.model_validate(part)) for part in found]


def _question(message: Message) -> UserUIMessage:
    return UserUIMessage(id=message.client_id or message.message_id, parts=[QuestionPart(text=message.content)])


def _answer(said: Sequence[Paired], results: Results, session_id: str) -> AssistantUIMessage:
    last = said[-1].message
    ends = last.input_tokens is not None  # the turn's usage stands on its answer
    told = {"session_id": session_id, "turn_id": last.turn_id}
    if ends:
        told = metadata(session_id, messages.view(last).model_dump(mode="json"))
    parts = [part for one in said for part in _step(one, results)]
    parts += [SummaryDataPart(data=Summary(**one.message.summary)) for one in said if one.message.summary]
    return AssistantUIMessage(id=said[0].message.message_id, metadata=told, parts=parts)


def _step(one: Paired, results: Results) -> Iterator[Part]:
    """The parts of one message; none where it says and calls nothing."""
    if one.message.content or one.calls:
        yield StepStartPart()
    if one.message.content:
        yield TextPart(text=one.message.content)
    for call_id, call in one.calls:
        shown = {"toolName": call["name"], "toolCallId": call_id, "input": call["args"]}
        result = results.get((one.message.message_id, call_id))
        if result is None or result.tool_status == "error":
            yield ToolErrorPart(**shown, errorText=result.content if result else NO_RESULT)
        else:
            yield ToolOutputPart(**shown, output=result.content)
