"""The messages that AG-UI's client makes of a run's events, after its `verifyEvents` and `defaultApplyEvents`."""

from dataclasses import dataclass, field
from typing import Any

from tests.protocols import sse

ROLES = {"TEXT_MESSAGE": {"assistant", "user"}, "REASONING_MESSAGE": {"reasoning"}}


@dataclass
class Client:
    """`messages` are those of the client before the run and, later, after it."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    end: dict[str, Any] = field(default_factory=dict)
    custom: list[Any] = field(default_factory=list)
    _open: set[tuple[str, str]] = field(default_factory=set)
    _has_started: bool = False

    def run(self, stream: bytes) -> "Client":
        for event in sse.data(stream):
            assert None not in event.values(), "what is optional is left out"
            assert not self.end, "nothing comes after the end"
            self._take(event)
        assert self.end
        return self

    def _take(self, event: dict[str, Any]) -> None:
        kind, _, what = event["type"].rpartition("_")
        assert self._has_started or event["type"] in {"RUN_STARTED", "RUN_ERROR"}
        if kind in {*ROLES, "TOOL_CALL"} and what != "RESULT":
            self._take_piece(kind, what, event)
        elif kind == "REASONING":
            self._begin_or_end(kind, what == "START", event["messageId"])
        else:
            getattr(self, f"_take_{event['type'].lower()}")(event)

    def _begin_or_end(self, kind: str, begins: bool, name: str) -> None:
        assert ((kind, name) in self._open) is not begins
        self._open ^= {(kind, name)}

    def _take_piece(self, kind: str, what: str, event: dict[str, Any]) -> None:
        name = event["toolCallId" if kind == "TOOL_CALL" else "messageId"]
        if what in {"START", "END"}:
            self._begin_or_end(kind, what == "START", name)
        assert what == "END" or (kind, name) in self._open
        assert kind != "REASONING_MESSAGE" or ("REASONING", name) in self._open
        if kind == "TOOL_CALL":
            self._take_call(what, event)
        elif what == "START":
            assert event["role"] in ROLES[kind]
            self._message(name, event["role"])
        elif what == "CONTENT":
            assert event["delta"]
            self._message(name, "")["content"] += event["delta"]

    def _message(self, name: str, role: str) -> dict[str, Any]:
        found = [one for one in self.messages if one["id"] == name]
        if not found:
            self.messages.append({"id": name, "role": role, "content": ""})
        return found[0] if found else self.messages[-1]

    def _take_call(self, what: str, event: dict[str, Any]) -> None:
        if what == "START":
            function = {"name": event["toolCallName"], "arguments": ""}
            calls = self._message(event["parentMessageId"], "assistant").setdefault("toolCalls", [])
            calls.append({"id": event["toolCallId"], "type": "function", "function": function})
        elif what == "ARGS":
            owner = self._owner(event["toolCallId"])
            assert owner is not None
            owner["toolCalls"][-1]["function"]["arguments"] += event["delta"]

    def _owner(self, call_id: str) -> dict[str, Any] | None:
        owners = (one for one in self.messages if call_id in [call["id"] for call in one.get("toolCalls", [])])
        return next(owners, None)

    def _take_tool_call_result(self, event: dict[str, Any]) -> None:
        """It goes behind the message that called, and the results which are there."""
        owner = self._owner(event["toolCallId"])
        assert owner is not None
        at = self.messages.index(owner) + 1
        while at < len(self.messages) and self.messages[at]["role"] == "tool":
            at += 1
        result = {"id": event["messageId"], "role": event["role"], "content": event["content"]}
        self.messages.insert(at, {**result, "toolCallId": event["toolCallId"]})

    def _take_run_started(self, _: dict[str, Any]) -> None:
        assert not self._has_started
        self._has_started = True

    def _take_messages_snapshot(self, event: dict[str, Any]) -> None:
        """Those that the client has stay in its order, those that it has not follow."""
        given = {one["id"]: one for one in event["messages"]}
        kept = [given.pop(one["id"]) for one in self.messages if one["id"] in given]
        self.messages = [*kept, *given.values()]

    def _take_custom(self, event: dict[str, Any]) -> None:
        assert event["name"]
        self.custom.append(event["value"])

    def _take_run_finished(self, event: dict[str, Any]) -> None:
        assert not self._open
        assert event.get("outcome", {"type": "cancelled"})["type"] in {"success", "cancelled"}
        self.end = event

    def _take_run_error(self, event: dict[str, Any]) -> None:
        assert event["message"]
        assert not self._open
        self.end = event
