"""Bad inputs of every route: each answers a problem that names the field, and stores nothing."""

from typing import Any

import pytest

from chatkeep import ids
from chatkeep.http.problems import MOST_PROBLEMS
from chatkeep.models.session import Session
from infra.local.template import load_routes
from tests.client import STACK, Client, Response

ROUTES = {(route.method, route.path) for route in load_routes(STACK)}
ID = "0198c0de-5e55-7000-8000-00000000ffff"
SURROGATE = '"\\ud800"'
HUGE = "9" * 5_000
PLAIN = "text/plain; charset=utf-8"
NUMBERS = {  # or what stands in a number's place
    "POST /sessions": "max_tokens",
    "PATCH /sessions/{session_id}": "max_tokens",
    "PUT /preferences": "default_max_tokens",
    "POST /sessions/{session_id}/usage": "tokens_used",
    "POST /sessions/{session_id}/messages": "content",
    "POST /sessions/{session_id}/messages/stream": "content",
    "PUT /sessions/{session_id}/messages/{message_id}/feedback": "rating",
    "DELETE /me": "confirm",
}
WITH_BODY = [*NUMBERS, "POST /sessions/bulk"]
TOLERANT = ["POST /ag-ui", "POST /chat"]
"""Routes whose bodies are those of a front end, and may have more than is known."""
RUNNING_CHAT = "GET /chat/{session_id}/stream"
SESSION_FIELDS = [
    ("title", ["", "x" * 201, 1, None, ["a"]]),
    ("model_name", ["", "x" * 201, 1, None]),
    ("temperature", [-0.1, 2.1, 1e-7, "1", True, None]),
    ("max_tokens", [0, -1, 200_001, 1.5, "1", True, None]),
    ("enable_summarization", ["true", 1, None]),
    ("custom_system_prompt", ["x" * 32_769, "é" * 16_385, 1, None]),
    ("metadata", [[], "{}", 1, None, {"a": "x" * 16_384}, {"a": "é" * 8_190}]),
    ("is_pinned", ["true", 0, None]),
    ("tags", ["a", 1, None, {"a": "b"}, ["x"] * 21]),
    ("expire_after_days", [0, -1, 3_651, 1.5, "1", True]),
]
PREFERENCES_FIELDS = [
    ("default_model", ["", "x" * 201, 1, None]),
    ("default_temperature", [-0.1, 2.1, 1e-7, "1", True, None]),
    ("default_max_tokens", [0, 200_001, 1.5, "1", True, None]),
    ("enable_auto_summarization", ["true", 1, None]),
    ("generate_titles", ["true", 1, None]),
    ("custom_system_prompt", ["x" * 32_769, 1, None]),
    ("default_expire_after_days", [0, -1, 3_651, 1.5, "1", True]),
]
MESSAGE_FIELDS = [("content", ["", "x" * 100_001, 1, None]), ("strategy", ["wait", 1, None])]
CHAT_IDS = ["", "bulk", "..", "a/b", "x" * 101, 1, None]
USAGE_FIELDS = [
    ("message_count", [-1, 1.5, "1", True, None, 1_000_001]),
    ("tokens_used", [-1, 1.5, "1", True, None, 10**12 + 1]),
    ("cost", [-0.01, "1", True, None, 1_000_000.01]),
]
FIELDS = {
    "POST /sessions": [
        *SESSION_FIELDS,
        ("session_id", ["", "bulk", "..", ID, "a/b", "x" * 101, 1, None]),
        ("is_temporary", ["true", 0, None]),
    ],
    "POST /sessions/bulk": [
        ("session_ids", [[], "x", 1, None, ["x"] * 101]),
        ("action", ["purge", "", 1, None, ["pin"]]),
        ("tag", ["t", "", 1, None]),
    ],
    "DELETE /me": [("confirm", ["", "somebody-else", 1, True, None])],
    "PATCH /sessions/{session_id}": [*SESSION_FIELDS, ("is_archived", ["false", 0, None])],
    "PUT /preferences": PREFERENCES_FIELDS,
    "POST /sessions/{session_id}/usage": USAGE_FIELDS,
    "POST /sessions/{session_id}/messages": [*MESSAGE_FIELDS, ("background", ["true", 1, None])],
    "POST /sessions/{session_id}/messages/stream": [*MESSAGE_FIELDS, ("on_disconnect", ["stay", 1, None])],
    "POST /ag-ui": [
        ("threadId", CHAT_IDS),
        ("runId", ["x" * 1_001, 1, None]),
        ("protocolVersion", [1, True]),
        ("messages", ["x", 1, None]),
    ],
    "POST /chat": [
        ("id", CHAT_IDS),
        ("messages", ["x", 1, None, []]),
        ("trigger", ["again", 1, None]),
        ("messageId", [1, True]),
        ("strategy", ["wait", 1, None]),
        ("on_disconnect", ["stay", 1, None]),
    ],
    "PUT /sessions/{session_id}/messages/{message_id}/feedback": [
        ("rating", ["up", "", 1, None]),
        ("comment", ["x" * 5_001, 1]),
        ("reason", ["", "x" * 101, 1]),
    ],
}
REQUIRED: dict[str, dict[str, Any]] = {
    "POST /sessions/bulk": {"session_ids": ["x"], "action": "pin"},
    "POST /sessions/{session_id}/messages": {"content": "hello"},
    "POST /sessions/{session_id}/messages/stream": {"content": "hello"},
    "POST /ag-ui": {"threadId": "a-thread", "runId": "a-run", "messages": []},
    "POST /chat": {
        "id": "a-chat",
        "messages": [{"id": "one", "role": "user", "parts": [{"type": "text", "text": "hello"}]}],
    },
    "PUT /sessions/{session_id}/messages/{message_id}/feedback": {"rating": "thumbs_up"},
}


