"""Texts, JSON and tool calls that no contract allows but some provider has sent."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st


def weighted(*choices: tuple[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """One of the strategies by weight; `one_of` drops duplicates."""
    table = [strategy for weight, strategy in choices for _ in range(weight)]
    return st.sampled_from(range(len(table))).flatmap(table.__getitem__)


TROUBLE = "\ud83d\ude00\U0001f600\x00\x1b\u202e\u200b\ufeff\u2028\u0627\u0301"
ALPHABET = TROUBLE + ' \n\tab{"\\<'
TEXTS = weighted((2, st.text(ALPHABET, max_size=8)), (1, st.text(st.characters(), max_size=8)))
LONGEST = 100_000
LONG = st.builds(
    lambda text, length: (text * length)[:length],
    st.text(ALPHABET, min_size=1, max_size=5),
    st.sampled_from([1_000, 20_000, LONGEST]),
)
PIECES = st.lists(TEXTS, max_size=6)
HALVES = st.text("\ud83d\ude00a", max_size=8).map(list)
"""One character per piece: most surrogate pairs are split."""
SPOKEN = weighted((6, PIECES), (4, HALVES), (1, st.lists(TEXTS | LONG, max_size=3))).map(tuple)
"""An answer's text in pieces, sometimes 100 KB long."""


def json_of(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    numbers = st.integers(-3, 3) | st.sampled_from([2**63, 2**64, -(2**70), 10**30, 1e308, -0.0]) | st.floats()
    return st.recursive(
        st.none() | st.booleans() | numbers | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=5,
    )


JSON = json_of(TEXTS)
DEEP = st.builds(
    lambda depth: f'{{"value": {"[" * depth}{"]" * depth}}}', st.sampled_from([60, 98, 100, 101, 300, 3_000])
)
NUMBERS = st.sampled_from(["1e400", "-0", "9" * 5_000, "NaN", "-Infinity", "1.0000000000000000001", "01", "+1"])
OBJECTS = (
    st.builds(lambda value, ascii_only: json.dumps({"value": value}, ensure_ascii=ascii_only), JSON, st.booleans())
    | st.builds(lambda members: json.dumps(members), st.dictionaries(TEXTS, JSON, max_size=3))
    | DEEP
    | NUMBERS.map('{{"value": {0}}}'.format)
    | st.just("{}")
)
CUT = st.builds(lambda text, length: text[:length], OBJECTS, st.integers(0, 30))
ARGUMENTS = (
    OBJECTS | CUT | JSON.map(json.dumps) | TEXTS | st.sampled_from(["", " ", "[1, 2]", "null", '"hello"', "{}{}"])
)
"""A tool call's arguments, as raw text."""

IDS = st.sampled_from(["", " ", "c", "c", "c1", "x" * 100, "functions.keep:0", "\ud83d"]) | TEXTS
NAMES = (
    st.sampled_from(["keep", "keep", "keep", "half", "silent", "fly", "fly to the moon!", "", " ", "k" * 300]) | TEXTS
)

BELIEVABLE = st.integers(1, 100_000)
COUNTS = (
    BELIEVABLE
    | st.integers(-5, 5)
    | st.sampled_from([-(2**70), 2**63, 10_000_001, 10**30, 1e308, 12.0, 0.5, "12", "many", None, True, [], {"n": 1}])
    | st.floats()
)


@dataclass(frozen=True)
class Heard:
    """The expected reading of an answer: one of the `texts`, so many `calls`, and the `tokens` read and written.

    None stands for unknown; `whole` says that nothing is missing.
    """

    texts: Collection[str]
    whole: bool = False
    calls: int | None = None
    tokens: tuple[int, int] | None = None
