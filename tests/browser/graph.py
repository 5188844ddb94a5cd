"""The graph with a tool, with a slow model slow enough to be stopped, cut off and looked at by a busy machine."""

from chatkeep.agent.models import scripted
from tests.frontends.graph import forecasting

scripted.SLOW_SECONDS = 6.0

__all__ = ["forecasting"]
