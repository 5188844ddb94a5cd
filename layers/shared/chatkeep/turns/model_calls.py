"""Model calls: their entries in a turn's record, and the names of the models that they are made to."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from chatkeep.text import valid

MODEL_NAME = "chatkeep_model_name"
"""Metadata of a model that was made for a session: the session's name for it."""
UNKNOWN = "unknown"
PROVIDERS = {"amazon_bedrock": "bedrock", "bedrock": "bedrock", "bedrock_converse": "bedrock"}
"""Our names of providers that LangChain's classes name otherwise."""
LONGEST_NAME = 200
"""Characters of a model's name, as of a session's."""
ALWAYS = {"input_tokens", "output_tokens", "cost"}
"""Members of a call's JSON that stand there even where they are 0 or null."""
MOST_ENTRIES = 200
"""Of a record, some 600 bytes each at the most."""


@dataclass(frozen=True)
class ModelCall:
    """One call. `model_name` is the model that answered as `provider:model`, `asked` the one that was asked for.

    `input_tokens` includes the cached ones, `cache_write_tokens` those kept for an hour, and `output_tokens` the
    reasoning ones; `cost` is in micro-dollars, None where the model has no known price; `estimated` where the model did
    not report its usage.
    """

    kind: str
    model_name: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0
    cost: int | None = None
    estimated: bool = False
    asked: str = ""

    def as_json(self) -> dict[str, Any]:
        shown = {name: value for name, value in asdict(self).items() if name in ALWAYS or value}
        if self.asked == self.model_name:
            shown.pop("asked", None)
        return shown


Pricing = Callable[[ModelCall], int | None]
Entry = dict[str, Any]
"""A call as a record has it, or several of them added up: `calls` of them."""
Counted = tuple[ModelCall, int]
"""The sum of so many calls."""


def is_known(model_name: str) -> bool:
    """Whether a call's model is known by its provider and name."""
    return UNKNOWN not in model_name.split(":", 1)


def asked_for(metadata: Mapping[str, Any]) -> str:
    """The model that a call is made to, as `provider:model`: by a session's own name for it, else by LangChain's."""
    if own := metadata.get(MODEL_NAME):
        return valid(str(own))
    provider, model = str(metadata.get("ls_provider") or UNKNOWN), metadata.get("ls_model_name") or UNKNOWN
    return valid(f"{PROVIDERS.get(provider, provider)}:{model}")


def as_entries(calls: Sequence[ModelCall]) -> list[dict[str, Any]]:
    """The calls as a turn's record has them: one by one, or added up where there are more than `MOST_ENTRIES`.

    Calls of one kind, of the same models and known equally well become one entry, which says how many they are. Where
    even these are too many, the models' names do not count.
    """
    if len(calls) <= MOST_ENTRIES:
        return [call.as_json() for call in calls]
    return _added_up([(call, 1) for call in calls])


def joined(before: Sequence[Entry], more: Sequence[Entry]) -> list[Entry]:
    """The entries of both lists as one record has them, added up as those of `as_entries` where they are too many."""
    entries = [*before, *more]
    if len(entries) <= MOST_ENTRIES:
        return entries
    return _added_up([(_read(one), int(one.get("calls", 1))) for one in entries])


def _read(entry: Entry) -> ModelCall:
    known = {name: value for name, value in entry.items() if name in ModelCall.__dataclass_fields__}
    return ModelCall(**{"asked": entry["model_name"], **known})


def _added_up(calls: Iterable[Counted]) -> list[Entry]:
    groups = _grouped(calls, lambda call: call)
    if len(groups) > MOST_ENTRIES:
        nameless = f"{UNKNOWN}:{UNKNOWN}"
        groups = _grouped(calls, lambda call: replace(call, model_name=nameless, asked=nameless))
    return [
        {**_sum([call for call, _ in group]).as_json(), "calls": sum(number for _, number in group)} for group in groups
    ]


def _grouped(calls: Iterable[Counted], shown: Callable[[ModelCall], ModelCall]) -> list[list[Counted]]:
    groups: dict[tuple[object, ...], list[Counted]] = {}
    for call, number in calls:
        one = shown(call)
        alike = (one.kind, one.model_name, one.asked, one.estimated, one.cost is None)
        groups.setdefault(alike, []).append((one, number))
    return list(groups.values())


def _sum(calls: Sequence[ModelCall]) -> ModelCall:
    return replace(
        calls[0],
        input_tokens=sum(one.input_tokens for one in calls),
        output_tokens=sum(one.output_tokens for one in calls),
        cache_read_tokens=sum(one.cache_read_tokens for one in calls),
        cache_write_tokens=sum(one.cache_write_tokens for one in calls),
        cache_write_1h_tokens=sum(one.cache_write_1h_tokens for one in calls),
        reasoning_tokens=sum(one.reasoning_tokens for one in calls),
        cost=None if calls[0].cost is None else sum(one.cost or 0 for one in calls),
    )
