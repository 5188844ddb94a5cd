"""What has to hold of the logs after the marked conversation, at each LogLevel: rules, which raise AssertionError."""

from tests.lambda_function import LEVELS
from tests.marked import MARKS, SIGNATURES, Deployment
from tests.monitored import alarms, shown, watched

SERVER_ERRORS = {
    ("POST /sessions/{session_id}/messages", 503, "model_access_denied"),
    ("POST /sessions/{session_id}/messages", 503, "model_unavailable"),
}
COUNTED = {
    "chat": {
        "TurnsCompleted", "TurnsFailed", "InputTokens", "OutputTokens", "CostMicroDollars", "ResponseTimeMs",
        "CheckpointBytes", "ModelAccountFailures", "RequestsFailed",
    },
    "sessions": {"SessionsCreated", "RequestsFailed"},
    "sweep": {"LeasesRepaired"},
}  # fmt: skip
"""Names of the metrics that the conversation feeds, by service."""


def nothing_of_a_conversation_and_no_key_is_written(talked: Deployment) -> None:
    """Neither is it dropped by Lambda: another LogFormat would let it pass."""
    written = [line.text for line in talked.written()]
    marks = [*MARKS.values(), *SIGNATURES]
    assert {mark: line[:300] for mark in marks for line in written if mark in line} == {}


def the_metrics_survive_and_are_those_on_the_dashboard(talked: Deployment) -> None:
    monitoring = talked.stack.nested("Monitoring")
    namespace = monitoring.parameters["Namespace"]
    found = list(talked.metrics())
    assert {(service, name) for service, names in COUNTED.items() for name in names} == {
        (dimensions["service"], name) for _, name, dimensions in found
    }
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


RULES = {
    rule.__name__: rule
    for rule in (
        nothing_of_a_conversation_and_no_key_is_written,
        the_metrics_survive_and_are_those_on_the_dashboard,
        lambda_takes_each_line_of_ours_for_its_level,
        the_parameter_steers_our_lines_and_libraries_speak_from_warnings_on,
        each_5xx_is_an_error_with_route_status_and_code,
    )
}
