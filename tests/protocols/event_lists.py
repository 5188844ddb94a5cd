"""Generated lists of a turn's events: any that a graph may lead to, and those of a turn whose messages are known."""

from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from chatkeep import ids, messages
from chatkeep.models.message import Message, Role
from chatkeep.streams.event import Event, Name

few = settings(max_examples=20)
"""Turns take long to generate."""

USER, SESSION, TURN = "user", "0199aaaa-0000-7000-8000-000000000000", "0199bbbb-0000-7000-8000-000000000000"
AT = "2026-11-26T12:00:00.000+00:00"
PROBLEM = {"title": "Model failed", "status": 503, "detail": "the model did not answer", "code": "model_unavailable"}

TEXT = st.text(min_size=1, max_size=12)
"""Line ends and separators of any kind among them, and no half of a surrogate pair, as in stored messages."""
ARGUMENTS = st.dictionaries(TEXT, st.integers() | TEXT | st.none(), max_size=2) | TEXT
STATUSES = ["completed", "cancelled", "timed_out", "failed"]
REASONS = ["stop", "length", "content_filter", "refusal", "tool_calls", "unknown", None]
NAMES = [f"0199cccc-0000-7000-8000-{number:012}" for number in range(4)]
CALLS = st.sampled_from(["call-1", "call-2", "call-3", None])


def message(message_id: str, role: Role, content: str, **fields: Any) -> Message:
    return Message(USER, SESSION, message_id, turn_id=TURN, role=role, content=content, created_at=AT, **fields)


def view(one: Message) -> dict[str, Any]:
    return messages.view(one).model_dump(mode="json")


def numbered(named: Sequence[tuple[Name, dict[str, Any]]], first: int = 1) -> list[Event]:
    return [Event(first + number, name, data) for number, (name, data) in enumerate(named)]


QUESTION = message(ids.after(None), Role.USER, "What?")
TURN_EVENT = (Name.TURN, {"turn_id": TURN, "session_id": "my-chat", "user_message": view(QUESTION)})


def happenings() -> st.SearchStrategy[tuple[Name, dict[str, Any]]]:
    """Anything that happens while the turn runs; models may speak at once, and results come for unknown calls."""
    piece = st.fixed_dictionaries({"message_id": st.sampled_from(NAMES), "text": TEXT})
    call = st.fixed_dictionaries(
        {"message_id": st.sampled_from(NAMES), "tool_call_id": CALLS, "name": TEXT, "arguments": ARGUMENTS}
    )
    result = st.fixed_dictionaries(
        {"tool_call_id": CALLS, "content": st.text(max_size=9), "status": st.sampled_from(["success", "error"])}
    )
    written = TEXT | st.dictionaries(st.sampled_from(["name", "type", "percent"]), TEXT | st.integers(), max_size=2)
    return st.one_of(
        st.tuples(st.just(Name.TOKEN), piece),
        st.tuples(st.just(Name.TOKEN), piece),
        st.tuples(st.just(Name.REASONING), piece),
        st.tuples(st.just(Name.TOOL_CALL), call),
        st.tuples(st.just(Name.TOOL_RESULT), result),
        st.tuples(st.just(Name.CUSTOM), st.fixed_dictionaries({"value": written})),
    )


@st.composite
def ends(draw: st.DrawFn, heard: Sequence[tuple[Name, dict[str, Any]]]) -> list[tuple[Name, dict[str, Any]]]:
    """The messages and the last event of a turn, after all that was heard of it."""
    if draw(st.booleans()):
        return [(Name.ERROR, PROBLEM)]
    said = {name: "" for name, _ in spoken(heard)}
    for name, text in spoken(heard):
        said[name] += text
    answer_id = max(said, default=NAMES[0])
    status = draw(st.sampled_from(STATUSES))
    stored = [message(one, Role.ASSISTANT, said[one]) for one in sorted(said)]
    used = {"model_name": draw(st.sampled_from(["m", None])), "finish_reason": draw(st.sampled_from(REASONS))}
    told = _usage(status, priced=draw(st.booleans())) | used
    last = message(answer_id, Role.ASSISTANT, said.get(answer_id, ""), **told)
    return [*((Name.MESSAGE, view(one)) for one in [*stored[:-1], last]), (Name.DONE, done(last))]


