"""Text as it goes over the wire: JSON as strict parsers read it, and text in pieces."""

import json
from typing import Any, NoReturn


def parsed(raw: bytes) -> dict[str, Any]:
    """A request's JSON. Raises ValueError unless it is an object in UTF-8, of finite numbers and whole characters."""
    body = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
    if not isinstance(body, dict):
        raise ValueError("the body is not an object")  # noqa: TRY004
    json.dumps(body, ensure_ascii=False).encode("utf-8")
    return body


def is_object(text: Any) -> bool:
    try:
        return isinstance(json.loads(text, parse_constant=_refuse_constant), dict)
    except (TypeError, ValueError):
        return False


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def cut_up(text: str, pieces: int) -> list[str]:
    """The text in so many pieces of about the same length."""
    return [text[len(text) * at // pieces : len(text) * (at + 1) // pieces] for at in range(pieces)]
