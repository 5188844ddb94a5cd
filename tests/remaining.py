"""An invocation whose time does not pass, however busy the machine is."""

from types import SimpleNamespace


def remaining(seconds: float) -> SimpleNamespace:
    """A Lambda context that has so many seconds left."""
    return SimpleNamespace(get_remaining_time_in_millis=lambda: int(seconds * 1000))
