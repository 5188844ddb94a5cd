"""Who may report usage: users in the group that the deployment names, and nobody where it names none."""

import pytest

from functions.sessions.settings import settings
from tests.chat import deployment, new_session
from tests.client import Client, Response

OTHERS = ["", "Reporters", "reporter", "reporters2", "not-reporters", "reporters.", "a,b", "[a b]", "[reporters2 a]"]
MEMBERS = [
    "reporters",
    "a,reporters",
    "reporters,b",
    "a, reporters ,b",
    "[reporters]",
    "[a reporters]",
    "[a, reporters]",
]


def report(api: Client) -> Response:
    return api.post(f"/sessions/{new_session(api)}/usage", json={"tokens_used": 7})


@pytest.mark.parametrize("groups", OTHERS)
def test_who_is_not_in_the_group_adds_no_usage(api: Client, groups: str) -> None:
    refused = report(api.in_groups(groups))
    assert (refused.status, refused.json["code"]) == (403, "access_denied")
    assert api.get("/stats").json["total_tokens"] == 0


@pytest.mark.parametrize("groups", MEMBERS)
def test_who_is_in_the_group_among_others_adds_usage(api: Client, groups: str) -> None:
    assert report(api.in_groups(groups)).status == 200
    assert api.get("/stats").json["total_tokens"] == 7


@pytest.mark.parametrize("groups", ["", "reporters", ","])
def test_without_a_group_nobody_adds_usage(api: Client, groups: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with deployment(monkeypatch, {"USAGE_GROUP": ""}):
        settings.cache_clear()
        refused = report(api.in_groups(groups))
    settings.cache_clear()
    assert (refused.status, refused.json["code"]) == (403, "access_denied")
