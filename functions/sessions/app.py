"""Sessions: POST, GET /sessions; POST /sessions/bulk; GET, PATCH, DELETE /sessions/{session_id}; POST .../restore,
.../usage, .../cancel; GET .../messages, .../messages/{message_id}, .../turns, .../turns/{turn_id}, .../thread-config;
GET /deletions, /deletions/{deletion_id}; DELETE /me; GET, PUT /preferences."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.openapi.params import Body, Query
from aws_lambda_powertools.utilities.typing import LambdaContext

from chatkeep import messages, sessions
from chatkeep.errors import FieldProblem, InvalidFieldError
from chatkeep.http.bodies import LONGEST_NAME
from chatkeep.http.caller import claim, require_group, user_id
from chatkeep.http.cors import CORS
from chatkeep.http.invocation import invoked
from chatkeep.http.problems import documented, install
from chatkeep.idempotency import Claim
from chatkeep.messages import listing as transcript
from chatkeep.models.session import Status
from chatkeep.sessions import changing, creating, soft_deletion
from chatkeep.sessions.tagging import MOST_TAGS
from chatkeep.sessions.views import SessionView, ShownSessionView, view
from chatkeep.telemetry import logger, metrics
from chatkeep.text import serialised
from chatkeep.turns import lease
from chatkeep.usage import reporting
from functions.sessions import bulk, cancelling, deletions, pages, preferences, turns
from functions.sessions.schemas.bulk import BulkChange, BulkView
from functions.sessions.schemas.deletions import Confirmation, DeletionPage, DeletionView
from functions.sessions.schemas.fields import Tag
from functions.sessions.schemas.messages import CancelView, MessagePage
from functions.sessions.schemas.preferences import NewPreferences, PreferencesView
from functions.sessions.schemas.sessions import NewSession, SessionChanges, SessionPage, ThreadConfig, ThreadView
from functions.sessions.schemas.turns import TurnPage, TurnRecordView
from functions.sessions.schemas.usage import NewUsage, UsageRecordView
from functions.sessions.settings import settings

STATUSES = "^(all|(active|archived|deleted)(,(active|archived|deleted))*)$"
CURSOR = "The `next_cursor` of the page before, for the same list"

app = APIGatewayRestResolver(enable_validation=True, cors=CORS, serializer=serialised)
install(app)


@app.post("/sessions", responses=documented(409, bodies={201: SessionView, 200: SessionView}), status_code=201)
def create_session(new: Annotated[NewSession, Body()]) -> tuple[SessionView, int]:
    """Create a session.

    A field that is left out comes from the caller's preferences, else from the deployment's defaults. With a
    `session_id` that the caller has used before, nothing is created, and 200 answers with that session as it is.
    """
    chosen, are_preferred = preferences.for_session(caller(), new)
    created, is_new = creating.create(caller(), chosen, claimed(), new.session_id, are_preferred)
    if is_new:
        metrics.add_metric(name="SessionsCreated", unit="Count", value=1)
    return created, HTTPStatus.CREATED if is_new else HTTPStatus.OK


@app.get("/sessions", responses=documented())
def list_sessions(
    status: Annotated[
        str,
        Query(
            description="`active`, `archived` or `deleted`, several of them with commas, or `all`",
            json_schema_extra={"pattern": STATUSES},
        ),
    ] = "active",
    q: Annotated[
        str, Query(max_length=200, description="Part of a title or a metadata value, in whatever case and spacing")
    ] = "",
    tag: Annotated[
        list[Tag] | None,
        Query(
            max_length=MOST_TAGS,
            description="A tag that they carry, exactly as it is; given several times, all of them",
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="The most sessions of a page")] = 50,
    cursor: Annotated[str | None, Query(description=CURSOR)] = None,
) -> SessionPage:
    """List the caller's sessions, pinned ones first, then the newest.

    A page is full unless the list ends or the page would exceed 5 MB.
    """
    return pages.of_sessions(caller(), statuses(status), q, tag or [], limit, cursor)


@app.get("/sessions/<session_id>", responses=documented(404))
def get_session(session_id: str) -> ShownSessionView:
    """Show a session, a deleted one too."""
    found = sessions.get(caller(), session_id)
    return ShownSessionView(**view(found).model_dump(), running_turn_id=lease.running_turn(found))


@app.patch("/sessions/<session_id>", responses=documented(404, 409))
def update_session(session_id: str, changes: Annotated[SessionChanges, Body()]) -> SessionView:
    """Change a session.

    Fields that are left out stay as they are; `metadata` and `model_options` are replaced whole.
    """
    given = changes.given()
    if "model_name" in given:
        settings().allowed_models.check(given["model_name"])
    return view(changing.change(caller(), session_id, given))


@app.delete("/sessions/<session_id>", responses=documented(404, 409, bodies={200: SessionView, 202: DeletionView}))
def delete_session(
    session_id: str,
    permanent: Annotated[bool, Query(description="Whether the session goes for good, with all that it holds")] = False,
) -> tuple[SessionView | DeletionView, int]:
    """Delete a session.

    Softly, it can be read and restored until `purge_at`, and takes no turns. For good, it is gone at once, and 202
    answers with the receipt of what is removed. Deleting again changes nothing, and answers the same.
    """
    if unknown := (app.current_event.query_string_parameters or {}).keys() - {"permanent"}:  # `permament=true`, say
        raise InvalidFieldError(*(FieldProblem(name[:LONGEST_NAME], "is unknown") for name in sorted(unknown)))
    if permanent:
        return deletions.of_session(caller(), session_id), HTTPStatus.ACCEPTED
    return view(soft_deletion.delete(caller(), session_id, timedelta(days=settings().retention_days))), HTTPStatus.OK


@app.post("/sessions/<session_id>/restore", responses=documented(404, 409))
def restore_session(session_id: str) -> SessionView:
    """Undo a soft delete."""
    return soft_deletion.restore(caller(), session_id, claimed())


@app.post("/sessions/bulk", responses=documented())
def change_sessions(wanted: Annotated[BulkChange, Body()]) -> BulkView:
    """Do one thing to many sessions.

    Each succeeds or fails on its own, with the status that it alone would have been answered with.
    """
    return bulk.carry_out(caller(), wanted, claimed())


@app.get("/deletions", responses=documented())
def list_deletions(
    limit: Annotated[int, Query(ge=1, le=100, description="The most receipts of a page")] = 50,
    cursor: Annotated[str | None, Query(description=CURSOR)] = None,
) -> DeletionPage:
    """List the receipts of the caller's deletions for good, newest first."""
    return deletions.page(caller(), limit, cursor)


