"""The cost of a model call, by the price list of `genai-prices`."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot

from chatkeep.agent.providers import PROVIDERS
from chatkeep.agent.settings import settings
from chatkeep.money import micro_dollars
from chatkeep.telemetry import logger
from chatkeep.turns.model_calls import ModelCall

HOUR_FACTOR = Decimal(2)
"""Tokens written to a cache for an hour cost twice the input, by Anthropic's prices, where the list has none for them:
https://platform.claude.com/docs/en/build-with-claude/prompt-caching#pricing"""


def are_listed(model_name: str) -> bool:
    """Whether the list should have the model's price: it has its provider's, and that is who sets it."""
    return _price_id(model_name) is not None


def _price_id(model_name: str) -> str | None:
    """The list's id of the model's provider; None where the list has none or the endpoint sets its own prices."""
    provider = model_name.partition(":")[0]
    if provider not in PROVIDERS or (provider == "openai" and settings().openai_base_url):
        return None
    return PROVIDERS[provider].price_id


@dataclass(frozen=True)
class Listed:
    """What the list tells of a model: US dollars for a million tokens, for short requests where long ones cost more;
    `reads_from_cache` where tokens that are read from a cache have a price of their own."""

    context_tokens: int | None = None
    input_price: float | None = None
    output_price: float | None = None
    reads_from_cache: bool = False


def listed(model_name: str) -> Listed:
    """The model's entry; an empty one where the list has none, or the endpoint sets its own prices."""
    price_id = _price_id(model_name)
    if price_id is None:
        return Listed()
    try:
        _, model = get_snapshot().find_provider_model(model_name.partition(":")[2], None, price_id, None)
    except LookupError:
        return Listed()
    now = model.get_prices(datetime.now(UTC))
    read, written = _of_a_million(now.input_mtok), _of_a_million(now.output_mtok)
    return Listed(model.context_window, read, written, now.cache_read_mtok is not None)


def _of_a_million(tokens: Any) -> float | None:
    """A price of the list, which may be a number or have steps."""
    price = getattr(tokens, "base", tokens)
    return None if price is None else float(price)


def price(call: ModelCall) -> int | None:
    """Micro-dollars, or None where the list has no price for the call or the endpoint sets its own. Never raises."""
    price_id = _price_id(call.model_name)
    if price_id is None:
        return None
    answered, asked = (name.partition(":")[2] for name in (call.model_name, call.asked))
    # Of a version that the list does not have yet, the price of the model it is one of.
    for model in dict.fromkeys([answered, asked] if asked and answered.startswith(asked) else [answered]):
        try:
            return _listed(price_id, model, call)
        except LookupError:
            continue
        except Exception:  # a price is not worth an answer
            logger.warning("no price", exc_info=True, extra={"model_name": call.model_name})
    return None


def _listed(price_id: str, model: str, call: ModelCall) -> int:
    """Raises LookupError for an unknown model, ValueError for usage that does not add up."""
    usage = Usage(
        input_tokens=call.input_tokens,
        output_tokens=call.output_tokens,
        cache_read_tokens=call.cache_read_tokens,
        cache_write_tokens=call.cache_write_tokens,
        cache_write_1h_tokens=call.cache_write_1h_tokens,
    )
    listed = calc_price(usage, model_ref=model, provider_id=price_id)
    total = Decimal(listed.total_price)
    prices = listed.model_price
    written, read = getattr(prices, "cache_write_mtok", None), getattr(prices, "input_mtok", None)
    if getattr(prices, "cache_write_1h_mtok", None) is None and isinstance(read, Decimal):
        charged = written if isinstance(written, Decimal) else read
        total += (HOUR_FACTOR * read - charged) * call.cache_write_1h_tokens / 1_000_000
    return micro_dollars(total)
