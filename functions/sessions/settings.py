"""What the sessions function reads from its environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from chatkeep.settings import required


@dataclass(frozen=True)
class SessionsSettings:
    """What a new user's sessions start with, how many days a deleted session is kept, and the key of cursors."""

    default_model: str
    default_temperature: float
    default_max_tokens: int
    default_enable_summarization: bool
    default_system_prompt: str
    retention_days: int
    cursor_secret: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "SessionsSettings":
        """Raises KeyError naming the missing variable, ValueError for one that is not a number."""
        return cls(
            default_model=required(environment, "DEFAULT_MODEL"),
            default_temperature=float(required(environment, "DEFAULT_TEMPERATURE")),
            default_max_tokens=int(required(environment, "DEFAULT_MAX_TOKENS")),
            default_enable_summarization=required(environment, "DEFAULT_ENABLE_SUMMARIZATION") == "true",
            default_system_prompt=environment.get("DEFAULT_SYSTEM_PROMPT", ""),
            retention_days=int(required(environment, "RETENTION_DAYS")),
            cursor_secret=required(environment, "CURSOR_SECRET"),
        )


@cache
def settings() -> SessionsSettings:
    """This process's settings, read once."""
    return SessionsSettings.read(os.environ)