@app.get("/deletions/<deletion_id>", responses=documented(404))
def get_deletion(deletion_id: str) -> DeletionView:
    """Show the receipt of a deletion for good."""
    return deletions.one(caller(), deletion_id)


@app.delete("/me", responses=documented(409, success=202), status_code=202)
def erase_user(confirmed: Annotated[Confirmation, Body()]) -> DeletionView:
    """Erase the caller.

    All sessions, preferences, statistics and receipts go, and turns that run. Until the receipt is `done`, nothing new
    can be made.
    """
    return deletions.of_user(caller(), confirmed.confirm)


@app.get("/sessions/<session_id>/messages", responses=documented(404, 500))
def list_messages(
    session_id: str,
    limit: Annotated[int, Query(ge=1, le=200, description="The most messages of a page")] = 50,
    cursor: Annotated[str | None, Query(description=CURSOR)] = None,
    order: Annotated[Literal["asc", "desc"], Query(description="`asc` shows the oldest first")] = "asc",
    form: Annotated[
        Literal["native", "ui"], Query(alias="format", description="`ui` shows AI SDK's UIMessages, for `useChat`")
    ] = "native",
) -> MessagePage:
    """List a session's transcript.

    A page is full unless the transcript ends or the page would exceed 5 MB. With `format=ui` it may have one UIMessage
    less, so that no answer is without its question.
    """
    shown = pages.of_ui_messages if form == "ui" else pages.of_messages
    return shown(caller(), session_id, limit, cursor, newest_first=order == "desc")