@pytest.fixture
def session_id(api: Client) -> str:
    return str(api.post("/sessions", json={}).json["session_id"])


def send(api: Client, route: str, session_id: str = ID, **options: Any) -> Response:
    method, path = route.split()
    return api.request(method, path.format(session_id=session_id, message_id=ID, turn_id=ID), **options)


def fields_of(response: Response) -> list[str]:
    if response.headers["content-type"] == PLAIN:
        assert response.status == 422
        return [one.partition(": ")[0] for one in response.text.split("; ")]
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status, response.json["status"], response.json["code"]) == (422, 422, "invalid_field")
    assert all(one["detail"] for one in response.json["errors"])
    return [one["field"] for one in response.json["errors"]]


@pytest.mark.parametrize(("route", "field"), [(route, field) for route in FIELDS for field, _ in FIELDS[route]])
def test_a_wrong_value_is_refused_by_the_name_of_its_field(
    api: Client, session_id: str, route: str, field: str
) -> None:
    before = api.get("/sessions?status=all").json
    for value in dict(FIELDS[route])[field]:
        assert fields_of(send(api, route, session_id, json={**REQUIRED.get(route, {}), field: value})) == [field]
    assert api.get("/sessions?status=all").json == before


BODIES = {
    "nothing": (b"", "body"),
    "null": (b"null", "body"),
    "an array": (b"[]", "body"),
    "a text": (b'"{}"', "body"),
    "a number": (b"1", "body"),
    "half an object": (b'{"title": ', "body"),
    "two objects": (b"{}{}", "body"),
    "a form": (b"title=x", "body"),
    "bytes that are not UTF-8": (b'{"title": "\xff"}', "body"),
    "a mark of the byte order": (b"\xef\xbb\xbf{}", "body"),
    "an unknown field": (b'{"unknown": 1}', "unknown"),
    "a field of another case": (b'{"Title": "x", "Content": "x"}', "Title"),
    "a name that is not Unicode": (b'{"\\ud800": 1}', "body"),
    "an array of an object": (b'[{"title": "x", "tokens_used": 1, "content": "x"}]', "body"),
    "an array of two objects": (b'[{"cost": 1}, {"cost": 2}]', "body"),
    "a field given twice": (b'{"title": "a", "title": "b"}', "body"),
    "a field given twice further in": (b'{"metadata": {"a": [{"b": 1, "c": 2, "b": 1}]}}', "body"),
    "a name written in two ways": (b'{"title": "a", "\\u0074itle": "b"}', "body"),
    "what no parser can nest": (b"[" * 100_000, "body"),
}
OF_UNKNOWN_NAMES = {"an unknown field", "a field of another case", "a name that is not Unicode"}


