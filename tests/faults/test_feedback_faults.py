"""Ratings amid faults at each of their requests: session and user count the rating that the answer has."""

from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from tests.chat import new_session, sent
from tests.client import Client
from tests.faults.injector import Fault, ProcessDiedError, apart, outage
from tests.faults.stored import scan
from tests.faults.story import check_is_unavailable

FAULTS = [Fault.TIMED_OUT_AFTER, Fault.DIED_AFTER, Fault.TIMED_OUT_FOR_LONG, Fault.TWICE, Fault.RIVAL]
RATINGS = ("thumbs_up", "thumbs_down", None)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_rating_amid_a_fault_at_any_request_counts_once_or_not_at_all(
    empty_tables: None, impatient: None, dynamodb: Any, api: Client, user_id: str, fault: Fault
) -> None:
    session_id = new_session(api)
    answer = sent(api, session_id, "one two")["message"]["message_id"]
    path = f"/sessions/{session_id}/messages/{answer}/feedback"
    for at in count():
        rating = RATINGS[at % len(RATINGS)]
        give: Callable[[], Any] = lambda rating=rating: (  # noqa: E731
            api.put(path, json={"rating": rating}) if rating else api.delete(path)
        )
        with outage(fault, at) as met, suppress(ProcessDiedError):
            response = give()
            if response.status != 200:
                check_is_unavailable(response)
        with apart():
            scan(dynamodb).check_totals(user_id)
        assert give().status == 200
        assert api.get("/stats").json["feedback_count"] == int(rating is not None)
        if not met.hit:
            break
    assert at > 3