@app.get("/sessions/<session_id>/messages/<message_id>", responses=documented(404, 500))
def get_message(
    session_id: str,
    message_id: str,
    start: Annotated[int, Query(alias="from", ge=0, description="The first character, counted from 0")] = 0,
    end: Annotated[int | None, Query(alias="to", ge=0, description="The character after the last")] = None,
) -> messages.MessageView:
    """Show a message, of a long one a range of its content.

    The content is the characters from `from` until before `to`, or as many of them as fit into an answer.
    """
    if end is not None and start > end:
        raise InvalidFieldError(FieldProblem("from", "must not be after `to`"))
    return messages.view(transcript.one(caller(), session_id, message_id), part=slice(start, end))


@app.get("/sessions/<session_id>/turns", responses=documented(404))
def list_turns(
    session_id: str,
    limit: Annotated[int, Query(ge=1, le=100, description="The most turns of a page")] = 50,
    cursor: Annotated[str | None, Query(description=CURSOR)] = None,
) -> TurnPage:
    """List a session's turns, newest first, with what each has used, call by call.

    A page is full unless the list ends or the page would exceed 5 MB.
    """
    return pages.of_turns(caller(), session_id, limit, cursor)


@app.get("/sessions/<session_id>/turns/<turn_id>", responses=documented(404, 500))
def get_turn(session_id: str, turn_id: str) -> TurnRecordView:
    """Show a turn: whether it waits, runs or has ended, how it ended, and its answer."""
    turn = turns.one(caller(), session_id, turn_id)
    answer = messages.get(caller(), session_id, turn.message_ids[-1]) if turn.message_ids else None
    return TurnRecordView.of(turn, answer)


@app.get("/sessions/<session_id>/thread-config", responses=documented(404))
def get_thread_config(session_id: str) -> ThreadConfig:
    """Show how a LangGraph client continues the session's thread."""
    session = sessions.header(caller(), session_id)
    sessions.load_details([session], ["model_name"])
    thread = ThreadView(
        thread_id=session.session_id,
        user_id=session.user_id,
        model_name=session.model_name,
        temperature=session.temperature,
        max_tokens=int(session.max_tokens),
    )
    return ThreadConfig(configurable=thread)


@app.post("/sessions/<session_id>/usage", responses=documented(403, 404, 409))
def report_usage(session_id: str, used: Annotated[NewUsage, Body()]) -> UsageRecordView:
    """Record the usage of an agent that runs elsewhere.

    It is added to the counters of the session, the user and the day.
    """
    require_group(app.current_event, settings().usage_group)
    report = reporting.Report(used.message_count, used.tokens_used, used.cost)
    turn = reporting.record(caller(), session_id, report, claimed())
    return UsageRecordView.of(turn)


@app.post("/sessions/<session_id>/cancel", responses=documented(404, 409, success=202), status_code=202)
def cancel_turn(session_id: str) -> CancelView:
    """Stop the running turn and keep its words.

    The turn's own request answers with that.
    """
    return cancelling.cancel(caller(), session_id, claim(app.current_event, None))


@app.get("/preferences", responses=documented())
def get_preferences() -> PreferencesView:
    """Show the settings that the caller's new sessions start with."""
    return preferences.get(caller())


@app.put("/preferences", responses=documented(409))
def put_preferences(new: Annotated[NewPreferences, Body()]) -> PreferencesView:
    """Replace the caller's preferences.

    A field that is left out falls back to the deployment's default.
    """
    return preferences.put(caller(), new)


def claimed() -> Claim | None:
    """The claim that the request makes with an idempotency key."""
    return claim(app.current_event, app.current_event.json_body if app.current_event.body else None)


def caller() -> str:
    return user_id(app.current_event)


def statuses(text: str) -> list[Status]:
    """The statuses that a `status` parameter names, each once. Raises InvalidFieldError."""
    try:
        return list(Status) if text == "all" else sorted({Status(name) for name in text.split(",")})
    except ValueError:
        raise InvalidFieldError(
            FieldProblem("status", "must be active, archived or deleted, several with commas, or all")
        ) from None


@logger.inject_lambda_context
@metrics.log_metrics(raise_on_empty_metrics=False)
@invoked
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
