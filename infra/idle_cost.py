"""The monthly cost of an unused stack, computed from the templates: `python -m infra.idle_cost`.

Prices are those of us-east-1 in US dollars, without the free tier: https://aws.amazon.com/cloudwatch/pricing/,
https://aws.amazon.com/secrets-manager/pricing/, https://aws.amazon.com/lambda/pricing/, https://aws.amazon.com/xray/pricing/
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from infra.expanded_stack import ExpandedStack, stacks
from infra.expansion import configured

ALARM_METRIC = 0.10
DASHBOARD = 3.00
CUSTOM_METRIC = 0.30
SECRET = 0.40
INVOCATION = 0.20 / 1_000_000
TRACE = 5.00 / 1_000_000
GB_SECOND = 0.0000166667
SENT_WHILE_IDLE = {"LeasesRepaired"}
"""The metrics that scheduled runs send though they have found nothing to do."""
SECONDS_A_RUN = 0.2
"""Seconds of a scheduled run that finds nothing to do, estimated generously."""

PRICED = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::Events::Rule", "AWS::SecretsManager::Secret")
FREE_WHILE_IDLE = {
    "AWS::ApiGateway::Account",
    "AWS::ApiGateway::BasePathMapping",
    "AWS::ApiGateway::Deployment",
    "AWS::ApiGateway::DomainName",
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGateway::Stage",
    "AWS::AppConfig::Application",  # paid per request, and there are none
    "AWS::AppConfig::ConfigurationProfile",
    "AWS::AppConfig::HostedConfigurationVersion",
    "AWS::CloudFormation::Stack",
    "AWS::CloudFront::Distribution",  # paid per request and per gigabyte
    "AWS::CloudFront::OriginAccessControl",
    "AWS::CloudFront::ResponseHeadersPolicy",
    "AWS::CodeDeploy::Application",  # free for Lambda
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::Cognito::UserPool",
    "AWS::Cognito::UserPoolClient",
    "AWS::Cognito::UserPoolDomain",
    "AWS::DynamoDB::Table",  # on demand; storage and backup are paid per gigabyte
    "AWS::IAM::Role",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Function",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::Logs::LogGroup",  # paid per gigabyte
    "AWS::S3::Bucket",  # half a megabyte, a cent in a year
    "AWS::S3::BucketPolicy",
    "AWS::WAFv2::WebACLAssociation",  # the ACL itself is not in the stack
}


@dataclass(frozen=True)
class Item:
    """A line of the bill; `each` is the price per unit and month."""

    what: str
    count: int
    each: float

    @property
    def dollars(self) -> float:
        return self.count * self.each


def bill(deployments: Iterable[ExpandedStack]) -> list[Item]:
    """The bill of the stacks. Raises ValueError for a type of resource without a known price."""
    resources = [pair for deployment in deployments for pair in deployment.resources.items()]
    alarms, dashboards, rules, secrets = (dict(_of_type(resources, kind)) for kind in PRICED)
    if unknown := {one["Type"] for _, one in resources} - FREE_WHILE_IDLE - set(PRICED):
        raise ValueError(f"what {', '.join(sorted(unknown))} costs is not known")
    functions = dict(_of_type(resources, "AWS::Lambda::Function"))
    aliases = dict(_of_type(resources, "AWS::Lambda::Alias"))
    scheduled = {_target(rule, aliases): runs_a_month(rule["ScheduleExpression"]) for rule in rules.values()}
    services = {functions[name]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] for name in scheduled}
    shown = {metric for dashboard in dashboards.values() for metric in _metrics_of(services, dashboard)}
    return [
        Item("metrics that alarms watch", sum(map(_watched, alarms.values())), ALARM_METRIC),
        Item("dashboards", len(dashboards), DASHBOARD),
        Item("metrics that scheduled functions send", len(shown & SENT_WHILE_IDLE), CUSTOM_METRIC),
        Item("secrets", len(secrets), SECRET),
        *(Item(f"runs of {name}", runs, _run(functions[name])) for name, runs in scheduled.items()),
    ]


def _of_type(resources: list[tuple[str, Any]], kind: str) -> Iterator[tuple[str, Any]]:
    return ((name, one["Properties"]) for name, one in resources if one["Type"] == kind)


def _watched(alarm: dict[str, Any]) -> int:
    """The number of metrics in the alarm; each is paid for."""
    return sum("MetricStat" in metric for metric in alarm.get("Metrics", [])) or 1


def _target(rule: dict[str, Any], aliases: dict[str, Any]) -> str:
    """The function that a rule invokes, directly or by an alias."""
    (target,) = rule["Targets"]
    invoked = _logical_id(target["Arn"])
    return _logical_id(aliases[invoked]["FunctionName"]) if invoked in aliases else invoked


def _logical_id(reference: str) -> str:
    return reference.rpartition(".")[0]


def runs_a_month(schedule: str) -> int:
    """How often a schedule such as rate(5 minutes) runs in a month of 730 hours."""
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", schedule)
    if rate is None:
        raise ValueError(f"how often {schedule} runs is not known")
    return 730 * 60 // (int(rate[1]) * {"minute": 1, "hour": 60, "day": 1440}[rate[2]])


def _metrics_of(services: set[str], dashboard: dict[str, Any]) -> Iterator[str]:
    """The metrics that these services send, read from the dashboard, which shows each one."""
    for widget in json.loads(dashboard["DashboardBody"])["widgets"]:
        for _, name, *rest in (metric for metric in widget["properties"].get("metrics", []) if len(metric) > 1):
            if rest[:1] == ["service"] and rest[1] in services:
                yield name


def _run(function: dict[str, Any]) -> float:
    """The bill per run. Traces, if on, record every run, as runs are more than a second apart."""
    trace = TRACE if function.get("TracingConfig", {}).get("Mode") == "Active" else 0
    gigabytes: float = function["MemorySize"] / 1024
    return INVOCATION + trace + SECONDS_A_RUN * gigabytes * GB_SECOND


def total(items: Iterable[Item]) -> float:
    """Dollars per month, to the cent."""
    return round(sum(item.dollars for item in items), 2)


def main() -> None:
    items = bill(stacks(configured("production")))
    for item in items:
        print(f"{item.count:6} {item.what:40} ${item.dollars:.2f}")
    print(f"{'':6} {'together':40} ${total(items):.2f}")


if __name__ == "__main__":
    main()
