"""What a model call costs, by the price list of `genai-prices`."""

from genai_prices import Usage, calc_price

from chatkeep.money import micro_dollars
from chatkeep.turns.calls import ModelCall
from functions.chat.settings import settings

PROVIDERS = {"bedrock": "aws", "openai": "openai"}


def price(call: ModelCall) -> int | None:
    """Micro-dollars, or None where the list does not know the model or the endpoint sets its own prices."""
    provider, _, model = call.model_name.partition(":")
    if provider not in PROVIDERS or (provider == "openai" and settings().openai_base_url):
        return None
    usage = Usage(
        input_tokens=call.input_tokens,
        output_tokens=call.output_tokens,
        cache_read_tokens=call.cache_read_tokens,
        cache_write_tokens=call.cache_write_tokens,
    )
    try:
        calculated = calc_price(usage, model_ref=model, provider_id=PROVIDERS[provider])
    except LookupError:
        return None
    return micro_dollars(calculated.total_price)
