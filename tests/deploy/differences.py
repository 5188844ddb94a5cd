"""The emulator's differences from AWS, in one place, with the tests' answer to each and the proof used instead.

`probes.py` tries each one, so that a new version of the emulator that has learnt it is noticed.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra.local.intrinsics import load


@dataclass(frozen=True)
class Difference:
    """`here` is the emulator's behaviour; `instead` is the proof that AWS does right, or a note of its absence."""

    here: str
    instead: str


DIFFERENCES = {
    "metric-math alarms": Difference(
        "refused, and no alarm has an ARN at an update, so the templates are deployed without them and without the "
        "dashboard's list of alarms: `without_metric_math`",
        "cfn-lint on their schema; tests/unit/test_monitoring_template.py on what they add up. Never created anywhere",
    ),
    "action of ConverseStream": Difference(
        "asks for bedrock:ConverseStream, which AWS does not have: the roles of chat and worker get it on the "
        "resources on which the template allows bedrock:InvokeModelWithResponseStream, AWS's action for it, with "
        "inference profiles as foundation models, which they are to it: `Deployment.grant`",
        "the rest of the policy is the template's own; Bedrock's access check was never run",
    ),
    "reference to a secret": Difference(
        "a secret's Ref is its name, on AWS its ARN, which the sessions function's role gets: `Deployment.grant`",
        "AWS's reference of AWS::SecretsManager::Secret, and tests/unit/test_policies.py",
    ),
    "sign-up": Difference(
        "lets anybody sign up, unconfirmed, whatever the pool says",
        "tests/deploy/test_users.py reads in the deployed pool that administrators alone make users",
    ),
    "gateway responses": Difference(
        "the gateway's own answers have the emulator's status and body: 403 for an unknown route",
        "the local runner answers with the template's; tests/unit/test_template.py holds them to the API's document",
    ),
    "preflights": Difference(
        "an OPTIONS request is answered without CORS headers", "the local runner: tests/integration/test_cors.py"
    ),
    "access log": Difference(
        "the stage has no destination and no format; nothing is logged",
        "cfn-lint on the schema. Never written anywhere",
    ),
    "table features": Difference(
        "point-in-time recovery, time to live and encryption of a template's table are dropped",
        "tests/unit/test_storage_template.py reads them in the template",
    ),
    "time of a restore": Difference(
        "a point-in-time restore copies what is there now", "nothing; restore to a time was never tried"
    ),
    "deletion of nested stacks": Difference(
        "ignores DeletionPolicy when the parent is deleted",
        "tests/deploy/test_deletion.py deletes the same stacks where they are nobody's; there it holds",
    ),
    "metrics": Difference(
        "the log's metric lines do not become metrics, so no alarm ever fires",
        "tests/unit/test_monitoring_template.py compares emitted, shown and watched metrics",
    ),
    "log levels": Difference(
        "a function's lines are kept at every level and as they are",
        "the functions' own logger has the same level, by LOG_LEVEL; Lambda's filter was not tried here",
    ),
    "what a function can import": Difference(
        "a function sees the emulator's packages behind its own",
        "tests/build/test_built_functions.py runs each one with its own folders alone",
    ),
    "functions that stream": Difference(
        "a layer of another account is empty, its wrapper is not run, and a handler is always a module: a stream is "
        "answered 502. The function, its routes and its policy are deployed all the same",
        "tests/build/test_built_stream.py runs the built function's script under a stand-in for the adapter; the local "
        "runner streams: tests/integration/test_local_turns.py. The adapter itself was never run",
    ),
    "CodeDeploy": Difference(
        "there is none, and SAM is not told the parameters, so that every deployment goes over at once; an update that "
        "fails at another resource stands for one that was turned back: `Package.failing_after`",
        "tests/unit/test_rollout_template.py on the expansion. No deployment ever went out gradually",
    ),
    "address after an update": Difference(
        "an update replaces the REST API, so that its address changes: the tests ask for it again",
        "AWS updates a REST API's body in place (documentation)",
    ),
}


def without_metric_math(templates: Path) -> list[str]:
    """Take the alarms on expressions and the list of alarms out of the built templates in this folder; their names."""
    file = templates / "Monitoring" / "template.yaml"
    template: dict[str, Any] = load(file)
    names = [name for name, alarm in template["Resources"].items() if "Metrics" in alarm["Properties"]]
    for name in names:
        del template["Resources"][name]
    body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    body[0] = re.sub(r"\$\{(\w+Alarm)\.Arn\}", r"\1", body[0])
    body[1]["CostAlarmArn"] = ""
    file.write_text(yaml.safe_dump(template, sort_keys=False), encoding="utf-8")
    return names
