"""The local runner with an endpoint for spans."""

from pathlib import Path

from tests.collector import collecting
from tests.runner import running


def test_a_turn_of_the_local_runner_is_a_trace_where_an_endpoint_is_named(tmp_path: Path) -> None:
    with collecting() as collector:
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "DEFAULT_MODEL": "scripted:echo"}
        with running(tmp_path, environment=endpoint) as runner, runner.client() as client:
            session_id = client.post("/sessions", json={"title": "Traced"}).json()["session_id"]
            answer = client.post(f"/sessions/{session_id}/messages", json={"content": "hi"}).json()
    turn = collector.named("invoke_agent")
    assert turn.trace_id == answer["message"]["trace_id"]
    assert turn.resource["service.name"] == "chat"
    assert {"POST /sessions", "POST /sessions/{session_id}/messages"} == set(collector.tree()) - {"scheduled run"}
