"""A title out of a model's words: one line of plain text, or nothing."""

import re
import unicodedata

from chatkeep.text import valid
from chatkeep.turns.reported import without_thoughts

LONGEST = 80
"""Characters; most titles have 20 to 50."""
READ, READ_OF_LINE = 100_000, 400
"""Characters that are looked at, and those of a line: a model that goes on and on has said its title by then."""
LABEL = re.compile(
    "[*_]*(title|titel|titre|título|titolo|tytuł|заголовок|название|标题|標題|タイトル|제목)"
    r"[*_]*\s*[:\uff1a][*_]*\s*",
    re.IGNORECASE,
)
BULLET = re.compile(r"(#{1,6}|[-*+>\u2022\u2013\u2014])(\s+|$)")
EMPHASIS = re.compile(r"(\*{1,3}|_{1,3}|`+|~~)(.+)\1")
QUOTES = frozenset(
    "\"'`\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb\u2039\u203a\u300c\u300d\u300e\u300f"
)
APOSTROPHES = frozenset("'\u2019")
STOPS = ".\u3002\uff0e"
NOT_AT_THE_END = f"{STOPS},;:\uff0c\uff1b\uff1a "
JOINERS = frozenset("\u200c\u200d")
"""They are part of words in Persian and Hindi, and of emoji."""


def cleaned(words: str) -> str:
    """The first line that says something, without markup, quotes, label and full stop; "" where none does."""
    text = unicodedata.normalize("NFC", valid(without_thoughts(words[:READ])))
    lines = [line for line in map(_plain, text.splitlines()) if any(map(str.isalnum, line))]
    # A line like "Here is a title:" announces the next one.
    said = [line for line in lines[:-1] if not line.rstrip("*_").endswith(":")] + lines[-1:]
    return next((title for line in said if (title := _title(line))), "")


def _plain(line: str) -> str:
    """The line with single spaces, also in place of controls and marks of direction."""
    return " ".join("".join(" " if _is_unseen(one) else one for one in line[:READ_OF_LINE]).split())


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf") and character not in JOINERS


def _title(text: str) -> str:
    while (bare := _bare(text)) != text:
        text = bare
    title = _cut(text).rstrip(NOT_AT_THE_END)
    return title if any(map(str.isalnum, title)) else ""


def _bare(text: str) -> str:
    """The text without one layer of what models put around a title."""
    text = text.rstrip(STOPS).strip()
    for what in (BULLET, LABEL):
        if found := what.match(text):
            return text[found.end() :]
    if found := EMPHASIS.fullmatch(text):
        return found[2]
    within = text[1:-1]
    is_quoted = len(text) > 1 and text[0] in QUOTES and text[-1] in QUOTES
    return within if is_quoted and not (QUOTES - APOSTROPHES) & set(within) else text


def _cut(text: str) -> str:
    """The text, or as many whole words as there is room for."""
    if len(text) <= LONGEST:
        return text
    whole, space, _ = text[: LONGEST + 1].rpartition(" ")
    if space:
        return whole
    end = LONGEST  # of a script without spaces, or of one long word
    while end and (unicodedata.combining(text[end]) or JOINERS & set(text[end - 1 : end + 1])):
        end -= 1
    return text[:end]
