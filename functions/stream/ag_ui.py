"""AG-UI's route: a run of the agent on a thread."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from chatkeep import ids
from chatkeep.errors import IdempotencyKeyReusedError, SessionNotFoundError
from chatkeep.http.caller import user_name
from chatkeep.models.session import Session
from chatkeep.turns.admission import Strategy
from functions.stream import chats
from functions.stream.answering import run
from functions.stream.bodies import NewRun
from functions.stream.call import Call
from functions.stream.protocols import ag_ui_messages
from functions.stream.protocols.ag_ui import HEADERS, Run, RunEvents
from functions.stream.running import Asked
from functions.stream.serving import validated
from functions.stream.wanted import Question

SEPARATOR = "\n\n"
"""Between questions that are asked as one."""


@dataclass(frozen=True)
class Thread:
    """The session of a thread, by the client's id and the stored one. `known` is its transcript, for a client that does
    not have its last message."""

    chat_id: str
    session_id: str
    known: Sequence[dict[str, Any]] | None


async def stream_run(call: Call) -> Response:
    """Run a turn for an AG-UI client, and stream the run's events.

    The session of a thread that is not there yet is created with the caller's preferences. A client that does not have
    the transcript gets it first; a run without a new message tells nothing else. A message's id serves as its key.
    """
    new = validated(NewRun, call.json)
    questions = new.wanted().questions
    thread = await run_in_threadpool(_opened, call.user_id, new)
    question = _joined(questions, thread.known or ())
    if question is None:
        events = RunEvents(Run(new.threadId, new.runId, thread.known, version=new.protocolVersion))
        return Response(events.opening() + events.nothing_to_do(), headers=HEADERS)
    asked = Asked(
        user_id=call.user_id,
        user_name=user_name(call.event),
        session_id=thread.session_id,
        content=question.text,
        strategy=Strategy.REJECT,
        claim=question.claim(call.user_id, thread.session_id),
        may_resume=False,  # the protocol has no resumption: a client that leaves has stopped the run
        client_id=question.id,
    )
    own = None if thread.known is None else (question.id, question.text)
    of_run = Run(new.threadId, new.runId, thread.known, own, new.protocolVersion)
    try:
        return await run(call, asked, RunEvents(of_run), HEADERS)
    except SessionNotFoundError:
        await run_in_threadpool(chats.create, call.user_id, thread.chat_id)
        return await run(call, asked, RunEvents(of_run), HEADERS)


def _opened(user_id: str, new: NewRun) -> Thread:
    chat_id, session = chats.of_thread(user_id, new.threadId)
    has = [one.get("id") for one in new.messages]
    return Thread(chat_id, ids.of_session(user_id, chat_id), _unknown(session, has) if session else None)


def _unknown(session: Session, has: Sequence[Any]) -> Sequence[dict[str, Any]] | None:
    """The transcript, unless the client has its last message."""
    if session.deletion_id is not None or session.last_message_id is None or session.last_message_id in has:
        return None
    return ag_ui_messages.transcript(session)


def _joined(questions: Sequence[Question], known: Sequence[dict[str, Any]]) -> Question | None:
    """The questions that nothing has answered yet, as one, known by the last one's id.

    Those before an answered one were answered together with it. Raises IdempotencyKeyReusedError where that one had
    other words.
    """
    answered = {one["id"]: one["content"] for one in known}
    seen = max((at for at, one in enumerate(questions, 1) if one.id in answered), default=0)
    if seen and not _ends_with(answered[questions[seen - 1].id], questions[seen - 1].text):
        raise IdempotencyKeyReusedError(questions[seen - 1].id_field)
    new = questions[seen:]
    return replace(new[-1], text=SEPARATOR.join(one.text for one in new)) if new else None


def _ends_with(joined: str, text: str) -> bool:
    return joined == text or joined.endswith(SEPARATOR + text)
