"""Jobs as their operator sees them: the metrics behind the alarms, the line of a failure, the runbook's commands."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chatkeep.checkpoint_items import keys
from chatkeep.clock import now
from chatkeep.jobs import STUCK_ATTEMPTS
from chatkeep.models.timer import Timer
from functions.sweep import app as sweeping
from infra.expansion import ROOT
from infra.idle_cost import SENT_WHILE_IDLE
from tests import permissions
from tests.chat import new_session, sent
from tests.client import STACK, Client
from tests.jobs import FUNCTIONS, GRANTED, due, metrics, run_purge, run_sweep, search_orphans, written

pytestmark = pytest.mark.usefixtures("empty_tables")
HOUR = timedelta(hours=1)
SESSIONS, CHECKPOINTS = (
    FUNCTIONS["PurgeFunction"].environment[f"{name}_TABLE"] for name in ("SESSIONS", "CHECKPOINTS")
)
OPERATING = (ROOT / "infra" / "docs" / "operating.md").read_text(encoding="utf-8")
ALARMS = dict(STACK.nested("Monitoring").of_type("AWS::CloudWatch::Alarm"))


@pytest.fixture
def session_id(api: Client) -> str:
    session_id = new_session(api, title="A trip")  # else a job to give it one would be due
    sent(api, session_id, "hello")
    return session_id


@pytest.fixture
def job(api: Client, session_id: str) -> tuple[str, str]:
    """The keys of the deletion of a session."""
    receipt = api.delete(f"/sessions/{session_id}?permanent=true").json
    return f"USER#{api.user_id}", f"DELETION#{receipt['deletion_id']}"


@pytest.fixture
def obstacle(dynamodb: Any, session_id: str) -> dict[str, Any]:
    """An item of the session's thread that this version does not know, so that the deletion cannot end."""
    item = {"pk": {"S": keys.partition(session_id)}, "sk": {"S": "Z!of a later version"}}
    dynamodb.put_item(TableName=CHECKPOINTS, Item=item)
    return item


def stored(dynamodb: Any, job: tuple[str, str]) -> dict[str, Any]:
    key = {"pk": {"S": job[0]}, "sk": {"S": job[1]}}
    return dict(dynamodb.get_item(TableName=SESSIONS, Key=key, ConsistentRead=True)["Item"])


def test_a_deletion_tells_how_many_items_it_removed_and_how_long_it_took(
    job: tuple[str, str], dynamodb: Any, pass_time: Callable[[timedelta], None], capsys: Any
) -> None:
    contents = sum(len(dynamodb.scan(TableName=table)["Items"]) for table in (SESSIONS, CHECKPOINTS))
    pass_time(timedelta(seconds=90))
    run_purge()
    left = sum(len(dynamodb.scan(TableName=table)["Items"]) for table in (SESSIONS, CHECKPOINTS))
    told = metrics(written(capsys))
    assert told.pop("DeletionSeconds") == pytest.approx(90, abs=5)
    assert told == {"DeletionsCompleted": 1, "ItemsRemoved": contents - left - 1}  # the header goes by itself


def test_a_job_is_stuck_from_its_fifth_failure_in_a_row_on(
    obstacle: Any, job: tuple[str, str], pass_time: Callable[[timedelta], None], capsys: Any
) -> None:
    told = []
    for _ in range(STUCK_ATTEMPTS + 2):
        run_purge()
        told.append(metrics(written(capsys)))
        pass_time(HOUR)
    assert [one["JobsFailed"] for one in told] == [1] * (STUCK_ATTEMPTS + 2)
    assert [one.get("StuckJobs", 0) for one in told] == [0] * (STUCK_ATTEMPTS - 1) + [1] * 3


def test_the_alarm_of_stuck_jobs_stays_on_between_two_attempts(
    obstacle: Any, job: tuple[str, str], dynamodb: Any, pass_time: Callable[[timedelta], None]
) -> None:
    for _ in range(8):
        pass_time(2 * HOUR)
        run_purge()
    alarm = ALARMS["StuckJobsAlarm"]
    pause = int(stored(dynamodb, job)["due_at"]["N"]) / 1_000 - now().timestamp()
    assert alarm["DatapointsToAlarm"] == alarm["Threshold"] == 1
    assert pause + 2 * FUNCTIONS["PurgeFunction"].timeout_seconds < alarm["Period"] * alarm["EvaluationPeriods"]


def test_the_line_of_a_failure_has_the_keys_with_which_the_runbook_finds_the_job(
    obstacle: Any, job: tuple[str, str], dynamodb: Any, caplog: pytest.LogCaptureFixture
) -> None:
    run_purge()
    (line,) = [vars(record) for record in caplog.records if record.message == "job failed"]
    assert (line["pk"], line["sk"], line["attempts"]) == (*job, 1)
    assert stored(dynamodb, job)["error"]["S"] == "UnknownKindError"
    pattern = re.search(r"--filter-pattern '(.+?)'", OPERATING)
    assert pattern
    assert set(re.findall(r"\$\.(\w+)", pattern[1])) <= set(line)


