"""Stats: GET /stats, /stats/daily, /sessions/{session_id}/stats."""

from datetime import date
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.utilities.typing import LambdaContext

from chatkeep.errors import FieldProblem, InvalidFieldError
from chatkeep.http.caller import user_id
from chatkeep.http.cors import CORS
from chatkeep.http.invocation import invoked
from chatkeep.http.problems import documented, install
from chatkeep.telemetry import logger, metrics
from chatkeep.text import serialised
from functions.stats import reading
from functions.stats.schemas import DailyStats, SessionStats, UserStats

app = APIGatewayRestResolver(enable_validation=True, cors=CORS, serializer=serialised)
install(app)


@app.get("/sessions/<session_id>/stats", responses=documented(404))
def get_session_stats(session_id: str) -> SessionStats:
    """Show a session's usage."""
    return reading.of_session(user_id(app.current_event), session_id)


@app.get("/stats", responses=documented())
def get_user_stats() -> UserStats:
    """Show the usage of all of the caller's sessions."""
    return reading.of_user(user_id(app.current_event))


@app.get("/stats/daily", responses=documented())
def get_daily_stats(
    first: Annotated[date | None, Query(alias="from", description="The first day, in UTC")] = None,
    last: Annotated[date | None, Query(alias="to", description="The last day, in UTC")] = None,
) -> DailyStats:
    """Show the caller's usage day by day.

    With `from` or `to`, at most 366 days, the latest of them; without, the latest 30 days that have usage.
    """
    if first is not None and last is not None:
        if first > last:
            raise InvalidFieldError(FieldProblem("from", "must not be after `to`"))
        if (last - first).days >= reading.MOST_DAYS:
            raise InvalidFieldError(
                FieldProblem("from", f"must be at most {reading.MOST_DAYS} days up to and including `to`")
            )
    return DailyStats(days=reading.of_days(user_id(app.current_event), first, last))


@logger.inject_lambda_context
@metrics.log_metrics(raise_on_empty_metrics=False)
@invoked
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
