"""The system prompt of a turn: the session's, then the facts that the deployment tells."""

import json
from collections.abc import Callable, Mapping, Sequence

from chatkeep.agent.settings import Fact
from chatkeep.clock import day
from chatkeep.turns.occasion import Occasion


def system_prompt(own: str, facts: Sequence[Fact], occasion: Occasion) -> str:
    """The session's `own` prompt and a line per fact that is known; they come last, as a provider's cache of the prompt
    ends where it changes."""
    lines = [line for fact in facts if (line := LINES[fact](occasion))]
    return "\n\n".join(filter(None, [own, "\n".join(lines)]))


def _date(occasion: Occasion) -> str:
    """Without the time of day, so that the prompt is the same all day."""
    return f"Today's date in UTC: {day(occasion.started).isoformat()}"


def _name(occasion: Occasion) -> str | None:
    """Users choose their names; in quotation marks no name reads as an instruction of the prompt's."""
    name = occasion.user_name
    return f"The user's name: {json.dumps(name, ensure_ascii=False)}" if name else None


LINES: Mapping[Fact, Callable[[Occasion], str | None]] = {Fact.DATE: _date, Fact.NAME: _name}
