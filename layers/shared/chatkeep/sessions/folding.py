"""Text as the search compares it: case, normal form, blanks and invisible characters make no difference."""

import re
from unicodedata import normalize

INVISIBLE = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")
"""Soft hyphens, joiners, marks of direction and variation selectors, which people cannot see to type."""


def folded(text: str) -> str:
    """`text` in NFKC, without case, and with one space for each run of white space, none at the ends.

    Upper case comes first because it knows no dotless i and no final sigma; then the capital with a dot loses it, so
    that all four Turkish letters i are one. An accent still makes another letter: "cafe" is not found in "café".
    """
    if text.isascii():
        return " ".join(text.lower().split())
    upper = normalize("NFKC", normalize("NFKD", INVISIBLE.sub("", text)).upper())
    return " ".join(normalize("NFKC", upper.replace("İ", "I").casefold()).split())
