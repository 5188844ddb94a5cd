"""How long a provider asks to wait, in whatever form it says it."""

from datetime import UTC, datetime

import pytest

from chatkeep import clock
from chatkeep.agent.models.failures import explain
from chatkeep.errors import ModelRateLimitedError


class RefusedError(Exception):
    """An error of OpenAI's client, as far as it is read."""

    status_code = 429

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__("slow down")
        self.response = type("Response", (), {"headers": headers})()


DEFAULT = ModelRateLimitedError.retry_after_seconds
WAITS = {
    "7": 7,
    "0.2": 1,
    "0": 1,
    "604800": 604_800,
    "604801": DEFAULT,
    "1e300": DEFAULT,
    "1e400": DEFAULT,
    "nan": DEFAULT,
    "-1": DEFAULT,
    "soon": DEFAULT,
    "": DEFAULT,
    "Wed, 25 Nov 2026 12:01:00 GMT": 60,
    "Wed, 25 Nov 2026 12:01:00": 60,
    "Wed, 25 Nov 2026 11:00:00 GMT": 1,
    "Wed, 25 Nov 2099 12:00:00 GMT": DEFAULT,
    "Wed, 99 Foo 2099": DEFAULT,
}


@pytest.mark.parametrize(("given", "told"), WAITS.items())
def test_a_wait_that_can_be_meant_is_passed_on_and_no_other(
    monkeypatch: pytest.MonkeyPatch, given: str, told: int
) -> None:
    monkeypatch.setattr(clock, "read", lambda: datetime(2026, 11, 25, 12, tzinfo=UTC))
    assert explain(RefusedError({"retry-after": given}), "openai:tiny").retry_after_seconds == told
