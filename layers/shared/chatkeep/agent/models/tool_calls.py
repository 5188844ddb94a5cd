"""Tool calls as a model writes them: in fragments, and not always true to its endpoint's contract."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from langchain_core.messages.tool import ToolCallChunk, tool_call_chunk

from chatkeep.text import valid
from chatkeep.turns.encodable import is_deep, readable


@dataclass
class Call:
    """One call under way."""

    call_id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)

    def is_whole(self, *, empty_too: bool) -> bool:
        """Whether the arguments have come in one piece, an object; `{}` is one only where `empty_too` says so."""
        if len(self.pieces) != 1 or not self.pieces[0].rstrip().endswith("}"):
            return False
        found = _object(self.pieces[0])
        return found is not None and (empty_too or bool(found))


class Calls:
    """Assembles the calls of one answer from their fragments."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._places: dict[Any, Call] = {}

    def add(self, fragment: Any) -> None:
        """Add a fragment with `index`, `id`, `name` and `args`, each of which may be missing or of another type."""
        call_id, name, arguments = (fragment.get(part) for part in ("id", "name", "args"))
        call = self._of(fragment.get("index"), _text(call_id), _text(name), arguments)
        call.call_id = call.call_id or _text(call_id)
        if name and _text(name) != call.name and not call.pieces:  # some repeat it in each fragment
            call.name += _text(name)
        if arguments:
            call.pieces.append(arguments if isinstance(arguments, str) else json.dumps(arguments, default=str))

    def _of(self, index: Any, call_id: str, name: str, arguments: Any) -> Call:
        """The call that a fragment belongs to: the one at its index, unless it has the id or the name of another one,
        or further arguments where those of the call are whole.

        Some endpoints give the index 0 to each, and no ids.
        """
        place = index if isinstance(index, int) else None
        known = self._places.get(place, self._calls[-1] if self._calls and place is None else None)
        if (
            known is None
            or (call_id and known.call_id not in ("", call_id))
            or (known.pieces and name not in ("", known.name))
            or (_begins(arguments) and known.is_whole(empty_too=bool(name)))
        ):
            known = Call(name="" if known is None or name or call_id else known.name)
            self._calls.append(known)
        self._places[place] = known
        return known

    def end(self) -> list[ToolCallChunk]:
        """Each call whole, with an id of its own.

        Arguments that are no JSON object come as a JSON string, which LangChain takes for an invalid call; so do those
        of a call without a name, which cannot be made.
        """
        taken: set[str] = set()
        chunks = []
        for index, call in enumerate(self._calls):
            call_id, name, raw = valid(call.call_id).strip(), valid(call.name).strip(), valid("".join(call.pieces))
            if not call_id or call_id in taken:
                call_id = f"call_{uuid4().hex}"
            taken.add(call_id)
            arguments = _object(raw) if name else None
            written = json.dumps(raw if arguments is None else arguments)
            chunks.append(tool_call_chunk(name=name, args=written, id=call_id, index=index))
        return chunks


def _object(raw: str) -> dict[str, Any] | None:
    """The JSON object in `raw`, whole; {} for nothing, as of a tool without arguments; None for anything else."""
    if not raw.strip():
        return {}
    try:
        found = json.loads(raw, strict=False)
    except (ValueError, RecursionError):  # a cut one may look whole with brackets added; it would not be what was meant
        return None
    return readable(found) if isinstance(found, dict) and not is_deep(found) else None


def _begins(arguments: Any) -> bool:
    """Whether an object begins with these arguments."""
    return isinstance(arguments, dict) or (isinstance(arguments, str) and arguments.lstrip().startswith("{"))


def _text(value: Any) -> str:
    return "" if value is None else str(value)
