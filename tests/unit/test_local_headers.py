"""Headers that pass API Gateway: which of them, under which names, and none that breaks the answer."""

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local import limits
from infra.local.events import MalformedAnswerError, answer_of
from infra.local.headers import for_client, for_function

TEXT = st.text(st.characters(codec="latin-1"), max_size=12)


def test_a_function_gets_the_clients_headers_and_the_gateways() -> None:
    passed = dict(for_function([("Host", "x"), ("Accept", "a"), ("X-Forwarded-For", "forged")], "127.0.0.1", 3000))
    assert passed.pop("x-amzn-trace-id").startswith("Root=1-")
    own = {"x-forwarded-for": "127.0.0.1", "x-forwarded-port": "3000", "x-forwarded-proto": "http"}
    assert passed == {"Host": "x", "Accept": "a", **own}


@pytest.mark.parametrize(
    "name", ["Connection", "expect", "TE", "Trailer", "Transfer-Encoding", "UPGRADE", "Keep-Alive"]
)
def test_what_concerns_one_connection_stays_on_it(name: str) -> None:
    assert name not in dict(for_function([(name, "x")], "127.0.0.1", 1))
    assert name not in dict(for_client([(name, "x")]))


@pytest.mark.parametrize("name", ["Connection", "Content-Length", "Date", "Server", "WWW-Authenticate"])
def test_what_the_gateway_says_itself_is_renamed(name: str) -> None:
    assert for_client([(name, "x")]) == [(f"x-amzn-remapped-{name.lower()}", "x")]


@given(st.dictionaries(TEXT, TEXT, max_size=3), st.integers(0, 1000))
def test_a_result_is_an_answer_that_http_can_carry_or_none(headers: dict[str, str], status: int) -> None:
    try:
        answer = answer_of({"statusCode": status, "headers": headers})
    except MalformedAnswerError:
        return
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    h11.Response(status_code=answer.status, headers=pairs)


@pytest.mark.parametrize(
    "result", [{"statusCode": 99}, {"statusCode": "200"}, {"statusCode": [200]}, {"statusCode": 600}]
)
def test_a_status_that_is_none_is_no_answer(result: dict[str, object]) -> None:
    with pytest.raises(MalformedAnswerError):
        answer_of(result)


@pytest.mark.parametrize("header", ["a\r\nSet-Cookie: b", "ü€", "\x00"])
def test_a_header_that_http_cannot_carry_is_no_answer(header: str) -> None:
    with pytest.raises(MalformedAnswerError, match="X-Note"):
        answer_of({"statusCode": 200, "headers": {"X-Note": header}})


def test_the_size_of_headers_counts_names_white_space_and_line_ends() -> None:
    assert limits.header_bytes([("a", "bc"), ("d", "")]) == len("a: bc\r\nd: \r\n")