def test_a_job_that_nobody_comes_for_raises_an_alarm_and_a_lease_does_not(
    api: Client, dynamodb: Any, session_id: str, pass_time: Callable[[timedelta], None], capsys: Any
) -> None:
    late = ALARMS["LateJobsAlarm"]
    leased = {":turn": {"S": "a-turn"}, ":owner": {"S": "an-owner@1"}, ":at": {"N": "1"}, ":shard": {"S": "0"}}
    key = {"pk": {"S": f"USER#{api.user_id}"}, "sk": {"S": f"SESSION#{session_id}"}}
    lease = "SET lease_turn_id = :turn, lease_owner = :owner, due_at = :at, due_shard = :shard"
    dynamodb.update_item(TableName=SESSIONS, Key=key, UpdateExpression=lease, ExpressionAttributeValues=leased)
    assert run_sweep() == {"repaired": 1, "due": 0}
    assert metrics(written(capsys)) == {"LeasesRepaired": 1}
    api.delete(f"/sessions/{session_id}?permanent=true")
    run_sweep()
    assert metrics(written(capsys))[late["MetricName"]] < 60
    pass_time(timedelta(seconds=late["Threshold"]))
    run_sweep()
    told = metrics(written(capsys))
    assert (told["JobsDue"], told[late["MetricName"]] >= late["Threshold"]) == (1, True)


def command(operation: str) -> dict[str, str]:
    """The options of the runbook's command, as a shell would hand them on now."""
    text = OPERATING.split("### Stuck jobs\n")[1].split(f"aws {operation} ")[1].split("```")[0].split("\n   aws ")[0]
    pairs = re.findall(r"--([a-z-]+) (\"(?:[^\"\\]|\\.)*\"|'[^']*'|\S+)", re.sub(r"\\\n\s*", "", text))
    plain = {name: value.strip("\"'").replace('\\"', '"') for name, value in pairs}
    return {name: value.replace("$(date +%s)", str(int(now().timestamp()))) for name, value in plain.items()}


def make_due(dynamodb: Any, job: tuple[str, str]) -> None:
    """As the runbook does."""
    options = command("dynamodb update-item")
    dynamodb.update_item(
        TableName=SESSIONS,
        Key={"pk": {"S": job[0]}, "sk": {"S": job[1]}},
        UpdateExpression=options["update-expression"],
        ConditionExpression=options["condition-expression"],
        ExpressionAttributeValues=json.loads(options["expression-attribute-values"]),
    )


def test_the_runbook_has_a_stuck_job_tried_at_once_and_leaves_one_that_is_done(
    obstacle: Any, job: tuple[str, str], dynamodb: Any
) -> None:
    run_purge()
    dynamodb.delete_item(TableName=CHECKPOINTS, Key=obstacle)
    assert run_sweep()["due"] == 0
    make_due(dynamodb, job)
    assert run_sweep()["due"] == 1
    event = json.loads(command("lambda invoke")["payload"])
    run_purge(*(job for _ in event["jobs"]))
    assert stored(dynamodb, job)["status"] == {"S": "done"}
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        make_due(dynamodb, job)


def test_runs_that_find_nothing_send_the_metrics_that_the_idle_cost_has(capsys: Any) -> None:
    run_sweep()
    search_orphans()
    assert metrics(written(capsys)).keys() == SENT_WHILE_IDLE


def needed_by_purge() -> set[tuple[str, str]]:
    """The permissions that it needs to carry out what is due."""
    jobs = due()
    with permissions.used() as used:
        run_purge(*jobs)
        search_orphans()
    return set(used)


def test_purge_needs_each_of_its_permissions_and_no_other(api: Client, pass_time: Callable[[timedelta], None]) -> None:
    """With a session that is deleted, one that expires and has long settings, a temporary one whose timer was lost, and
    then the user."""
    session_id = new_session(api)
    sent(api, session_id, "hello")
    new_session(api, expire_after_days=1, metadata={"a": "x" * 300})
    Timer(api.user_id, new_session(api, is_temporary=True)).delete()
    api.delete(f"/sessions/{session_id}?permanent=true")
    needed = needed_by_purge()
    for _ in range(2):  # the one that expires is purged when it has been deleted for its time
        pass_time(timedelta(days=31))
        needed |= needed_by_purge()
    assert api.get("/stats").json["total_sessions"] == 0
    api.put("/preferences", json={"default_temperature": 1})
    api.delete("/me", json={"confirm": api.user_id})
    assert needed | needed_by_purge() == GRANTED["PurgeFunction"]


def test_a_sweep_hands_on_no_more_jobs_than_it_may_and_each_of_them_in_some_sweep(
    api: Client, pass_time: Callable[[timedelta], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[tuple[str, str]]] = []
    monkeypatch.setattr(sweeping, "nudge", lambda keys, *_, **__: told.append(keys) if keys else None)
    monkeypatch.setattr(sweeping, "MOST_JOBS", 3)
    timers = {(f"SESSION#{api.user_id}#{new_session(api, expire_after_days=1)}", "TIMER") for _ in range(5)}
    pass_time(timedelta(days=2))
    for _ in range(40):
        assert run_sweep()["due"] == 5
    assert {len(set(keys)) for keys in told} == {3}
    assert {one for keys in told for one in keys} == timers  # the odds against it are less than 1 in 10^14
