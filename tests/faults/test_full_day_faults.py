"""Turns of a model that the day has no room for, amid faults at each of their requests: the day counts them once."""

import json
from contextlib import suppress
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from chatkeep.clock import now
from chatkeep.models.day import MOST_MODELS, Day, ModelUsage, additions
from tests.chat import new_session, send, sent
from tests.client import Client
from tests.faults.injector import Fault, ProcessDiedError, outage
from tests.faults.story import check_is_unavailable
from tests.views import views

FAULTS = [Fault.TIMED_OUT_AFTER, Fault.DIED_BEFORE, Fault.TIMED_OUT_FOR_LONG, Fault.TWICE, Fault.RIVAL, Fault.THROTTLED]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_turn_on_a_full_day_amid_a_fault_at_any_request_counts_once(
    empty_tables: None, impatient: None, pass_an_hour: Any, dynamodb: Any, api: Client, user_id: str, fault: Fault
) -> None:
    session_id = new_session(api)
    names = [f"openai:model-{number}" for number in range(MOST_MODELS)]
    for days in (0, 1):  # an hour passes with each request
        Day(user_id, now().date() + timedelta(days)).update(additions(dict.fromkeys(names, ModelUsage())))
    for at in count():
        key = str(at)
        with outage(fault, at) as met, suppress(ProcessDiedError):
            response = send(api, session_id, "one two", key=key)
            if response.status != 200:
                check_is_unavailable(response)
        pass_an_hour()
        sent(api.with_deadline(60), session_id, "one two", key=key)
        check(dynamodb, api, session_id, names)
        if not met.hit:
            break
    assert at > 4


def check(dynamodb: Any, api: Client, session_id: str, names: list[str]) -> None:
    """All of the records' calls are in the entry without a name."""
    records = views(dynamodb, str(api.user_id), session_id).turns.values()
    days = api.get("/stats/daily").json["days"]
    used = [one for day in days for one in day["by_model"] if one["model_name"] is None]
    assert sum(one["input_tokens"] + one["output_tokens"] for one in used) == sum(
        record["input_tokens"] + record["output_tokens"] for record in records
    )
    assert sum(one["calls"] for one in used) == sum(len(json.loads(record["calls"])) for record in records)
    assert {one["model_name"] for day in days for one in day["by_model"]} == {*names, None}
