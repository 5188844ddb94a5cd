"""The settings of the sessions function, from its environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from chatkeep.aws.secrets import Secret
from chatkeep.model_names import AllowedModels
from chatkeep.settings import required


@dataclass(frozen=True)
class SessionsSettings:
    """The defaults of new sessions, the days that a deleted one is kept, and the keys of cursors and of erased users.

    `default_expire_after_days` is 0 for never.
    `usage_group` are the users who may report usage; empty is nobody.
    """

    default_model: str
    allowed_models: AllowedModels
    default_temperature: float
    default_max_tokens: int
    default_enable_summarization: bool
    default_system_prompt: str
    default_expire_after_days: int
    retention_days: int
    cursor_secret: Secret
    erasure_secret: Secret
    usage_group: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "SessionsSettings":
        """Raises KeyError naming the missing variable, ValueError for one that is not a number."""
        default_model = required(environment, "DEFAULT_MODEL")
        return cls(
            default_model=default_model,
            allowed_models=AllowedModels.read(environment.get("ALLOWED_MODELS", ""), default_model),
            default_temperature=float(required(environment, "DEFAULT_TEMPERATURE")),
            default_max_tokens=int(required(environment, "DEFAULT_MAX_TOKENS")),
            default_enable_summarization=required(environment, "DEFAULT_ENABLE_SUMMARIZATION") == "true",
            default_system_prompt=environment.get("DEFAULT_SYSTEM_PROMPT", ""),
            default_expire_after_days=int(required(environment, "DEFAULT_EXPIRE_AFTER_DAYS")),
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
