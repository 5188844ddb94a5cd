"""A session's transcript as UIMessages, page by page; a turn's answer lies whole on one page."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from chatkeep.messages import fitting, listing, parts, ui_messages
from chatkeep.messages.branches import Branches
from chatkeep.messages.ui_messages import AssistantUIMessage, Part, TextPart, ToolErrorPart, ToolOutputPart, UIMessage
from chatkeep.models.message import Message, Role
from chatkeep.models.session import Session

ROOM_BYTES = fitting.ROOM_BYTES
LONGEST_TEXTS = (262_144, 32_768, 4_096, 512)
"""Characters to which the texts of an answer are cut, one length after the other, until it fits."""


def page(
    session: Session, known: Branches, running: Message | None, limit: int, after: str | None, newest_first: bool
) -> tuple[list[UIMessage], str | None]:
    """Up to `limit` UIMessages of the active branch that come after the message with the id `after`, and the id that
    the next page comes after, None on the last page.

    The transcript ends with the question `running`, whose answer is on its way. A question and its answer are on one
    page unless they do not fit. An answer that does not fit alone is cut, and says so in its metadata. Raises
    BrokenThreadError.
    """
    shown: list[UIMessage] = []
    reached: str | None = None
    room = ROOM_BYTES
    until = running.message_id if running else None
    messages = listing.in_order(session, known, limit, after, newest_first, until)
    if running and running.message_id > (session.last_message_id or ""):
        messages = _with_question(messages, running, after, newest_first)
    for _, turn in groupby(messages, key=lambda one: one.turn_id):
        stored = list(turn)
        if shown and sum(map(parts.least_bytes, stored)) > room:
            return shown, reached
        parts.join(stored)
        units = list(_units(stored, session.shown_id, newest_first))
        room -= sum(fitting.size(one) for one, _ in units)
        if shown and (len(shown) + len(units) > limit or room < 0):
            return shown, reached
        for message, last in units[:limit]:
            shown, reached = [*shown, message], last
        if len(units) > limit:
            return shown, reached
    return shown, None


def _with_question(
    messages: Iterator[Message], question: Message, after: str | None, newest_first: bool
) -> Iterator[Message]:
    """The stored messages with a question that is not stored yet."""
    if newest_first and not after:
        yield question
    yield from messages
    if not newest_first and (after or "") < question.message_id:
        yield question


def _units(stored: Sequence[Message], session_id: str, newest_first: bool) -> Iterator[tuple[UIMessage, str]]:
    """The UIMessages of a turn in the order of the page, each with the id of its last message in that order."""
    in_order = stored[::-1] if newest_first else stored
    made = ui_messages.of(in_order, session_id)
    ends = [stored[-1].message_id]
    if len(made) > 1:
        asked = next(at for at, one in enumerate(stored) if one.role == Role.USER)
        ends = [stored[asked - 1 if newest_first else asked].message_id, *ends]
    for message, last in zip(reversed(made) if newest_first else made, ends, strict=False):
        yield fitted(message) if isinstance(message, AssistantUIMessage) else message, last


def fitted(answer: AssistantUIMessage) -> AssistantUIMessage:
    """The answer with its longest texts cut until it fits beside its question, or else with its first parts alone."""
    room = ROOM_BYTES * 3 // 4
    if fitting.size(answer) <= room:
        return answer
    metadata = {**answer.metadata, "truncated": True}
    for longest in LONGEST_TEXTS:
        shorter = answer.model_copy(
            update={"metadata": metadata, "parts": [_cut(one, longest) for one in answer.parts]}
        )
        if fitting.size(shorter) <= room:
            return shorter
    share = len(shorter.parts) * room // fitting.size(shorter)
    return shorter.model_copy(update={"parts": shorter.parts[:share]})


def _cut(part: Part, longest: int) -> Part:
    """The part with texts of at most so many characters; longer arguments of a call are left out."""
    match part:
        case TextPart(text=text):
            return part.model_copy(update={"text": text[:longest]})
        case ToolOutputPart(output=text):
            return part.model_copy(update={"output": text[:longest], "input": _short(part.input, longest)})
        case ToolErrorPart(errorText=text):
            return part.model_copy(update={"errorText": text[:longest], "input": _short(part.input, longest)})
    return part


def _short(arguments: Any, longest: int) -> Any:
    return arguments if fitting.size(arguments) <= longest else {}
