"""Path parameters, which API Gateway hands on as the client wrote them: a route is found first, then they are decoded.

The slash of `a%2Fmessages` must not lead to another route, nor the line end of `a%0A` be overlooked.
"""

from re import Match
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import APIGatewayRestResolver


def install(app: APIGatewayRestResolver) -> None:
    """Have `app` decode its path parameters."""
    app._convert_matches_into_route_keys = _decoded  # type: ignore[method-assign]


def _decoded(match: Match[str]) -> dict[str, str]:
    return {name: unquote(value) for name, value in match.groupdict().items()}
