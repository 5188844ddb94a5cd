"""The settings of the stream function beside those of every function that runs turns, from its environment."""

import os
from functools import cache

from chatkeep.sessions.preferences import Defaults


class StreamSettings(Defaults):
    """The defaults of sessions that come to be by their first message."""


@cache
def settings() -> StreamSettings:
    """This process's settings, read once."""
    return StreamSettings.read(os.environ)
