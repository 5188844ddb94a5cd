"""The settings of the worker beside those of every function that runs turns, from its environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Self

from chatkeep.sessions.preferences import generates_titles


@dataclass(frozen=True)
class WorkerSettings:
    """Whether sessions without a title get one where their user has no preference."""

    default_generate_titles: bool

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Raises KeyError naming the missing variable."""
        return cls(generates_titles(environment))


@cache
def settings() -> WorkerSettings:
    """This process's settings, read once."""
    return WorkerSettings.read(os.environ)