def done(of: Message) -> dict[str, Any]:
    shown = view(of)
    return {
        "turn_id": TURN,
        "status": of.status,
        "user_message": view(QUESTION),
        "message": shown,
        "usage": shown["usage"],
        "response_time_ms": 5,
        "error": PROBLEM if of.status == "failed" else None,
    }


def token(text: str, message_id: str = NAMES[0]) -> tuple[Name, dict[str, Any]]:
    return Name.TOKEN, {"message_id": message_id, "text": text}


def answer(status: str) -> Message:
    return message(NAMES[0], Role.ASSISTANT, "Hello!", **_usage(status, priced=True))


def ended(status: str) -> tuple[Name, dict[str, Any]]:
    """The end of a turn with that answer."""
    return Name.DONE, done(answer(status))


def spoken(heard: Sequence[tuple[Name, dict[str, Any]]]) -> Iterator[tuple[str, str]]:
    """The messages that are heard of, each with a piece of its words."""
    for name, data in heard:
        if "message_id" in data:
            yield data["message_id"], data["text"] if name is Name.TOKEN else ""


@st.composite
def turns(draw: st.DrawFn) -> list[Event]:
    """Any turn; it has been cut anywhere before its end where that was a prefix."""
    heard = draw(st.lists(happenings(), max_size=14))
    return numbered([TURN_EVENT, *heard, *draw(ends(heard))])


@st.composite
def stored_turns(draw: st.DrawFn, *, reused: bool = True, in_order: bool = False) -> list[Message]:
    """The stored messages of a turn: its question, steps with tool calls and their results, and its answer.

    Some models give their calls the same ids in each step.
    """
    stored = [QUESTION]
    for number in range(draw(st.integers(0, 3))):
        calls = draw(st.lists(st.tuples(TEXT, ARGUMENTS), min_size=1, max_size=3))
        again = reused and draw(st.booleans())
        made = [
            {"name": name, "args": arguments, "id": f"call-{at}" if again else f"call-{number}-{at}"}
            for at, (name, arguments) in enumerate(calls)
        ]
        stored.append(_next(stored, Role.ASSISTANT, draw(st.text(max_size=9)), tool_calls=made))
        for call in made if in_order else draw(st.permutations(made))[draw(st.integers(0, 1)) :]:
            status = draw(st.sampled_from(["success", "error"]))
            content = draw(st.text(max_size=9))
            stored.append(_next(stored, Role.TOOL, content, tool_call_id=call["id"], tool_status=status))
    status = draw(st.sampled_from(STATUSES))
    return [
        *stored,
        _next(stored, Role.ASSISTANT, draw(st.text(max_size=9)), **_usage(status, priced=draw(st.booleans()))),
    ]


def _usage(status: str, *, priced: bool) -> dict[str, Any]:
    used = {"model_name": "m", "input_tokens": 3, "output_tokens": 2, "response_time_ms": 5, "finish_reason": "stop"}
    return {**used, "status": status, "cost": 12 if priced else None}


def _next(stored: Sequence[Message], role: Role, content: str, **fields: Any) -> Message:
    return message(ids.after(stored[-1].message_id), role, content, **fields)


def events_of(stored: Sequence[Message]) -> list[Event]:
    """The events of a turn that has led to these messages, each answer in one piece."""
    named: list[tuple[Name, dict[str, Any]]] = [TURN_EVENT]
    for one in stored[1:]:
        named += _happened(one)
    said = [one for one in stored if one.role == Role.ASSISTANT]
    return numbered([*named, *((Name.MESSAGE, view(one)) for one in said), (Name.DONE, done(said[-1]))])


def _happened(one: Message) -> Iterator[tuple[Name, dict[str, Any]]]:
    if one.role == Role.TOOL:
        told = {"tool_call_id": one.tool_call_id, "content": one.content, "status": one.tool_status}
        yield Name.TOOL_RESULT, told
        return
    if one.content:
        yield Name.TOKEN, {"message_id": one.message_id, "text": one.content}
    for call in one.tool_calls or []:
        told = {"tool_call_id": call["id"], "name": call["name"], "arguments": call["args"]}
        yield Name.TOOL_CALL, {"message_id": one.message_id, **told}
