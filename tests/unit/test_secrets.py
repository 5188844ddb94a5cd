"""Secrets under rotation and without Secrets Manager: which version is read when, and the fallback."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from chatkeep import deadline
from chatkeep.agent import runtime
from chatkeep.agent.models.redaction import redacted
from chatkeep.agent.settings import settings as chat_settings
from chatkeep.aws import secrets
from chatkeep.aws.secrets import MAX_AGE_SECONDS, PAUSE_SECONDS, READ_SECONDS, Secret
from chatkeep.deadline import RESERVE_SECONDS
from chatkeep.errors import InvalidFieldError, UnavailableError
from functions.sessions import cursor
from functions.sessions.settings import settings
from tests.chat import deployment
from tests.remaining import remaining


class Vault:
    """Secrets Manager with one secret, which may be out of reach."""

    def __init__(self, client: Any, clock: SimpleNamespace) -> None:
        self.client, self.clock, self.reads, self.is_down = client, clock, 0, False
        self.patience: float | None = None
        self.arn = client.create_secret(Name="a-secret", SecretString="first")["ARN"]
        client.meta.events.register_first("before-send.secrets-manager.GetSecretValue", self._meet)
        client.meta.events.register("before-send.secrets-manager", self._note)

    def _note(self, request: Any, **_: Any) -> None:
        self.patience = request.context.get("read_timeout")

    def _meet(self, **_: Any) -> None:
        self.reads += 1
        if self.is_down:
            raise EndpointConnectionError(endpoint_url="https://nowhere")

    def rotate(self, value: str) -> None:
        self.client.put_secret_value(SecretId=self.arn, SecretString=value)

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    clock = SimpleNamespace(now=1_000.0)
    monkeypatch.setattr(secrets, "time", SimpleNamespace(monotonic=lambda: clock.now))
    with mock_aws():
        secrets._client.cache_clear()
        yield Vault(secrets._client(), clock)
    secrets._client.cache_clear()


def test_a_secret_is_read_once_in_a_while_and_then_is_what_it_was_rotated_to(vault: Vault) -> None:
    secret = Secret("", vault.arn)
    assert {secret.current() for _ in range(5)} == {"first"}
    vault.rotate("second")
    vault.wait(MAX_AGE_SECONDS - 1)
    assert (secret.current(), vault.reads) == ("first", 1)
    vault.wait(1)
    assert (secret.current(), vault.reads) == ("second", 2)


def test_the_last_value_holds_while_secrets_manager_is_out_of_reach(vault: Vault) -> None:
    secret = Secret("", vault.arn)
    assert secret.current() == "first"
    vault.rotate("second")
    vault.is_down = True
    vault.wait(MAX_AGE_SECONDS)
    reads = vault.reads
    assert {secret.current() for _ in range(5)} == {"first"}
    assert vault.reads - reads == 2  # one request and its repetition
    vault.is_down = False
    vault.wait(PAUSE_SECONDS)
    assert secret.current() == "second"


def test_without_any_value_the_caller_is_told_to_come_back(vault: Vault) -> None:
    secret = Secret("", vault.arn)
    vault.is_down = True
    with pytest.raises(UnavailableError) as refusal:
        secret.current()
    assert (refusal.value.status, refusal.value.retry_after_seconds) == (503, 5)
    vault.is_down = False
    vault.wait(PAUSE_SECONDS)
    assert secret.current() == "first"


@pytest.mark.parametrize(("seconds", "patience"), [(28, READ_SECONDS), (3, 1.5), (1.5, None)])
def test_a_secret_is_waited_for_until_the_deadline_and_no_longer(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, seconds: float, patience: float | None
) -> None:
    monkeypatch.setattr(deadline, "time", vars(secrets)["time"])
    with deadline.kept({}, remaining(seconds)):
        vault.patience = None
        if patience:
            assert Secret("", vault.arn).current() == "first"
        else:
            with pytest.raises(UnavailableError):
                Secret("", vault.arn).current()
    assert vault.patience == pytest.approx(patience)


def test_a_request_without_time_to_read_a_secret_spoils_it_for_no_other(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = Secret("", vault.arn)
    monkeypatch.setattr(deadline, "time", vars(secrets)["time"])
    with deadline.kept({}, remaining(1)), pytest.raises(UnavailableError):
        secret.current()
    assert secret.current() == "first"


def test_a_known_value_is_not_read_anew_in_the_time_for_storing(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = Secret("", vault.arn)
    assert secret.current() == "first"
    vault.wait(MAX_AGE_SECONDS)
    monkeypatch.setattr(deadline, "time", vars(secrets)["time"])
    with deadline.kept({}, remaining(RESERVE_SECONDS)):
        assert (secret.current(), vault.reads) == ("first", 1)
    assert (secret.current(), vault.reads) == ("first", 2)


def test_a_value_that_was_refused_is_read_anew_once(vault: Vault) -> None:
    secret = Secret("", vault.arn)
    assert secret.current() == "first"
    vault.rotate("second")
    vault.wait(PAUSE_SECONDS)
    for _ in range(5):
        secret.doubt()
        assert secret.current() == "second"
    assert vault.reads == 2


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        ("plain", "plain"),
        ('{"api_key": "k", "other": "o"}', "k"),
        ('{"OPENAI_API_KEY": "k"}', "k"),
        ("12345678", "12345678"),
        ('["a"]', '["a"]'),
    ],
)
def test_a_secret_may_be_text_or_a_member_of_an_object(vault: Vault, stored: str, value: str) -> None:
    vault.rotate(stored)
    assert Secret("", vault.arn).current() == value


@pytest.mark.parametrize("stored", [{"a": "1", "b": "2"}, {"api_key": 1}, {"api_key": ""}, {}])
def test_an_object_without_a_key_is_no_secret(vault: Vault, stored: Any) -> None:
    vault.rotate(json.dumps(stored))
    with pytest.raises(UnavailableError):
        Secret("", vault.arn).current()


def test_a_plain_value_comes_first_and_asks_nobody(vault: Vault) -> None:
    secret = Secret("plain", vault.arn)
    assert ([*secret.candidates()], secret.known(), vault.reads) == (["plain"], ["plain"], 0)


@pytest.fixture
def signed(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    """The vault of the secret that signs cursors."""
    with deployment(monkeypatch, {"CURSOR_SECRET": "", "CURSOR_SECRET_ARN": vault.arn}):
        settings.cache_clear()
        yield vault
    settings.cache_clear()


def test_a_cursor_survives_one_rotation_and_not_two(signed: Vault) -> None:
    sealed = cursor.seal("here", "a list")
    for value, opens in (("second", True), ("third", False)):
        signed.rotate(value)
        signed.wait(MAX_AGE_SECONDS)
        if opens:
            assert cursor.open_sealed(sealed, "a list") == "here"
    with pytest.raises(InvalidFieldError):
        cursor.open_sealed(sealed, "a list")


def test_a_cursor_survives_a_rotation_after_the_version_before_was_looked_at(signed: Vault) -> None:
    sealed = cursor.seal("here", "a list")
    with pytest.raises(InvalidFieldError):
        cursor.open_sealed("nonsense", "a list")
    signed.rotate("second")
    signed.wait(PAUSE_SECONDS)
    assert cursor.open_sealed(str(cursor._serializer("second", ("a list",)).dumps("there")), "a list") == "there"
    assert cursor.open_sealed(sealed, "a list") == "here"


def test_a_cursor_of_a_process_that_knows_the_new_secret_already_is_opened(signed: Vault) -> None:
    cursor.seal("here", "a list")
    signed.rotate("second")
    signed.wait(PAUSE_SECONDS)
    newer = str(cursor._serializer("second", ("a list",)).dumps("there"))
    assert cursor.open_sealed(newer, "a list") == "there"


def test_what_is_no_cursor_costs_few_reads_however_often_it_is_tried(signed: Vault) -> None:
    for _ in range(20):
        with pytest.raises(InvalidFieldError):
            cursor.open_sealed("nonsense", "a list")
    assert signed.reads <= 3


class RefusedError(Exception):
    status_code = 401


def test_a_key_that_a_provider_refuses_is_read_anew_for_the_next_turn(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    with deployment(monkeypatch, {"OPENAI_API_KEY": "", "OPENAI_API_KEY_ARN": vault.arn}):
        key = chat_settings().openai_api_key
        assert key is not None
        assert key.current() == "first"
        vault.rotate("second")
        vault.wait(PAUSE_SECONDS)
        assert runtime.explain(RefusedError("no"), "openai:m").code == "model_access_denied"
        assert key.current() == "second"
        assert "second" not in redacted("Incorrect API key provided: second")
