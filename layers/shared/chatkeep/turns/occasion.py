"""The occasion of a turn: facts beside its session that its prompt may tell."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Occasion:
    """When a turn starts, and the name of the user who asks, if it is known; no `repr` shows the name."""

    started: datetime
    user_name: str | None = field(default=None, repr=False)
