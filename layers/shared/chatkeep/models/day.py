"""A user's usage on one day in UTC: all of it, and that of each model."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeSetAttribute
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action

from chatkeep.models.keys import Id, Key
from chatkeep.models.table import IN_USER, SessionsTable

MOST_MODELS = 10
"""Models per day with counters of their own. Eight with usual names keep the item under 1 KB, the unit of a write."""
LONGEST_NAME = 200
"""Bytes of the name of such a model."""
DIGEST_BYTES = 6
LETTERS = {"calls": "n", "input_tokens": "i", "output_tokens": "o", "cost": "c"}


@dataclass(frozen=True)
class ModelUsage:
    """The usage of one model; `cost` is in micro-dollars, None where no call had a known price."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: int | None = None


class Day(SessionsTable):
    """It stays after a session is deleted.

    `models` names the models that have counters of their own, four of each. These are attributes of the item itself, as
    ADD takes no nested ones. Their names hold a digest of the model's, which is stored once. `by_model` is what they
    say. The calls of other models, and usage that was reported without one, count in the day's sums alone.
    """

    KEY = Key(IN_USER, "DAY#{date}")
    user_id, date = Id(), Id()

    turns = NumberAttribute(default=0)
    messages = NumberAttribute(default=0)
    input_tokens = NumberAttribute(default=0)
    output_tokens = NumberAttribute(default=0)
    cost = NumberAttribute(default=0)
    calls = NumberAttribute(default=0)
    timed_turns = NumberAttribute(default=0)
    response_ms = NumberAttribute(default=0)
    models = UnicodeSetAttribute(null=True)

    by_model: Mapping[str, ModelUsage] = {}

    def read_more(self, item: dict[str, dict[str, Any]]) -> None:
        # Two names with the same digest, which nobody has by accident, are one entry: their counters are.
        names = {_digest(name): name for name in sorted(self.models or ())}
        self.by_model = {name: _usage(digest, item) for digest, name in names.items()}


def additions(used: Mapping[str, ModelUsage]) -> list[Action]:
    """What a day's item adds for these models."""
    if not used:
        return []
    return [Day.models.add(set(used)), *(action for name in used for action in _additions(_digest(name), used[name]))]


def _additions(digest: str, used: ModelUsage) -> list[Action]:
    counted = {name: number for name, number in asdict(used).items() if number is not None}
    return [Path([_attribute(name, digest)]).add(number) for name, number in counted.items()]


def _usage(digest: str, item: dict[str, dict[str, Any]]) -> ModelUsage:
    stored = {name: item.get(_attribute(name, digest)) for name in LETTERS}
    return ModelUsage(**{name: int(value["N"]) for name, value in stored.items() if value is not None})


def _attribute(counter: str, digest: str) -> str:
    return f"{LETTERS[counter]}#{digest}"


def _digest(model_name: str) -> str:
    return urlsafe_b64encode(sha256(model_name.encode()).digest()[:DIGEST_BYTES]).decode()
