"""Text that every encoding takes: Unicode without lone surrogates, and JSON made of it."""

import json
from typing import Any

HIGH, LOW = ("\ud800", "\udbff"), ("\udc00", "\udfff")
REPLACEMENT = "\ufffd"
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def valid(text: str) -> str:
    """`text` with the two halves of a pair joined and each lone half replaced by U+FFFD; most texts are returned as
    they are. Halves come from JSON, whose escapes can name them: https://www.rfc-editor.org/rfc/rfc8259#section-8.2"""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        # An error handler's replacement is "?", or U+FFFD when decoding.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def serialised(value: Any) -> str:
    """JSON without escapes that UTF-8 does not need, as Lambda bounds an answer in bytes; always valid Unicode."""
    return valid(_encode(value))


class Joiner:
    """Makes a text valid that comes in pieces: the first half of a pair waits for the piece with the second."""

    def __init__(self) -> None:
        self._half = ""

    def add(self, piece: str) -> str:
        """The next part of the text that is known to be whole."""
        text, self._half = self._half + piece, ""
        if text and HIGH[0] <= text[-1] <= HIGH[1]:
            text, self._half = text[:-1], text[-1]
        return valid(text)

    def close(self) -> str:
        """The end of the text: U+FFFD for a half that still waits, or nothing."""
        half, self._half = self._half, ""
        return REPLACEMENT if half else ""