@pytest.mark.parametrize("body", BODIES)
def test_a_body_that_is_no_object_of_known_fields_is_refused(api: Client, body: str) -> None:
    content, field = BODIES[body]
    for route in WITH_BODY if body in OF_UNKNOWN_NAMES else [*WITH_BODY, *TOLERANT]:
        assert field in fields_of(send(api, route, body=content, headers={"Content-Type": "application/json"})), route


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", HUGE, f"-{HUGE}"], ids=lambda one: one[:9])
def test_a_number_that_json_does_not_know_is_refused(api: Client, number: str) -> None:
    for route, field in NUMBERS.items():
        refused = fields_of(send(api, route, body=f'{{"{field}": {number}}}'))
        assert refused == (["body"] if HUGE in number else [field])


@pytest.mark.parametrize("field", ["title", "model_name", "custom_system_prompt", "metadata"])
def test_a_lone_surrogate_is_refused(api: Client, field: str) -> None:
    value = f'{{"a": [{SURROGATE}]}}' if field == "metadata" else SURROGATE
    assert fields_of(api.post("/sessions", body=f'{{"{field}": {value}}}')) == [field]


@pytest.mark.parametrize("value", ["NaN", "1e400", '{"a": {"b": -Infinity}}', "[" * 500 + "]" * 500])
def test_metadata_that_could_not_be_read_again_is_refused(api: Client, value: str) -> None:
    assert fields_of(api.post("/sessions", body=f'{{"metadata": {{"a": {value}}}}}')) == ["metadata"]
    assert api.get("/sessions").json["sessions"] == []


FORM, PARTS = "application/x-www-form-urlencoded", "multipart/form-data"


@pytest.mark.parametrize("kind", ["text/plain", "application/jsonx", FORM, PARTS, f"{PARTS}; boundary=x"])
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "a-key"}], ids=["", "with a key"])
def test_a_body_that_says_it_is_no_json_is_refused(api: Client, kind: str, headers: dict[str, str]) -> None:
    headers = {**headers, "Content-Type": kind}
    assert fields_of(api.post("/sessions", body='{"title": "x"}', headers=headers)) == ["body"]


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON", ""])
def test_a_body_that_says_it_is_json_is_read(api: Client, kind: str) -> None:
    response = api.post("/sessions", body='{"title": "x"}', headers={"Content-Type": kind})
    assert (response.status, response.json["title"]) == (201, "x")


@pytest.mark.parametrize("route", ["PATCH /sessions/{session_id}", "POST /sessions/{session_id}/usage"])
def test_a_request_that_changes_nothing_is_refused(api: Client, session_id: str, route: str) -> None:
    assert fields_of(send(api, route, session_id, json={})) == ["body"]


def test_every_wrong_field_is_named(api: Client) -> None:
    response = api.post("/sessions", json={"title": "", "temperature": 3, "other": 1, "metadata": []})
    assert sorted(fields_of(response)) == ["metadata", "other", "temperature", "title"]


