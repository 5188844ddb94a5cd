"""How the search compares text: whatever case and normal form people type it in."""

# ruff: noqa: RUF001

from collections.abc import Callable
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatkeep.sessions.folding import folded

CASES: list[Callable[[str], str]] = [str, str.upper, str.lower, str.title, str.swapcase, str.casefold]
FORMS = ["NFC", "NFD", "NFKC", "NFKD"]
PECULIAR = "iıIİßẞſﬁŉΣσςᾳΐǅＡ①한각\u1112\u1161\u11abㄱe\u0301\u0307\u0327 \u00a0\u3000\u200d\ufe0f\u00adĲⅨ㎏"


def is_stable(text: str) -> bool:
    """Python writes the upper case of an iota subscript before the accents that follow it, which is another text."""
    return "\u0345" not in normalize("NFD", text)


texts = st.text(st.sampled_from(PECULIAR) | st.characters(exclude_categories=["Cs"]), max_size=40).filter(is_stable)


@given(texts, st.sampled_from(CASES), st.sampled_from(FORMS), st.sampled_from(FORMS))
def test_no_case_and_no_normal_form_makes_a_difference(
    text: str, case: Callable[[str], str], before: str, after: str
) -> None:
    assert folded(normalize(after, case(normalize(before, text)))) == folded(text)


@pytest.mark.parametrize(
    "texts",
    [
        ("İstanbul", "istanbul", "İSTANBUL", "ISTANBUL", "ıstanbul", "i\u0307stanbul"),
        ("Straße", "STRASSE", "STRAẞE", "strasse"),
        ("ﬁne oﬃce", "FINE OFFICE"),
        ("ὈΔΥΣΣΕΎΣ", "ὀδυσσεύς", "ὀδυσσεύσ"),
        ("Ｔｒｉｐ　４２", "trip 42"),
        ("한국어", "\u1112\u1161\u11ab\u1100\u116e\u11a8\u110b\u1165"),
        ("  Trip \t to\nLisbon", "trip to lisbon", "TRIP\u00a0TO\u2003LISBON "),
        ("❤\ufe0f", "❤"),
        ("co\u00adoperate", "cooperate"),
        ("", " ", "\t\u3000", "\u200b"),
    ],
)
def test_what_people_would_call_the_same_is_the_same(texts: tuple[str, ...]) -> None:
    assert len({folded(text) for text in texts}) == 1


@pytest.mark.parametrize(("one", "other"), [("cafe", "café"), ("o", "ø"), ("각", "가"), ("a b", "ab")])
def test_another_letter_is_another_letter(one: str, other: str) -> None:
    assert folded(one) != folded(other)
    assert folded(one) not in folded(other)
