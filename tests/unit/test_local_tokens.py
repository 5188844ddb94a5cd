"""The local authorizer: whatever a token is, it names a user or is refused, and its claims fit into an event."""

import json
from typing import Any

import jwt
from hypothesis import given
from hypothesis import strategies as st

from infra.local import limits, tokens
from infra.local.events import Request, proxy_event
from infra.local.gateway import UnauthorizedError

KEY = "a key of the tests, and one that is long enough for the algorithm"
GOOD = {"sub": "alice", "token_use": "id", "iss": tokens.ISSUER, "aud": tokens.CLIENT, "exp": 2**33}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)
NAMES = st.sampled_from(["sub", "exp", "iat", "nbf", "auth_time", "iss", "aud", "token_use", "cognito:groups", "other"])


def signed(claims: dict[str, Any]) -> str:
    """A token with any claims, those included that the library makes no token of."""
    return jwt.PyJWS().encode(json.dumps(claims).encode(), KEY, "HS256")


def accepted(authorization: str | None) -> Any:
    try:
        return tokens.authorize(KEY, authorization)
    except UnauthorizedError:
        return None


@given(st.text(st.characters(codec="latin-1"), max_size=80))
def test_a_text_that_is_no_token_is_refused(text: str) -> None:
    assert accepted(text) is None
    assert accepted(f"Bearer {text}") is None


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_a_signed_token_is_refused_or_its_claims_fit_into_an_event(claims: dict[str, Any]) -> None:
    found = accepted(f"Bearer {signed({**GOOD, **claims})}")
    if found is not None:
        event = proxy_event(Request("GET", "/"), resource="/", path_parameters={}, claims=found)
        assert all(isinstance(value, str) for value in event["requestContext"]["authorizer"]["claims"].values())
        assert not limits.is_too_large(event)
        assert json.loads(json.dumps(event)) == event


def test_a_subject_with_half_of_a_surrogate_pair_reaches_the_function() -> None:
    half = "\ud800"
    found = accepted(f"Bearer {signed({**GOOD, 'sub': half})}")
    assert found["sub"] == half
    event = proxy_event(Request("GET", "/"), resource="/", path_parameters={}, claims=found)
    assert not limits.is_too_large(event)
