"""The message that AI SDK's `useChat` makes of a stream, after its `processUIMessageStream`.

Fails where that would refuse a part.
"""

from dataclasses import dataclass, field
from typing import Any

from tests.protocols import sse

BLOCKS = {"text", "reasoning"}
LAST = {"finish", "abort", "error"}


@dataclass
class Shown:
    """`message` is None where none was begun; `end` is the last part before the end marker."""

    message: dict[str, Any] | None = None
    end: dict[str, Any] = field(default_factory=dict)
    transient: list[dict[str, Any]] = field(default_factory=list)
    _open: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    _in_step: bool = False

    def take(self, part: dict[str, Any]) -> None:
        kind, _, what = part["type"].rpartition("-")
        assert not self.end, "nothing comes after the end"
        if kind in BLOCKS:
            self._take_piece(kind, what, part)
        elif part["type"].startswith("data-"):
            assert part["transient"]
            self.transient.append(part)
        else:
            getattr(self, f"_take_{part['type'].replace('-', '_')}")(part)
            if part["type"] in LAST:
                assert not self._open, "all blocks have ended"
                assert not self._in_step
                self.end = part

    def _parts(self) -> list[dict[str, Any]]:
        assert self.message is not None, "the message has begun"
        parts: list[dict[str, Any]] = self.message["parts"]
        return parts

    def _take_piece(self, kind: str, what: str, part: dict[str, Any]) -> None:
        place = kind, part["id"]
        assert self._in_step
        if what == "start":
            assert place not in self._open
            self._open[place] = {"type": kind, "text": "", "state": "streaming"}
            self._parts().append(self._open[place])
        elif what == "delta":
            assert part["delta"]
            self._open[place]["text"] += part["delta"]
        else:
            self._open.pop(place)["state"] = "done"

    def _take_start(self, part: dict[str, Any]) -> None:
        assert self.message is None
        self.message = {"id": part["messageId"], "role": "assistant", "metadata": part["messageMetadata"], "parts": []}

    def _take_start_step(self, _: dict[str, Any]) -> None:
        assert not self._in_step
        self._in_step = True
        self._parts().append({"type": "step-start"})

    def _take_finish_step(self, _: dict[str, Any]) -> None:
        assert self._in_step
        assert not self._open, "the client forgets open blocks at the end of a step"
        self._in_step = False

    def _take_tool_input_start(self, part: dict[str, Any]) -> None:
        assert self._in_step
        assert part["dynamic"]
        named = {"toolName": part["toolName"], "toolCallId": part["toolCallId"]}
        parts = self._parts()
        step = max(at for at, one in enumerate(parts) if one["type"] == "step-start")
        again = [one for one in parts[step:] if one.get("toolCallId") == part["toolCallId"]]
        if not again:
            parts.append({})
        (again or parts)[-1].update(type="dynamic-tool", **named, state="input-streaming")

    def _take_tool_input_available(self, part: dict[str, Any]) -> None:
        self._tool(part["toolCallId"]).update(state="input-available", input=part["input"])

    def _take_tool_output_available(self, part: dict[str, Any]) -> None:
        self._tool(part["toolCallId"]).update(state="output-available", output=part["output"])

    def _take_tool_output_error(self, part: dict[str, Any]) -> None:
        self._tool(part["toolCallId"]).update(state="output-error", errorText=part["errorText"])

    def _tool(self, call_id: str) -> dict[str, Any]:
        """The newest call with this id, which the client looks for."""
        return next(one for one in reversed(self._parts()) if one.get("toolCallId") == call_id)

    def _take_message_metadata(self, part: dict[str, Any]) -> None:
        assert self.message is not None
        self.message["metadata"] |= part["messageMetadata"]

    def _take_finish(self, part: dict[str, Any]) -> None:
        assert part["finishReason"] in {"stop", "length", "content-filter", "tool-calls", "other"}
        self._take_message_metadata(part)

    def _take_abort(self, part: dict[str, Any]) -> None:
        assert self.message is not None

    def _take_error(self, part: dict[str, Any]) -> None:
        assert part["errorText"]


def read(stream: bytes) -> Shown:
    """The message of a whole stream."""
    *parts, marker = sse.data(stream)
    assert marker == "[DONE]"
    shown = Shown()
    for part in parts:
        shown.take(part)
    assert shown.end
    return shown
