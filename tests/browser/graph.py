"""The built-in graph, with a slow model slow enough to be stopped, cut off and looked at by a busy machine."""

from chatkeep.agent.graph import build_graph
from chatkeep.agent.models import scripted

scripted.SLOW_SECONDS = 6.0

__all__ = ["build_graph"]
