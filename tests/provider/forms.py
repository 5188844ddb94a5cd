"""The forms in which an endpoint answers a request for a stream."""

from collections.abc import Collection

import pytest

from tests.cases import cases
from tests.provider.openai_replies import PlainJson, Reply


def streamed(reply: Reply) -> Reply:
    return reply


def in_each_form(*, thorough: Collection[str] = ()) -> pytest.MarkDecorator:
    """Parametrizes `as_sent`, which makes of a reply what is sent: the stream itself, or the whole of it as JSON."""
    return pytest.mark.parametrize("as_sent", cases({"streamed": streamed, "whole": PlainJson}, thorough=thorough))
