"""Secrets that are read when they are needed, so that a rotation takes effect without a deployment.

Not with Powertools' parameters: importing them costs 70 ms and boto3, they cache by name whatever the version, and give
up the last value where the next cannot be read.
"""

import json
import time
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from chatkeep import deadline
from chatkeep.aws import punctual
from chatkeep.aws.punctual import CONNECT_SECONDS, OutOfTimeError
from chatkeep.errors import UnavailableError
from chatkeep.telemetry import logger

MAX_AGE_SECONDS = 300
PAUSE_SECONDS = 10
"""The least time between two reads of one version, whoever asks for it and whether it could be read or not."""
READ_SECONDS = 2.0
CONFIG = Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries={"total_max_attempts": 2})
MEMBER = "api_key"


class Version(StrEnum):
    CURRENT = "AWSCURRENT"
    PREVIOUS = "AWSPREVIOUS"


class Secret:
    """A secret of Secrets Manager, or a `plain` value where there is none, locally and in tests."""

    def __init__(self, plain: str, arn: str) -> None:
        self._plain, self._arn = plain, arn
        self._values: dict[Version, str | None] = {}
        self._next_read: dict[Version, float] = {}
        self._last_read: dict[Version, float] = {}

    @classmethod
    def read(cls, environment: Mapping[str, str], name: str) -> "Secret | None":
        """The secret whose value the variable `name` has, or whose ARN `name`_ARN; None without both."""
        plain, arn = environment.get(name) or "", environment.get(f"{name}_ARN") or ""
        return cls(plain, arn) if plain or arn else None

    def current(self) -> str:
        """The value, at most `MAX_AGE_SECONDS` old where Secrets Manager answers. Raises UnavailableError."""
        return self._plain or self._version(Version.CURRENT) or ""

    def candidates(self) -> Iterator[str]:
        """The known value, then the present one, then the one before the last rotation. Raises UnavailableError."""
        yield (value := self.current())
        if not self._plain:
            self.doubt()
            if (renewed := self.current()) != value:
                yield renewed
            if previous := self._version(Version.PREVIOUS):
                yield previous

    def doubt(self) -> None:
        """Have the value read anew when it is needed next: somebody did not accept it."""
        self._next_read[Version.CURRENT] = self._last_read.get(Version.CURRENT, -PAUSE_SECONDS) + PAUSE_SECONDS

    def known(self) -> list[str]:
        """The values in memory."""
        return list(filter(None, (self._plain, *self._values.values())))

    def _version(self, version: Version) -> str | None:
        """The value of a version, or None where there is none."""
        now, hurried = time.monotonic(), deadline.current().seconds_left() <= 0
        if now >= self._next_read.get(version, 0) and not (hurried and version in self._values):
            self._last_read[version], self._next_read[version] = now, now + PAUSE_SECONDS
            try:
                self._keep(version, _fetched(self._arn, version))
                self._next_read[version] = now + MAX_AGE_SECONDS
            except OutOfTimeError:
                self._next_read[version] = now  # nobody was asked
            except (BotoCoreError, ClientError, LookupError) as error:
                logger.warning("secret unavailable", exc_info=error)
        if version not in self._values:
            raise UnavailableError("a secret of this deployment cannot be read now")
        return self._values[version]

    def _keep(self, version: Version, value: str | None) -> None:
        """Keep a version's value; the current one until now becomes the previous one."""
        before = self._values.get(version)
        self._values[version] = value
        if version is Version.CURRENT and before not in (None, value):
            self._values[Version.PREVIOUS] = before


def _fetched(arn: str, version: Version) -> str | None:
    try:
        return _text(_client().get_secret_value(SecretId=arn, VersionStage=version)["SecretString"])
    except ClientError as error:
        if version is Version.PREVIOUS and error.response["Error"]["Code"] == "ResourceNotFoundException":
            return None  # it was never rotated
        raise


def _text(stored: str) -> str:
    """The stored text, or of a JSON object the member `api_key`, else its only one. Raises LookupError."""
    try:
        value = json.loads(stored)
    except ValueError:
        return stored
    if not isinstance(value, dict):
        return stored
    chosen = next(iter(value.values())) if len(value) == 1 else value[MEMBER]
    if not isinstance(chosen, str) or not chosen:
        raise LookupError(f"the secret's JSON has no text as {MEMBER} or only member")
    return chosen


@cache
def _client() -> Any:
    client = get_session().create_client("secretsmanager", config=CONFIG)
    punctual.limit_attempts(client, "secrets-manager", READ_SECONDS)
    return client
