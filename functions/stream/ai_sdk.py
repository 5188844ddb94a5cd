"""AI SDK's routes: a message of `useChat`, and the stream of the answer that is under way."""

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from chatkeep import ids, sessions
from chatkeep.errors import SessionNotFoundError, TurnNotFoundError
from chatkeep.formats import UUID_SHAPED
from chatkeep.http.caller import claim, user_name
from chatkeep.streams.following import Following
from chatkeep.turns import lease
from functions.stream import chats
from functions.stream.answering import run, streamed
from functions.stream.bodies import NewChat
from functions.stream.call import Call
from functions.stream.looking import follow
from functions.stream.protocols.ai_sdk import HEADERS, UIMessageStream
from functions.stream.running import Asked
from functions.stream.schemas import OnDisconnect
from functions.stream.serving import validated


async def stream_chat(call: Call) -> Response:
    """Run a turn for AI SDK's `useChat`, and stream its UI message.

    The session of a chat that is not there yet is created with the caller's preferences. A message that was sent before
    gets the stream of its turn from the start: its id serves as its key, and `Idempotency-Key` counts only where an
    answer is made again. The body of a problem is its words alone, as text.
    """
    new = validated(NewChat, call.json)
    key = claim(call.event, call.json)
    wanted = new.wanted()
    session_id = ids.of_session(call.user_id, new.id)
    question = wanted.questions[-1]
    answer_id = await run_in_threadpool(chats.answer_to, call.user_id, session_id, wanted) if wanted.again else None
    asked = Asked(
        user_id=call.user_id,
        user_name=user_name(call.event),
        session_id=session_id,
        content="" if answer_id else question.text,
        regenerate=answer_id,
        strategy=new.strategy,
        claim=key if answer_id else question.claim(call.user_id, session_id),
        may_resume=new.on_disconnect is OnDisconnect.CONTINUE,
        client_id=None if answer_id else question.id,
    )
    try:
        return await run(call, asked, UIMessageStream(), HEADERS)
    except SessionNotFoundError:
        await run_in_threadpool(chats.create, call.user_id, new.id)
        return await run(call, asked, UIMessageStream(), HEADERS)


async def stream_running_chat(call: Call) -> Response:
    """Stream the UI message that is under way from its start, for AI SDK's `useChat` after a reload.

    204 says that nothing runs. The body of a problem is its words alone, as text.
    """
    turn_id = await run_in_threadpool(_running, call)
    if turn_id is None:
        return Response(status_code=204)
    following = Following(call.user_id, call.session_id, turn_id)
    try:
        return await streamed(call, follow(following), UIMessageStream(), HEADERS)
    except TurnNotFoundError:  # it has died before its first event
        return Response(status_code=204)


def _running(call: Call) -> str | None:
    """The turn that runs in the chat; a chat of the client's own may have had no message yet."""
    try:
        return lease.running_turn(sessions.header(call.user_id, call.session_id))
    except SessionNotFoundError:
        if UUID_SHAPED.fullmatch(call.in_path("session_id")):
            raise
        return None
