"""The graph with a tool, and scripted models for a browser: slow enough to be stopped, cut off and looked at by a busy
machine, and able to summarise."""

from collections.abc import Iterator

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk

from chatkeep.agent.models import scripted
from tests.frontends.graph import forecasting

SUMMARY = "The user counted **words**, and was told them again."
ASKS_FOR_A_SUMMARY = "Write the new summary."

scripted.SLOW_SECONDS = 6.0
_echoed = scripted.ScriptedModel._chunks


def _chunks(self: scripted.ScriptedModel, messages: list[BaseMessage]) -> Iterator[tuple[float, ChatGenerationChunk]]:
    """The script's answer; where a summary is asked for, `SUMMARY` at the script's pace: an echo would be too long."""
    is_asked = messages[-1].text.endswith(ASKS_FOR_A_SUMMARY)
    return _echoed(self, [AIMessage(SUMMARY)] if is_asked else messages)


scripted.ScriptedModel._chunks = _chunks  # type: ignore[method-assign]

__all__ = ["SUMMARY", "forecasting"]
