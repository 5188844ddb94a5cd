"""The settings of the purge function, from its environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from chatkeep.settings import required


@dataclass(frozen=True)
class PurgeSettings:
    """The table of the threads, and how long a session is kept that has expired."""

    checkpoints_table: str
    retention: timedelta

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "PurgeSettings":
        """Raises KeyError naming the missing variable, ValueError for one that is not a number."""
        return cls(
            checkpoints_table=required(environment, "CHECKPOINTS_TABLE"),
            retention=timedelta(days=int(required(environment, "RETENTION_DAYS"))),
        )


@cache
def settings() -> PurgeSettings:
    """This process's settings, read once."""
    return PurgeSettings.read(os.environ)
