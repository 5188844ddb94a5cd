"""The local runner's limits are Lambda's, to the byte."""

import pytest

from infra.local import limits

EMPTY = len('{"body": ""}')


def test_an_event_may_have_six_megabytes() -> None:
    most = {"body": "é" * ((6 * 1024 * 1024 - EMPTY) // 2)}
    assert not limits.is_too_large(most)
    assert limits.is_too_large({"body": most["body"] + "x"})


def test_a_result_may_have_a_hundred_bytes_more() -> None:
    most = {"body": '"' * ((6 * 1024 * 1024 + 100 - EMPTY) // 2)}
    limits.check(most)
    with pytest.raises(limits.ResultTooLargeError, match="6291556 bytes"):
        limits.check({"body": most["body"] + "x"})