QUERIES = [
    *[(f"/sessions?limit={value}", "limit") for value in ("0", "101", "-1", "a", "", "1.5", "1&limit=2")],
    *[(f"/sessions?limit={value}", "limit") for value in ("1_0", "%2B1", "1.0", "+1", "1%0A", "1e1", "%D9%A1", HUGE)],
    *[(f"/sessions?{name}=x&q=y&{name}=x", name) for name in ("status", "q", "cursor")],
    *[(f"/sessions?status={value}", "status") for value in ("", "gone", "ACTIVE", "all,active", "active,")],
    *[(f"/sessions?cursor={value}", "cursor") for value in ("", "x", "%00", "a.b", "é")],
    (f"/sessions?q={'x' * 201}", "q"),
    *[(f"/sessions/{ID}/messages?limit={value}", "limit") for value in ("0", "201", "a")],
    *[(f"/sessions/{ID}/messages?order={value}", "order") for value in ("", "up", "ASC")],
    *[(f"/sessions/{ID}/messages/{ID}?from={value}", "from") for value in ("-1", "a", "", "1.5", "2&to=1")],
    *[(f"/sessions/{ID}/messages/{ID}?to={value}", "to") for value in ("-1", "a", "", "1.5")],
    *[(f"/stats/daily?from={value}", "from") for value in ("x", "", "2026-02-30", "2026-13-01", "2026-01-01T10:00")],
    *[(f"/stats/daily?from={value}", "from") for value in ("0", "1767225600", "1.5", "2026-1-1", "2026-01-01Z")],
    *[
        (f"/stats/daily?from={value}", "from")
        for value in ("2026-01-01T00:00:00Z", "20260101", "2026-W01-1", "+2026-01-01")
    ],
    *[
        (f"/stats/daily?to={value}", "to")
        for value in ("x", "", "0000-01-01", "10000-01-01", "2026-01-01&to=2026-01-01")
    ],
    ("/stats/daily?from=2026-01-02&to=2026-01-01", "from"),
    ("/stats/daily?from=2025-01-01&to=2026-01-02", "from"),
]


@pytest.mark.parametrize(("path", "field"), QUERIES, ids=[path[:60] for path, _ in QUERIES])
def test_a_wrong_parameter_is_refused_by_its_name(api: Client, path: str, field: str) -> None:
    assert fields_of(api.get(path)) == [field]


def test_a_delete_wants_to_know_for_certain_whether_it_is_permanent(api: Client, session_id: str) -> None:
    for text in ("perhaps", "", "1", "0", "yes", "on", "t", "True", "false&permanent=false"):
        assert fields_of(api.delete(f"/sessions/{session_id}?permanent={text}")) == ["permanent"], text
    assert api.get(f"/sessions/{session_id}").json["status"] == "active"


def test_a_parameter_that_no_route_knows_makes_no_difference(api: Client, session_id: str) -> None:
    listed = api.get("/sessions?unknown=1&unknown=2")
    assert (listed.status, listed.json) == (200, api.get("/sessions").json)


def test_a_leap_year_is_one_request_and_a_day_more_is_not(api: Client) -> None:
    assert api.get("/stats/daily?from=2024-01-01&to=2024-12-31").status == 200
    assert fields_of(api.get("/stats/daily?from=2024-01-01&to=2025-01-01")) == ["from"]


@pytest.mark.parametrize("route", WITH_BODY)
@pytest.mark.parametrize("body", ["{%s: 1, %s: 2}", "{%s: 1}"], ids=["twice", "unknown"])
def test_a_refusal_is_no_longer_than_lambda_may_answer(api: Client, route: str, body: str) -> None:
    name = '"' + "\\u0001" * 500_000 + '"'
    assert len(send(api, route, body=body.replace("%s", name)).text) < 100_000


@pytest.mark.parametrize("route", WITH_BODY)
def test_a_refusal_lists_no_more_fields_than_one_can_read(api: Client, route: str) -> None:
    body = {f"unknown {number}": 1 for number in range(20_000)}
    assert len(fields_of(send(api, route, json=body))) == MOST_PROBLEMS


