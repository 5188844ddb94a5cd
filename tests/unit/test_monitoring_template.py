"""Rules about infra/monitoring.yaml: it shows and watches what the code really emits."""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from infra.local import intrinsics
from infra.local.stack import Stack
from infra.local.template import load_functions, load_schedules
from tests.client import STACK
from tests.monitored import Metric, alarms, shown, watched, widgets

ROOT = STACK.path.parent
MONITORING = STACK.nested("Monitoring")
ALARMS = alarms(MONITORING)
SHOWN, WATCHED = list(shown(MONITORING)), list(watched(ALARMS.values()))
FUNCTIONS = load_functions(STACK)
SERVICES = {function.environment["POWERTOOLS_SERVICE_NAME"] for function in FUNCTIONS.values()}
(NAMESPACE,) = {function.environment["POWERTOOLS_METRICS_NAMESPACE"] for function in FUNCTIONS.values()}
SPARSE = {("AWS/DynamoDB", name) for name in ("TransactionConflict", "ReadThrottleEvents", "WriteThrottleEvents")}
"""Metrics that exist only while there is something to count."""
AGENTS = {"chat", "stream", "worker"}
"""The functions that run turns."""
METRICS_OF = re.compile(r'METRICS\("(\w+)"\)')
DOLLARS_A_METRIC = 0.10
"""The monthly price per metric that an alarm watches: https://aws.amazon.com/cloudwatch/pricing/"""


def expression(alarm: str) -> str:
    """The expression that the alarm looks at; those that it is made of return no data."""
    (found,) = [one["Expression"] for one in ALARMS[alarm]["Metrics"] if one.get("ReturnData", True)]
    return str(found)


def emitted() -> set[str]:
    """The metrics that the code adds, by the constants that it names them with."""
    names = set()
    for source in [*ROOT.glob("functions/**/*.py"), *ROOT.glob("layers/shared/**/*.py")]:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_metric":
                names |= {word.value.value for word in node.keywords if word.arg == "name"}
    return names


def test_the_dashboard_shows_all_metrics_of_the_code_and_no_others() -> None:
    assert {name for namespace, name, _ in SHOWN if namespace == NAMESPACE} == emitted()


def test_alarms_watch_only_metrics_that_the_code_emits() -> None:
    assert {name for namespace, name, _ in WATCHED if namespace == NAMESPACE} <= emitted()


def test_every_metric_of_ours_is_looked_for_under_a_function_that_exists() -> None:
    ours = [dimensions for namespace, _, dimensions in [*SHOWN, *WATCHED] if namespace == NAMESPACE]
    assert {name for dimensions in ours for name in dimensions} == {"service"}
    assert {dimensions["service"] for dimensions in ours} <= SERVICES


@pytest.mark.parametrize("name", ["Invocations", "Errors", "Duration", "Throttles"])
def test_the_dashboard_shows_it_of_every_function(name: str) -> None:
    of = {dimensions["FunctionName"].rpartition("-")[2] for _, metric, dimensions in SHOWN if metric == name}
    assert of == set(FUNCTIONS)


@pytest.mark.parametrize(
    "name", ["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"]
)
def test_the_dashboard_shows_it_of_every_table_and_index(name: str) -> None:
    of = {(one["TableName"], one.get("GlobalSecondaryIndexName")) for _, metric, one in SHOWN if metric == name}
    assert of == {(table, index) for table, index in tables_and_indexes()}


def tables_and_indexes() -> Iterator[tuple[str, str | None]]:
    for table, properties in STACK.tables():
        yield table, None
        for index in properties.get("GlobalSecondaryIndexes", []):
            yield table, index["IndexName"]


def test_throttles_of_every_table_and_index_raise_an_alarm() -> None:
    of = {(one["TableName"], one.get("GlobalSecondaryIndexName")) for _, _, one in WATCHED if "TableName" in one}
    assert of == set(tables_and_indexes())


@pytest.mark.parametrize("name", ["Errors", "Throttles"])
def test_it_raises_an_alarm_for_every_function(name: str) -> None:
    of = {dimensions["FunctionName"].rpartition("-")[2] for _, metric, dimensions in WATCHED if metric == name}
    assert of == set(FUNCTIONS)


@pytest.mark.parametrize(
    "name", ["TurnsCompleted", "TurnsFailed", "TurnsTimedOut", "CostMicroDollars", "UnpricedTurns"]
)
@pytest.mark.parametrize("looked_at", [SHOWN, WATCHED], ids=["shown", "watched"])
def test_turns_are_counted_whichever_function_runs_them(looked_at: list[Metric], name: str) -> None:
    assert {dimensions["service"] for _, metric, dimensions in looked_at if metric == name} == AGENTS


