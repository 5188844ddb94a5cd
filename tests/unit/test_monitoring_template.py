"""Rules about infra/monitoring.yaml: it shows and watches what the code really emits."""

import ast
import json
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.stack import Stack
from infra.local.template import load_functions
from tests.client import STACK

ROOT = STACK.path.parent
MONITORING = STACK.nested("Monitoring")
ALARMS = dict(MONITORING.of_type("AWS::CloudWatch::Alarm"))
FUNCTIONS = load_functions(STACK)
SERVICES = {function.environment["POWERTOOLS_SERVICE_NAME"] for function in FUNCTIONS.values()}


def widgets() -> list[dict[str, Any]]:
    ((_, dashboard),) = MONITORING.of_type("AWS::CloudWatch::Dashboard")
    return json.loads(dashboard["DashboardBody"])["widgets"]


def shown() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Namespace, name and dimensions of every metric on the dashboard."""
    for widget in widgets():
        for metric in widget["properties"].get("metrics", []):
            words = [word for word in metric if isinstance(word, str)]
            if words:
                yield words[0], words[1], dict(zip(words[2::2], words[3::2], strict=True))


def watched() -> Iterator[tuple[str, str, dict[str, str]]]:
    """The same of every metric that an alarm looks at."""
    for alarm in ALARMS.values():
        stats = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
        for metric in stats or [alarm]:
            dimensions = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
            yield metric["Namespace"], metric["MetricName"], dimensions


def emitted() -> set[str]:
    """The metrics that the code adds, by the constants that it names them with."""
    names = set()
    for source in [*ROOT.glob("functions/**/*.py"), *ROOT.glob("layers/shared/**/*.py")]:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_metric":
                names |= {word.value.value for word in node.keywords if word.arg == "name"}
    return names


def test_the_dashboard_shows_all_metrics_of_the_code_and_no_others() -> None:
    assert {name for namespace, name, _ in shown() if namespace == "Chatkeep"} == emitted()


def test_alarms_watch_only_metrics_that_the_code_emits() -> None:
    assert {name for namespace, name, _ in watched() if namespace == "Chatkeep"} <= emitted()


def test_every_metric_of_ours_is_looked_for_under_a_function_that_exists() -> None:
    ours = [dimensions for namespace, _, dimensions in [*shown(), *watched()] if namespace == "Chatkeep"]
    assert {name for dimensions in ours for name in dimensions} == {"service"}
    assert {dimensions["service"] for dimensions in ours} <= SERVICES


@pytest.mark.parametrize("name", ["Invocations", "Errors", "Duration", "Throttles"])
def test_the_dashboard_shows_it_of_every_function(name: str) -> None:
    of = {dimensions["FunctionName"].rpartition("-")[2] for _, metric, dimensions in shown() if metric == name}
    assert of == set(FUNCTIONS)


@pytest.mark.parametrize(
    "name", ["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"]
)
def test_the_dashboard_shows_it_of_every_table_and_index(name: str) -> None:
    of = {(one["TableName"], one.get("GlobalSecondaryIndexName")) for _, metric, one in shown() if metric == name}
    assert of == {(table, index) for table, index in tables_and_indexes()}


def tables_and_indexes() -> Iterator[tuple[str, str | None]]:
    for table, properties in STACK.tables():
        yield table, None
        for index in properties.get("GlobalSecondaryIndexes", []):
            yield table, index["IndexName"]


def test_throttles_of_every_table_and_index_raise_an_alarm() -> None:
    of = {(one["TableName"], one.get("GlobalSecondaryIndexName")) for _, _, one in watched() if "TableName" in one}
    assert of == set(tables_and_indexes())


@pytest.mark.parametrize("name", ["Errors", "Throttles"])
def test_it_raises_an_alarm_for_every_function(name: str) -> None:
    of = {dimensions["FunctionName"].rpartition("-")[2] for _, metric, dimensions in watched() if metric == name}
    assert of == set(FUNCTIONS)


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_notifies_the_topic_where_there_is_one(alarm: str) -> None:
    topic = "arn:aws:sns:us-east-1:123456789012:alarms"
    notifying = dict(Stack(MONITORING.path, {"AlarmTopicArn": topic}).of_type("AWS::CloudWatch::Alarm"))
    assert notifying[alarm]["AlarmActions"] == [topic]
    assert "AlarmActions" not in ALARMS[alarm]
