"""Lists apart from the values that hold them: every value comes back, and none is changed by being stored."""

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.serde.types import _DeltaSnapshot
from langgraph.types import Send

from chatkeep.checkpointer.codec import Codec, strict_serializer
from chatkeep.checkpointer.langgraph_types import dump, fill, lists_in, load, without

texts = st.text(max_size=5)
long_lists = st.lists(st.integers(0, 9).map(str), min_size=1, max_size=4).map(
    lambda texts: [text * 300 for text in texts]
)
values = st.recursive(
    st.none() | st.integers(-9, 9) | texts | long_lists,
    lambda inner: (
        st.dictionaries(texts | st.just("arg"), inner, max_size=4)
        | st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.builds(Send, st.just("node"), inner)
        | st.lists(st.builds(Send, st.just("node"), inner) | inner, max_size=3)
    ),
    max_leaves=12,
)


@given(values)
def test_a_value_comes_back_from_its_rest_and_its_lists(value: Any) -> None:
    before, lists = copy.deepcopy(value), lists_in(value)
    hollow = without(value, lists)
    assert value == before
    assert fill(hollow, lists) == value


@given(values)
def test_a_value_comes_back_as_if_it_had_been_serialized_whole(value: Any) -> None:
    codec = Codec(strict_serializer())
    assert load(codec, dump(codec, value)) == codec.load(codec.dump(value))


@given(values)
def test_the_snapshot_of_a_delta_channel_comes_back_as_one(value: Any) -> None:
    codec = Codec(strict_serializer())
    assert load(codec, dump(codec, _DeltaSnapshot(value))) == _DeltaSnapshot(codec.load(codec.dump(value)))


def test_the_order_of_keys_stays() -> None:
    codec = Codec(strict_serializer())
    value = {"a": 1, "messages": ["." * 2_000], "z": {"y": ["-" * 2_000], "x": 0}}
    stored = dump(codec, value)
    assert stored.rest
    again = load(codec, stored)
    assert list(again) == ["a", "messages", "z"]
    assert list(again["z"]) == ["y", "x"]


def test_the_longest_lists_are_taken_and_short_ones_stay() -> None:
    codec = Codec(strict_serializer())
    value = {"short": ["a"], **{str(number): ["." * 1_000 * number] for number in range(2, 9)}}
    stored = dump(codec, value)
    assert stored.rest
    assert sorted(stored.lists) == [("5",), ("6",), ("7",), ("8",)]
    assert load(codec, stored) == value


def test_a_list_of_lists_is_one_list() -> None:
    assert lists_in({"rows": [[1], [2]]}) == {("rows",): [[1], [2]]}
    assert lists_in([[1], [2]]) == {}
    assert lists_in(({"messages": [1]},)) == {}