@pytest.mark.parametrize("key", ["", "k" * 256, "a\tb", "\x7f"])
@pytest.mark.parametrize("route", [route for route in WITH_BODY if route.startswith("POST")])
def test_a_key_that_is_none_is_refused(api: Client, session_id: str, route: str, key: str) -> None:
    body = {"POST /sessions": {}, "POST /sessions/{session_id}/usage": {"cost": 1}, **REQUIRED}[route]
    assert fields_of(send(api, route, session_id, json=body, headers={"Idempotency-Key": key})) == ["Idempotency-Key"]
    assert api.get("/stats").json["total_sessions"] == 1
    assert api.get("/stats").json["total_messages"] == 0


GOOD: dict[str, Any] = {
    **REQUIRED,
    "PATCH /sessions/{session_id}": {"title": "mine now"},
    "POST /sessions/{session_id}/usage": {"tokens_used": 1},
}
OF_A_SESSION = sorted(f"{method} {path}" for method, path in ROUTES if "{session_id}" in path)
NO_IDS = ["x", ID.upper(), ID[:-1], f"{ID}0", "a" * 2_000, "%20", "é", "..", "null", f"USER%23{ID}"]


@pytest.mark.parametrize("route", OF_A_SESSION)
def test_an_unknown_and_a_foreign_session_answer_the_same(api: Client, session_id: str, route: str) -> None:
    body = {"json": GOOD[route]} if route in GOOD else {}
    foreign = send(api.as_user("somebody-else"), route, session_id, **body)
    unknown = send(api, route, ids.new(), **body)
    assert (foreign.status, foreign.text) == (unknown.status, unknown.text)
    if route == RUNNING_CHAT:
        assert (unknown.status, unknown.text) == (404, "there is no such session")
    else:
        assert (unknown.status, unknown.json["code"]) == (404, "session_not_found")
    stored = Session(api.user_id, session_id)
    stored.refresh(consistent_read=True)
    assert (stored.title, stored.total_tokens, stored.deleted_at) == ("New Conversation", 0, None)


@pytest.mark.parametrize("route", [one for one in OF_A_SESSION if one != RUNNING_CHAT])
def test_what_is_no_id_is_not_found(api: Client, route: str) -> None:
    for text in NO_IDS:
        response = send(api, route, text, **({"json": GOOD[route]} if route in GOOD else {}))
        assert (response.status, response.headers["content-type"]) == (404, "application/problem+json"), text


@pytest.mark.parametrize(("text", "status"), [("x", 204), (f"{ID}0", 204), ("%20", 204), (ID, 404), (ID.upper(), 404)])
def test_in_a_chat_of_the_clients_own_that_nobody_has_begun_nothing_runs(api: Client, text: str, status: int) -> None:
    assert send(api, RUNNING_CHAT, text).status == status


@pytest.mark.parametrize(("method", "path"), sorted(ROUTES))
def test_without_a_token_there_is_no_answer(api: Client, method: str, path: str) -> None:
    path = path.format(session_id=ID, message_id=ID, turn_id=ID, deletion_id=ID)
    response = api.anonymous().request(method, path, json={})
    assert (response.status, response.json["code"]) == (401, "unauthorized")
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing"), ("POST", "/stats"), ("PUT", f"/sessions/{ID}")])
def test_a_route_that_is_none_is_not_found(api: Client, method: str, path: str) -> None:
    response = api.request(method, path)
    assert (response.status, response.json["code"]) == (404, "not_found")


def test_the_table_has_every_route_that_takes_a_body() -> None:
    without = {f"POST /sessions/{{session_id}}/{action}" for action in ("cancel", "compact", "restore")}
    taking = {f"{method} {path}" for method, path in ROUTES if method in {"POST", "PUT", "PATCH"} or path == "/me"}
    assert set(FIELDS) == taking - without
