"""The settings of the sessions function, from its environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from chatkeep.aws.secrets import Secret
from chatkeep.sessions.preferences import Defaults, defaults_in
from chatkeep.settings import required


@dataclass(frozen=True)
class SessionsSettings(Defaults):
    """The defaults of new sessions, the days that a deleted one is kept, and the keys of cursors and of erased users.

    `usage_group` are the users who may report usage; empty is nobody.
    """

    retention_days: int
    cursor_secret: Secret
    erasure_secret: Secret
    usage_group: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "SessionsSettings":
        """Raises KeyError naming the missing variable, ValueError for one that is not a number."""
        return cls(
            **defaults_in(environment),
            retention_days=int(required(environment, "RETENTION_DAYS")),
            cursor_secret=_required_secret(environment, "CURSOR_SECRET"),
            erasure_secret=_required_secret(environment, "ERASURE_SECRET"),
            usage_group=environment.get("USAGE_GROUP", ""),
        )


def _required_secret(environment: Mapping[str, str], name: str) -> Secret:
    if (secret := Secret.read(environment, name)) is None:
        raise KeyError(f"neither of the environment variables {name} and {name}_ARN is set")
    return secret


@cache
def settings() -> SessionsSettings:
    """This process's settings, read once."""
    return SessionsSettings.read(os.environ)
