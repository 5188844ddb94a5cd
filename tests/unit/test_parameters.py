"""Query parameters have one form each; generated texts that pydantic by itself would take are refused."""

import json
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode

import pytest
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.openapi.params import Query
from hypothesis import given
from hypothesis import strategies as st

from chatkeep.http.problems import install
from infra.local.events import LambdaContext, Request, proxy_event

blanks = st.sampled_from(["", " ", "\n", "\t", "\u00a0", "_", "+", "-", ".", ".0", "e1"])
digits = st.text("0123456789", min_size=1, max_size=12) | st.text(st.characters(categories=["Nd"]), min_size=1)
near_numbers = st.builds("".join, st.lists(digits | blanks, min_size=1, max_size=3))
days = st.dates().map(str) | st.integers(0, 10**9).map(str) | digits
near_dates = st.builds("".join, st.tuples(st.just("") | blanks, days, blanks | st.just("T00:00:00Z")))
texts = st.text(st.characters(exclude_categories=["Cs"]))

app = APIGatewayRestResolver(enable_validation=True)
install(app)


@app.get("/")
def echo(
    number: Annotated[int, Query()] = 0,
    flag: Annotated[bool | None, Query()] = None,
    day: Annotated[date | None, Query(alias="from")] = None,
    many: Annotated[list[str] | None, Query()] = None,
) -> list[Any]:
    return [number, flag, str(day), many]


def ask(**query: Any) -> Any:
    """The parameters' values as the route reads them, or the names of the refused ones."""
    request = Request("GET", "/", urlencode(query, doseq=True))
    event = proxy_event(request, resource="/", path_parameters={}, claims={"sub": "somebody"})
    answer = app.resolve(event, LambdaContext("test", "1", deadline=0))
    body = json.loads(answer["body"])
    return body if answer["statusCode"] == 200 else [one["field"] for one in body["errors"]]


@given(near_numbers | texts)
def test_a_number_is_ascii_digits_and_nothing_else(text: str) -> None:
    taken = ask(number=text)
    assert taken == ([int(text), None, "None", None] if text.isascii() and text.isdigit() else ["number"])


@given(near_dates | texts)
def test_a_date_is_written_in_one_way(text: str) -> None:
    assert ask(**{"from": text}) in ([0, None, text, None], ["from"])


@given(st.dates())
def test_every_date_can_be_asked_for(day: date) -> None:
    assert ask(**{"from": day})[2] == day.isoformat()


@pytest.mark.parametrize("text", ["on", "off", "yes", "no", "t", "f", "y", "n", "1", "0", "True", "TRUE", " true", ""])
def test_a_flag_is_true_or_false(text: str) -> None:
    assert ask(flag=text) == ["flag"]
    assert (ask(flag="true")[1], ask(flag="false")[1]) == (True, False)


def test_only_a_list_may_be_given_twice() -> None:
    assert ask(number=["1", "1"], flag=["true", "x"], many=["a", "b"]) == ["number", "flag"]
    assert ask(many=["a", "b"])[3] == ["a", "b"]
