"""The metrics that a stack's dashboard shows and its alarms look at."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from infra.local.stack import Stack

Metric = tuple[str, str, dict[str, str]]
"""Namespace, name and dimensions."""


def alarms(monitoring: Stack) -> dict[str, dict[str, Any]]:
    return dict(monitoring.of_type("AWS::CloudWatch::Alarm"))


def widgets(monitoring: Stack) -> list[dict[str, Any]]:
    ((_, dashboard),) = monitoring.of_type("AWS::CloudWatch::Dashboard")
    return list(json.loads(dashboard["DashboardBody"])["widgets"])


def shown(monitoring: Stack) -> Iterator[Metric]:
    """Every metric on the dashboard."""
    for widget in widgets(monitoring):
        for metric in widget["properties"].get("metrics", []):
            words = [word for word in metric if isinstance(word, str)]
            if words:
                yield words[0], words[1], dict(zip(words[2::2], words[3::2], strict=True))


def watched(looking: Iterable[dict[str, Any]]) -> Iterator[Metric]:
    """Every metric that one of the alarms looks at."""
    for alarm in looking:
        stats = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
        for metric in stats or [alarm]:
            dimensions = {one["Name"]: one["Value"] for one in metric.get("Dimensions", [])}
            yield metric["Namespace"], metric["MetricName"], dimensions
