"""Where a saver's items are, and what they are read and written with."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from chatkeep.checkpointer.codec import Codec
from chatkeep.checkpointer.payload_cache import PayloadCache


@dataclass(frozen=True)
class Source:
    """Where contents are read from."""

    client: Any
    table: str
    codec: Codec
    pool: Callable[[], Executor]
    cache: PayloadCache
