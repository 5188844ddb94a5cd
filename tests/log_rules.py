"""Rules for the logs after the marked conversation, at each LogLevel; each raises AssertionError."""

from tests.lambda_function import LEVELS
from tests.marked import MARKS, SIGNATURES, Deployment
from tests.monitored import alarms, shown, watched

SERVER_ERRORS = {
    ("POST /sessions/{session_id}/messages", 503, "model_access_denied"),
    ("POST /sessions/{session_id}/messages", 503, "model_unavailable"),
}
TURNS = [
    ("completed", None),
    ("failed", "graph_failed"),
    ("failed", "model_refused_request"),
    ("failed", "model_access_denied"),
    ("failed", "model_unavailable"),
]
"""The status and the code of each turn of the conversation."""
TOLD = {
    "session_id", "turn_id", "user_id", "model_name", "status", "input_tokens", "output_tokens",
    "calls", "waited_ms", "response_time_ms", "repeated", "cold_start",
}  # fmt: skip
"""Members of the line of any turn that ran."""
COUNTED = {
    "chat": {
        "TurnsCompleted", "TurnsFailed", "InputTokens", "OutputTokens", "CostMicroDollars", "ResponseTimeMs",
        "CheckpointBytes", "ModelAccountFailures", "RequestsFailed", "TimeToFirstTokenMs",
    },
    "sessions": {"SessionsCreated", "RequestsFailed"},
    "sweep": {"LeasesRepaired"},
    "purge": {"DeletionsCompleted", "DeletionSeconds", "ItemsRemoved", "JobsFailed"},
}  # fmt: skip
"""Names of the metrics that the conversation feeds, by service."""


def nothing_of_a_conversation_and_no_key_is_written(talked: Deployment) -> None:
    """Lambda does not drop it either: another LogFormat would let it pass."""
    written = [line.text for line in talked.written()]
    marks = [*MARKS.values(), *SIGNATURES]
    assert {mark: line[:300] for mark in marks for line in written if mark in line} == {}


def the_metrics_survive_and_are_those_on_the_dashboard(talked: Deployment) -> None:
    monitoring = talked.stack.nested("Monitoring")
    namespace = monitoring.parameters["Namespace"]
    found = list(talked.metrics())
    expected = {(service, name) for service, names in COUNTED.items() for name in names}
    assert expected == {(dimensions["service"], name) for _, name, dimensions in found}
    assert {one[0] for one in found} == {namespace}
    known = [*shown(monitoring), *watched(alarms(monitoring).values())]
    assert not [one for one in found if one not in known]


def lambda_takes_each_line_of_ours_for_its_level(talked: Deployment) -> None:
    assert [line.text for line in talked.own() if line.level != LEVELS[line.record["level"]]] == []


def the_parameter_steers_our_lines_and_libraries_speak_from_warnings_on(talked: Deployment) -> None:
    level = str(talked.stack.parameters["LogLevel"])
    assert {line.level for line in talked.own()} == {one for one in (20, 40) if one >= LEVELS[level]}
    libraries = [line for line in talked.written() if line.record.get("requestId")]
    assert {line.record["message"] for line in libraries} == {"cannot take %s", "task failed"}
    assert min(line.level for line in libraries) == LEVELS["WARN"]


def each_5xx_is_an_error_with_route_status_and_code(talked: Deployment) -> None:
    failed = [line for line in talked.own() if line.record["message"] == "request failed"]
    told = {(line.level, line.record["route"], line.record["status"], line.record["code"]) for line in failed}
    assert {one[1:] for one in told if one[0] == LEVELS["ERROR"]} == SERVER_ERRORS
    assert {one for one in talked.answers if one[1] >= 500} == SERVER_ERRORS
    assert all(one[2] < 500 for one in told if one[0] == LEVELS["INFO"])


def each_line_names_the_request_that_it_is_of(talked: Deployment) -> None:
    """Each request by API Gateway's id; the runs that nobody waits for have Lambda's."""
    for function, ran in talked.functions.items():
        lines = [line.record for line in ran.written if line.record.get("level") or "_aws" in line.record]
        written = [one for one in lines if one.get("requestId") != ""]  # a library's lines while it is imported
        alone = function in ("SweepFunction", "PurgeFunction", "WorkerFunction")
        known = set(ran.api.invocations) if alone else set(talked.request_ids)
        assert {one.get("request_id") for one in written} <= known, function
        invocations = {one["function_request_id"] for one in written if "_aws" not in one}
        assert invocations <= set(ran.api.invocations), function


def each_turn_that_ran_is_one_line(talked: Deployment) -> None:
    ended = [line.record for line in talked.own() if line.record["message"] == "turn ended"]
    if LEVELS[str(talked.stack.parameters["LogLevel"])] > LEVELS["INFO"]:
        assert ended == []
        return
    assert [(one["status"], one.get("code")) for one in ended] == TURNS
    assert all(set(one) >= TOLD for one in ended)
    assert len({one["request_id"] for one in ended}) == len({one["turn_id"] for one in ended}) == len(TURNS)


RULES = {
    rule.__name__: rule
    for rule in (
        nothing_of_a_conversation_and_no_key_is_written,
        the_metrics_survive_and_are_those_on_the_dashboard,
        lambda_takes_each_line_of_ours_for_its_level,
        the_parameter_steers_our_lines_and_libraries_speak_from_warnings_on,
        each_5xx_is_an_error_with_route_status_and_code,
        each_line_names_the_request_that_it_is_of,
        each_turn_that_ran_is_one_line,
    )
}
