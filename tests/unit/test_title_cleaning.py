"""What becomes a title of the words of a model, which may say anything."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.worker.titling.cleaning import LONGEST, cleaned
from infra.local import titles

HALVES = st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF)
PIECES = st.sampled_from(
    [
        "**",
        "#",
        "Title:",
        "“",
        "”",
        '"',
        ".",
        "…",
        "\n",
        " ",
        "<think>",
        "</think>",
        "e\u0301",
        "\u202e",
        "\x00",
        "里",
        "word",
    ]
)
ANYTHING = st.lists(st.text(st.characters() | HALVES, max_size=30) | PIECES, max_size=40).map("".join)

SAID = {
    "Trip to Lisbon": "Trip to Lisbon",
    '"Trip to Lisbon."': "Trip to Lisbon",
    "**Title:** Trip to Lisbon": "Trip to Lisbon",
    "Title: “Trip to Lisbon”": "Trip to Lisbon",
    "### Trip to Lisbon\n\nThis title says it all.": "Trip to Lisbon",
    "Here is a title:\n\n- Trip to Lisbon": "Trip to Lisbon",
    "Title:\nTrip to Lisbon": "Trip to Lisbon",
    "<think>They want\na title.</think>\nTrip to Lisbon": "Trip to Lisbon",
    "Titel: „Reise nach Lissabon“": "Reise nach Lissabon",
    "標題\uff1a「里斯本之旅」。": "里斯本之旅",
    "Learning C#": "Learning C#",
    "`__init__` explained": "`__init__` explained",
    "'Don't panic'": "Don't panic",
    '"Hamlet" and "Macbeth"': '"Hamlet" and "Macbeth"',
    "Is it 5 o'clock?": "Is it 5 o'clock?",
    "Cafe\u0301 in\tParis": "Café in Paris",
    "Trip \u202eto\x00 Lisbon": "Trip to Lisbon",
    "Trip: Lisbon": "Trip: Lisbon",
    "क\u094d\u200cष की": "क\u094d\u200cष की",
    "<think>never ends": "",
    "…": "",
    "": "",
}


@pytest.mark.parametrize("words", SAID)
def test_what_models_put_around_a_title_goes_and_the_rest_stays(words: str) -> None:
    assert cleaned(words) == SAID[words]


@given(ANYTHING)
def test_whatever_is_said_becomes_one_short_line_of_plain_text_or_nothing(words: str) -> None:
    title = cleaned(words)
    title.encode()
    assert len(title) <= LONGEST
    assert title == " ".join(title.split()) == unicodedata.normalize("NFC", title)
    assert title == "" or any(map(str.isalnum, title))
    assert not title.endswith(".")
    assert cleaned(title) in (title, cleaned(cleaned(title)))


def test_a_long_title_ends_with_a_whole_word_where_it_has_several() -> None:
    assert cleaned("word " * 40) == ("word " * 16).strip()
    assert cleaned("里" * 100) == "里" * LONGEST
    assert cleaned("x" + "a\u0302\u0323" * 60)[-1] != "\u0302"


def test_a_title_is_found_quickly_in_very_many_words() -> None:
    assert cleaned("<think>" * 15_000) == ""
    assert cleaned("*" * 100_000) == ""
    assert set(cleaned("*" * 199 + "a" + "*" * 100_000)) <= {"a", "*"}


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Where should I travel in winter if I like the sea?", "Travel in winter"),
        ("How do I reverse a list in Python?", "Reverse a list in Python"),
        ("Hi! Can you help me write a cover letter for a job?", "Write a cover letter"),
        ("Schreib mir ein Rezept für Kartoffelsuppe", "Schreib mir ein Rezept für Kartoffelsuppe"),
        ("冬にどこへ行きますか\uff1f", "冬にどこへ行きますか"),
        ("Why?", "Why"),
        ("?", "?"),
    ],
)
def test_the_local_runners_titles_are_made_of_the_questions_words(question: str, expected: str) -> None:
    assert titles.of_question(question) == expected
