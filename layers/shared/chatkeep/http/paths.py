"""Path parameters, which API Gateway hands on as the client wrote them: a route is found first, then they are decoded.

The slash of `a%2Fmessages` must not lead to another route, nor the line end of `a%0A` be overlooked. A session that its
client has given an id of its own gets its stored one here, for all functions and routes.
"""

from contextlib import suppress
from functools import partial
from re import Match
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from chatkeep import ids
from chatkeep.errors import UnauthorizedError
from chatkeep.http.caller import user_id

SESSION = "session_id"


def install(app: APIGatewayRestResolver) -> None:
    """Have `app` decode its path parameters."""
    app._convert_matches_into_route_keys = partial(_decoded, app)  # type: ignore[method-assign]


def _decoded(app: APIGatewayRestResolver, match: Match[str]) -> dict[str, str]:
    parameters = {name: unquote(value) for name, value in match.groupdict().items()}
    if SESSION in parameters:
        with suppress(UnauthorizedError):  # raised again, as an answer, by the route's own function
            parameters[SESSION] = ids.of_session(user_id(app.current_event), parameters[SESSION])
    return parameters
