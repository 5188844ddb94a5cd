"""The cost of an idle stack is computed from its resources, and the manual states that sum."""

import json
import re
from typing import Any

import pytest

from infra.expanded_stack import ExpandedStack, stacks
from infra.expansion import ROOT, configured
from infra.idle_cost import TRACE, Item, bill, runs_a_month, total

METRIC = {"MetricStat": {"Metric": {"Namespace": "AWS/Lambda", "MetricName": "Errors"}}}
WIDGETS = [
    {"type": "text", "properties": {"markdown": "## Usage"}},
    {
        "type": "metric",
        "properties": {"metrics": [[{"expression": "a / b"}], ["Ours", "LeasesRepaired", "service", "sweep"]]},
    },
    {"type": "metric", "properties": {"metrics": [["Ours", "Turns", "service", "chat"], ["AWS/Lambda", "Errors"]]}},
]
RESOURCES: dict[str, Any] = {
    "OfOne": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "5XXError"}},
    "OfTwo": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": [{"Expression": "SUM"}, METRIC, METRIC]}},
    "Shown": {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": json.dumps({"widgets": WIDGETS})}},
    "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {}},
    "Sweep": {
        "Type": "AWS::Lambda::Function",
        "Properties": {"MemorySize": 512, "Environment": {"Variables": {"POWERTOOLS_SERVICE_NAME": "sweep"}}},
    },
    "Hourly": {
        "Type": "AWS::Events::Rule",
        "Properties": {"ScheduleExpression": "rate(1 hour)", "Targets": [{"Arn": {"Fn::GetAtt": ["Sweep", "Arn"]}}]},
    },
}


def counts(resources: dict[str, Any]) -> dict[str, int]:
    return {item.what: item.count for item in bill([ExpandedStack({"Resources": resources}, {})])}


def test_what_is_paid_for_is_counted() -> None:
    assert counts(RESOURCES) == {
        "metrics that alarms watch": 3,
        "dashboards": 1,
        "metrics that scheduled functions send": 1,
        "secrets": 1,
        "runs of Sweep": 730,
    }


def test_what_a_condition_leaves_out_is_not_paid_for() -> None:
    template = {"Conditions": {"Has": {"Fn::Equals": ["a", "b"]}}, "Resources": RESOURCES}
    template["Resources"] = RESOURCES | {"Secret": RESOURCES["Secret"] | {"Condition": "Has"}}
    assert [item.count for item in bill([ExpandedStack(template, {})]) if item.what == "secrets"] == [0]


def test_a_function_is_paid_for_where_its_schedule_invokes_it_by_an_alias() -> None:
    alias = {"Type": "AWS::Lambda::Alias", "Properties": {"Name": "live", "FunctionName": {"Ref": "Sweep"}}}
    rule = {"ScheduleExpression": "rate(1 hour)", "Targets": [{"Arn": {"Ref": "Live"}}]}
    aliased = RESOURCES | {"Live": alias, "Hourly": {"Type": "AWS::Events::Rule", "Properties": rule}}
    assert counts(aliased) == counts(RESOURCES)


def test_runs_are_paid_as_traces_too_where_traces_are_recorded() -> None:
    off, on = (total(bill(stacks({**configured("production"), "Tracing": mode}))) for mode in ("Disabled", "Active"))
    assert on - off == pytest.approx(8760 * TRACE, abs=0.01)


def test_a_resource_of_an_unknown_price_is_named() -> None:
    with pytest.raises(ValueError, match=r"AWS::EC2::NatGateway costs is not known"):
        counts(RESOURCES | {"Nat": {"Type": "AWS::EC2::NatGateway"}})


@pytest.mark.parametrize(
    ("schedule", "runs"), [("rate(1 minute)", 43800), ("rate(5 minutes)", 8760), ("rate(1 hour)", 730)]
)
def test_a_schedule_runs_so_often_a_month(schedule: str, runs: int) -> None:
    assert runs_a_month(schedule) == runs


def test_a_sum_is_to_the_cent() -> None:
    assert total([Item("alarms", 22, 0.1), Item("runs", 1000, 0.0000066)]) == 2.21


def test_production_without_traffic_costs_what_the_manual_says() -> None:
    manual = (ROOT / "infra" / "docs" / "operating.md").read_text(encoding="utf-8")
    said = re.findall(r"without traffic\s+costs\s+\$(\d+\.\d\d)", manual)
    costs = total(bill(stacks(configured("production"))))
    assert 0 < costs < 20
    assert said == [f"{costs:.2f}"]
