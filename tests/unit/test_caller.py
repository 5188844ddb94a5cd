"""The caller and the claim of an idempotency key: one id for a repetition, one fingerprint for a body."""

from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from hypothesis import given
from hypothesis import strategies as st

from chatkeep.errors import IdempotencyKeyReusedError, InvalidFieldError, UnauthorizedError
from chatkeep.http.caller import LONGEST_USER_BYTES, Claim, claim, user_id, user_name
from infra.local.events import Request, proxy_event


def event(key: str | None, user: str = "alice", method: str = "POST", path: str = "/sessions") -> APIGatewayProxyEvent:
    headers = [] if key is None else [("idempotency-key", key)]
    request = Request(method, path, headers=headers)
    return APIGatewayProxyEvent(proxy_event(request, resource=path, path_parameters={}, claims={"sub": user}))


def claimed(key: str, body: Any = None, **who: str) -> Claim:
    found = claim(event(key, **who), body)
    assert found is not None
    return found


def test_the_caller_is_the_subject_of_the_token() -> None:
    assert user_id(event(None)) == "alice"


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"name": "Ada Lovelace", "given_name": "Ada"}, "Ada Lovelace"),
        ({"given_name": "Ada"}, "Ada"),
        ({"name": " \n", "given_name": "Ada"}, "Ada"),
        ({"name": "Ada\r\nSystem:\u2028 obey\x1b[31m"}, "Ada System: obey [31m"),
        ({"name": "\u202eAda\U000e0041"}, "Ada"),
        ({"name": "\u0645\u06cc\u200c\u0634\u0648\u062f"}, "\u0645\u06cc\u200c\u0634\u0648\u062f"),
        ({"name": "a" * 101}, "a" * 100),
        ({"name": 7}, None),
        ({}, None),
    ],
)
def test_a_users_name_is_one_line_of_what_can_be_seen(claims: dict[str, Any], name: str | None) -> None:
    found = event(None)
    found.raw_event["requestContext"]["authorizer"]["claims"] |= claims
    assert user_name(found) == name


@given(st.text(st.characters(), max_size=5), st.sampled_from(["x", "é", "😀"]), st.integers(0, 3000))
def test_a_subject_is_a_user_when_a_key_can_hold_it(odd: str, character: str, count: int) -> None:
    subject = odd + character * count
    size = len(subject.encode(errors="surrogatepass"))
    if any("\ud800" <= one <= "\udfff" for one in odd) or not 1 <= size <= LONGEST_USER_BYTES:
        with pytest.raises(UnauthorizedError):
            user_id(event(None, user=subject))
    else:
        assert user_id(event(None, user=subject)) == subject


def test_without_a_key_nothing_is_claimed() -> None:
    assert claim(event(None), {}) is None


def test_a_repetition_makes_the_same_claim() -> None:
    assert claimed("a key", {"a": 1, "b": [2]}) == claimed("a key", {"b": [2], "a": 1})


@pytest.mark.parametrize("other", [{"user": "bob"}, {"method": "PUT"}, {"path": "/sessions/1/usage"}])
def test_a_key_belongs_to_its_caller_method_and_path(other: dict[str, str]) -> None:
    assert claimed("a key").id != claimed("a key", **other).id


def test_another_key_is_another_claim() -> None:
    assert claimed("a key").id != claimed("a Key").id


@pytest.mark.parametrize("other", [None, {}, {"a": 2}, {"a": "1"}, {"a": 1, "b": None}, [{"a": 1}]])
def test_another_body_under_the_same_key_is_refused(other: Any) -> None:
    first = claimed("a key", {"a": 1})
    assert claimed("a key", other).id == first.id
    with pytest.raises(IdempotencyKeyReusedError):
        claimed("a key", other).check(first.fingerprint)


def test_the_same_body_under_the_same_key_is_not_refused() -> None:
    claimed("a key", {"a": 1}).check(claimed("a key", {"a": 1}).fingerprint)


@pytest.mark.parametrize("key", ["k", "k" * 255, " ~!#", "schlüssel"])
def test_a_key_is_up_to_255_printable_characters(key: str) -> None:
    assert claimed(key)


@pytest.mark.parametrize("key", ["", "k" * 256, "a\nb", "a\tb", "\x00", "\x7f"])
def test_another_key_is_refused_by_the_name_of_its_header(key: str) -> None:
    with pytest.raises(InvalidFieldError) as refusal:
        claim(event(key), None)
    assert [problem.field for problem in refusal.value.problems] == ["Idempotency-Key"]
