"""Paths as clients may write them: a session is found under each spelling of its id, and under nothing else."""

from collections.abc import Callable
from urllib.parse import quote
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.client import Client

ONCE = settings(max_examples=60)
ANYTHING = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
ROUTES = [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/messages"), ("GET", "/stats"), ("POST", "/cancel")]


@pytest.fixture
def session_id(api: Client) -> str:
    return str(api.post("/sessions", json={"title": "mine"}).json["session_id"])


def encoded(text: str) -> str:
    """Each of its bytes percent-encoded."""
    return "".join(f"%{byte:02X}" for byte in text.encode())


@ONCE
@given(junk=ANYTHING, is_before=st.booleans(), spell=st.sampled_from([encoded, lambda text: quote(text, safe="")]))
@pytest.mark.parametrize(("method", "rest"), ROUTES)
def test_an_id_with_anything_beside_it_is_another(
    api: Client, session_id: str, method: str, rest: str, junk: str, is_before: bool, spell: Callable[[str], str]
) -> None:
    other = f"{junk}{session_id}" if is_before else f"{session_id}{junk}"
    response = api.request(
        method, f"/sessions/{spell(other)}{rest}", json={"title": "x"} if method == "PATCH" else None
    )
    assert (response.status, response.json["code"]) == (404, "session_not_found")


@pytest.mark.parametrize("rest", ["", "/messages", "/cancel", "/stats", "/messages/x/feedback"])
def test_an_encoded_slash_leads_to_no_other_route(api: Client, session_id: str, rest: str) -> None:
    response = api.get(f"/sessions/{session_id}{quote(rest, safe='')}%2Fx")
    assert (response.status, response.json["code"]) == (404, "session_not_found")


def test_an_id_is_found_however_it_is_spelt(api: Client, session_id: str) -> None:
    for spelt in (encoded(session_id), session_id.replace("-", "%2d"), f"{session_id}/"):
        assert api.get(f"/sessions/{spelt}").json["title"] == "mine"


@pytest.mark.parametrize("end", ["", "/"])
def test_what_streams_is_found_however_its_path_is_spelt(api: Client, session_id: str, end: str) -> None:
    turn_id = api.post(f"/sessions/{session_id}/messages{end}", json={"content": "hello"}).json["turn_id"]
    asked = {"id": "m", "role": "user", "parts": [{"type": "text", "text": "hello"}]}
    assert api.get(f"/sessions/{encoded(session_id)}/turns/{encoded(turn_id)}/stream{end}").status == 200
    assert api.post(f"/sessions/{session_id}/messages/stream{end}", json={"content": "hello"}).status == 200
    assert api.post(f"/chat{end}", json={"id": session_id, "messages": [asked]}).status == 200
    assert api.post(f"/ag-ui{end}", json={"threadId": session_id, "runId": "r"}).status == 200
    assert api.get(f"/chat/{encoded(session_id)}/stream{end}").status == 204
    assert api.get(f"/chat/{encoded(str(uuid4()))}/stream{end}").status == 404


@pytest.mark.parametrize("escape", ["%FF", "%C3%28", "%00", "%ED%A0%80", "%", "%zz"])
def test_an_id_that_is_no_text_is_not_found(api: Client, session_id: str, escape: str) -> None:
    assert api.get(f"/sessions/{session_id}{escape}").status == 404