def sums() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Each sum of an alarm or a widget over the metrics with a name in their ids, and those metrics."""
    for name, alarm in ALARMS.items():
        metrics = alarm.get("Metrics", [])
        for one in metrics:
            yield from ((name, _of(word, metrics)) for word in METRICS_OF.findall(one.get("Expression", "")))
    for widget in widgets(MONITORING):
        properties = [part for one in widget["properties"].get("metrics", []) for part in one if isinstance(part, dict)]
        for one in properties:
            summed = METRICS_OF.findall(one.get("expression", ""))
            yield from ((widget["properties"]["title"], _of(word, properties)) for word in summed)


def _of(word: str, metrics: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in metrics if word in (one.get("Id") or one.get("id") or "")]


def test_a_sum_is_over_the_metrics_of_each_function_that_runs_turns() -> None:
    found = list(sums())
    assert len(found) > 10
    for name, summed in found:
        ids = [one.get("Id") or one.get("id") for one in summed]
        assert [re.sub(".*By", "", one).lower() for one in ids] == sorted(AGENTS), name


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_notifies_the_topic_where_there_is_one(alarm: str) -> None:
    topic = "arn:aws:sns:us-east-1:123456789012:alarms"
    notifying = alarms(Stack(MONITORING.path, {"AlarmTopicArn": topic}))
    assert notifying[alarm]["AlarmActions"] == notifying[alarm]["OKActions"] == [topic]
    assert not {"AlarmActions", "OKActions"} & set(ALARMS[alarm])


def test_the_metrics_of_two_stacks_are_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(intrinsics.PSEUDO_PARAMETERS, "AWS::StackName", "another")
    another = Stack(STACK.path, {})
    namespaces = {one.environment["POWERTOOLS_METRICS_NAMESPACE"] for one in load_functions(another).values()}
    monitoring = another.nested("Monitoring")
    looked_at = {metric[0] for metric in watched(alarms(monitoring).values())}
    ((_, dashboard),) = monitoring.of_type("AWS::CloudWatch::Dashboard")
    assert namespaces == {name for name in looked_at if not name.startswith("AWS/")} != {NAMESPACE}
    assert NAMESPACE not in dashboard["DashboardBody"]
    assert dashboard["DashboardName"].startswith("another-")


def test_the_dashboard_begins_with_the_state_of_every_alarm() -> None:
    first = widgets(MONITORING)[0]
    assert first["type"] == "alarm"
    assert set(first["properties"]["alarms"]) == {MONITORING.attribute(name, "Arn") for name in ALARMS}


def test_no_two_widgets_lie_on_each_other() -> None:
    cells = Counter(
        (x, y)
        for one in widgets(MONITORING)
        for x in range(one["x"], one["x"] + one["width"])
        for y in range(one["y"], one["y"] + one["height"])
    )
    assert max(cells.values()) == 1
    assert max(x for x, _ in cells) < 24


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_ends_by_itself_though_its_metrics_cease_to_exist(alarm: str) -> None:
    if any(metric[:2] in SPARSE for metric in watched([ALARMS[alarm]])):
        assert "FILL(METRICS(), 0)" in expression(alarm)
    assert ALARMS[alarm]["TreatMissingData"] in ("notBreaching", "breaching")


@pytest.mark.parametrize(("alarm", "metric"), [("TurnsFailedAlarm", "failed"), ("TurnsTimedOutAlarm", "late")])
def test_turns_that_fail_are_counted_against_all_turns(alarm: str, metric: str) -> None:
    share = partial(evaluated, expression(alarm).replace(metric, "bad"))
    threshold = float(ALARMS[alarm]["Threshold"])
    assert share(bad=2, completed=0) < threshold  # too few to tell
    assert share(bad=3, completed=0) >= threshold  # a small site whose provider fails
    assert share(bad=30, completed=20) >= threshold
    assert share(bad=30, completed=10_000) < threshold


def evaluated(formula: str, **values: float) -> float:
    """As CloudWatch would, the few functions that our alarms use."""
    functions = {"IF": lambda test, then, otherwise: then if test else otherwise, "FILL": lambda value, _: value}
    return float(eval(formula, {"__builtins__": {}}, {**functions, **values}))


def test_a_sweep_that_does_not_run_raises_an_alarm() -> None:
    alarm = ALARMS["SweepStoppedAlarm"]
    (schedule,) = [one for one in load_schedules(STACK) if one.function == "SweepFunction"]
    assert (alarm["Statistic"], alarm["TreatMissingData"]) == ("SampleCount", "breaching")
    assert 2 * schedule.seconds < alarm["Period"] * alarm["EvaluationPeriods"] <= 20 * 60
    assert alarm["Period"] >= schedule.seconds


@pytest.mark.parametrize(("dollars", "threshold"), [("2.5", 2.5), ("0", None)])
def test_the_threshold_of_cost_is_the_operators_who_may_have_none(dollars: str, threshold: float | None) -> None:
    monitoring = Stack(STACK.path, {"CostAlarmDollars": dollars}).nested("Monitoring")
    alarm = alarms(monitoring).get("CostAlarm")
    assert (alarm and float(alarm["Threshold"])) == threshold
    assert ("CostAlarm" in json.dumps(dict(monitoring.of_type("AWS::CloudWatch::Dashboard")))) == bool(alarm)


def test_concurrency_is_measured_by_what_the_account_has() -> None:
    monitoring = Stack(STACK.path, {"AccountConcurrency": "10"}).nested("Monitoring")
    alarm = alarms(monitoring)["ConcurrencyAlarm"]
    (share,) = [one["Expression"] for one in alarm["Metrics"] if "Expression" in one]
    assert evaluated(share, claimed=8) >= float(alarm["Threshold"]) > evaluated(share, claimed=7)


def test_the_alarms_cost_no_more_than_the_readme_says() -> None:
    assert round(DOLLARS_A_METRIC * len(WATCHED), 2) == 5.90
