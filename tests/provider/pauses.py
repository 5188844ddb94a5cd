"""A provider that falls silent: for how long, and at which point of its answer."""

import threading
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Pause:
    """Silence before the answer begins, or after its first `after` chunks.

    It lasts until `until` is set or `seconds` have passed, and never longer than the client and the server stay.
    `reached` is set once it has begun.
    """

    seconds: float | None = None
    after: int | None = None
    until: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)
