"""Generated bodies: what is an object with each name once is read as it is, anything else is refused by name."""

import json
from typing import Annotated, Any

import pytest
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.openapi.params import Body
from hypothesis import given
from hypothesis import strategies as st

from chatkeep.http import bodies
from chatkeep.http.problems import install
from infra.local.events import LambdaContext, Request, proxy_event

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=5)
objects = st.dictionaries(texts, values, max_size=5)

app = APIGatewayRestResolver(enable_validation=True)
install(app)


@app.post("/")
def echo(given: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
    return given


def post(body: str) -> tuple[int, Any]:
    request = Request("POST", "/", body=body.encode())
    event = proxy_event(request, resource="/", path_parameters={}, claims={"sub": "somebody"})
    answer = app.resolve(event, LambdaContext("test", "1", deadline=0))
    return answer["statusCode"], json.loads(answer["body"])


@given(objects)
def test_an_object_is_read_as_it_is(body: dict[str, Any]) -> None:
    assert post(json.dumps(body)) == (200, body)


@given(values.filter(lambda one: not isinstance(one, dict)) | st.lists(objects, min_size=1))
def test_what_is_no_object_is_refused(body: Any) -> None:
    status, problem = post(json.dumps(body))
    assert (status, problem["errors"]) == (422, [{"field": "body", "detail": "must be a JSON object"}])


@given(objects.filter(bool), st.lists(st.sampled_from(['{"a": %s}', "[1, %s]", '{"a": 1, "b": [%s]}'])), values)
def test_an_object_that_names_a_member_twice_is_refused_wherever_it_stands(
    body: dict[str, Any], places: list[str], value: Any
) -> None:
    name = json.dumps(next(iter(body)))
    text = f"{json.dumps(body)[:-1]}, {name}: {json.dumps(value)}}}"
    for place in places:
        text = place.replace("%s", text)
    with pytest.raises(bodies.RepeatedNameError, match="more than once"):
        bodies.parsed(text)
