"""Text and values from outside, made such that they can be kept."""

import json
from typing import Any

import ormsgpack
from hypothesis import given
from hypothesis import strategies as st

from chatkeep.text import Joiner, serialised, valid
from chatkeep.turns.encodable import DEEPEST, as_json, is_deep, readable, storable

HALVES = st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF)
ANY_TEXT = st.text(st.characters() | HALVES | st.sampled_from("a\ud83d\ude00"))
LEAVES = st.none() | st.booleans() | st.integers() | st.integers(-(2**80), 2**80) | st.floats() | ANY_TEXT | st.binary()
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner), max_leaves=20)


@given(ANY_TEXT)
def test_any_text_becomes_valid_and_valid_text_stays(text: str) -> None:
    made = valid(text)
    made.encode()
    assert valid(made) == made
    whole = "".join(character for character in text if not "\ud800" <= character <= "\udfff")
    assert "".join(character for character in made if character in whole) == whole or len(made) <= len(text)
    assert made == text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@given(ANY_TEXT, st.lists(st.integers(0, 20), max_size=8))
def test_a_text_in_pieces_is_the_same_as_whole(text: str, cuts: list[int]) -> None:
    joiner, told, start = Joiner(), "", 0
    for cut in cuts:
        told += joiner.add(text[start : start + cut])
        told.encode()
        start += cut
    told += joiner.add(text[start:]) + joiner.close()
    assert told == valid(text)


@given(VALUES)
def test_any_value_can_be_stored_and_shown(value: Any) -> None:
    ormsgpack.packb(storable(value), option=ormsgpack.OPT_NON_STR_KEYS)
    shown = json.dumps(as_json(value), allow_nan=False, ensure_ascii=False)
    shown.encode()
    assert json.loads(shown) == as_json(value)
    assert storable(storable(value)) == storable(value) or value != value


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_what_is_nested_too_deeply_is_cut_and_takes_no_stack() -> None:
    assert [is_deep(nested(levels)) for levels in (1, DEEPEST, DEEPEST + 1, 100_000)] == [False, False, True, True]
    assert storable(nested(DEEPEST)) == nested(DEEPEST)
    for made in (storable(nested(100_000)), as_json(nested(100_000)), readable(nested(100_000))):
        assert not is_deep(made)
        ormsgpack.packb(made)


def test_values_that_refer_to_one_another_again_and_again_take_no_time() -> None:
    value: list[Any] = ["\ud83d"]
    for _ in range(DEEPEST - 1):
        value = [value, value]
    assert not is_deep(value)
    assert is_deep([value])
    made = storable(value)
    while isinstance(made, list):
        made = made[-1]
    assert made == "\ufffd"


@given(VALUES)
def test_an_answer_is_valid_unicode_whatever_is_in_it(value: Any) -> None:
    text = serialised(as_json(value) if isinstance(value, bytes) else json.loads(json.dumps(as_json(value))))
    text.encode()


def test_an_answer_with_half_a_pair_is_readable_json() -> None:
    assert json.loads(serialised({"a": "x\ud83d", "b": "\ud83d\ude00"})) == {"a": "x\ufffd", "b": "\U0001f600"}
