"""Chat: POST /sessions/{session_id}/messages; PUT, DELETE .../messages/{message_id}/feedback; GET /models."""

from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.openapi.params import Body
from aws_lambda_powertools.utilities.typing import LambdaContext

from chatkeep import deadline, messages
from chatkeep.agent import catalogue, runtime, turn_metrics
from chatkeep.agent.settings import settings
from chatkeep.http import turns
from chatkeep.http.caller import claim, user_id, user_name
from chatkeep.http.cors import CORS
from chatkeep.http.invocation import invoked
from chatkeep.http.problems import documented, install
from chatkeep.http.turns import BackgroundTurnView, CompactionView, NewMessage, TurnView
from chatkeep.models.background import BackgroundTurn
from chatkeep.models.message import Rating
from chatkeep.telemetry import logger, metrics
from chatkeep.text import serialised
from chatkeep.turns import engine, titles
from chatkeep.turns.admission import Strategy
from chatkeep.turns.answers import Answer
from functions.chat import background, feedback
from functions.chat.feedback import Feedback
from functions.chat.schemas import ModelView, NewFeedback

app = APIGatewayRestResolver(enable_validation=True, cors=CORS, serializer=serialised)
install(app)
settings()  # what cannot be read fails at start, and not a turn


@app.post(
    "/sessions/<session_id>/messages",
    responses=documented(404, 409, 500, bodies={200: TurnView, 202: BackgroundTurnView}),
)
def send_message(session_id: str, new: Annotated[NewMessage, Body()]) -> tuple[TurnView | BackgroundTurnView, int]:
    """Run one turn: the question, the graph, the answer.

    A turn that was cancelled, ran out of time or broke in mid-answer answers 200 with the words so far and its
    `status`. A problem leaves the transcript as it was. After 502 and 504 the turn may still be stored: sending it
    again under the same `Idempotency-Key` tells.

    With `background`, 202 answers at once and the turn runs afterwards. Its repetition answers 202 until the turn has
    ended, then with the turn.
    """
    request = engine.Request(
        user_id=user_id(app.current_event),
        session_id=session_id,
        content=new.content,
        regenerate=new.regenerate or None,
        strategy=new.strategy,
        claim=claim(app.current_event, app.current_event.json_body),
        deadline=deadline.current(),
        user_name=user_name(app.current_event),
    )
    if new.background:
        return _shown(background.ask(request))
    with turn_metrics.of_a_turn() as measure:
        answer = engine.send(request, runtime.tools())
        measure(answer)
    titles.nudge_for(answer)
    return _shown(answer)


@app.post(
    "/sessions/<session_id>/compact",
    responses=documented(404, 409, 500, bodies={200: CompactionView, 202: BackgroundTurnView}),
)
def compact_session(session_id: str) -> tuple[CompactionView | BackgroundTurnView, int]:
    """Summarise the model's context now.

    From then on models are given the summary in place of all messages before it; the transcript keeps them. 202 answers
    at once, and the turn runs afterwards. Its repetition under the same `Idempotency-Key` answers 202 until the turn
    has ended, then with the turn.
    """
    request = engine.Request(
        user_id=user_id(app.current_event),
        session_id=session_id,
        content="",
        compacts=True,
        strategy=Strategy.REJECT,
        claim=claim(app.current_event, app.current_event.json_body if app.current_event.body else None),
        deadline=deadline.current(),
    )
    return _shown(background.ask(request))


def _shown(turn: Answer | BackgroundTurn) -> tuple[Any, int]:
    if isinstance(turn, BackgroundTurn):
        return turns.background_view(turn), HTTPStatus.ACCEPTED
    return turns.view(turn), HTTPStatus.OK


@app.put("/sessions/<session_id>/messages/<message_id>/feedback", responses=documented(404, 409, 500))
def put_feedback(session_id: str, message_id: str, new: Annotated[NewFeedback, Body()]) -> messages.MessageView:
    """Rate an answer.

    The rating replaces an earlier one. The same rating sent twice counts once.
    """
    caller = user_id(app.current_event)
    given = Feedback(Rating(new.rating), new.comment, new.reason)
    return messages.view(feedback.put(caller, session_id, message_id, given))


@app.delete("/sessions/<session_id>/messages/<message_id>/feedback", responses=documented(404, 409, 500))
def delete_feedback(session_id: str, message_id: str) -> messages.MessageView:
    """Clear the rating of an answer."""
    return messages.view(feedback.put(user_id(app.current_event), session_id, message_id, None))


@app.get("/models", responses=documented())
def list_models() -> list[ModelView]:
    """List the models that a session may name here, the default one first.

    Context, prices and abilities are those of lists that come with the deployment; null where they do not tell.
    """
    return [ModelView.model_validate(offer, from_attributes=True) for offer in catalogue.offers()]


@logger.inject_lambda_context
@metrics.log_metrics(raise_on_empty_metrics=False)
@invoked
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
