"""Failures of providers: the problem that each becomes, and whether a retry is worth a moment."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError
from langchain_core.exceptions import ContextOverflowError

from chatkeep.agent.models.redaction import redacted
from chatkeep.clock import now
from chatkeep.deadline import SHORTEST_RUN_SECONDS
from chatkeep.errors import (
    ChatkeepError,
    ContextLengthExceededError,
    ModelAccessDeniedError,
    ModelNotEnabledError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRateLimitedError,
    ModelRefusedRequestError,
    ModelUnavailableError,
)
from chatkeep.retrying import jitter

LONGEST_PAUSE = 2.0
"""The longest wait in seconds that a provider may ask for; the turn holds its session's lease meanwhile."""
USUAL_PAUSE = 1.0
"""Seconds of which a random part is added to the provider's wait, so that turns refused together do not retry
together."""
LONGEST_WAIT = 7 * 86_400.0
"""The longest credible wait in seconds: no provider's limits last longer than a week."""

LONGEST_MESSAGE = 4_000
"""The characters of a body searched for an error: a proxy's page may be long."""

TOO_LONG = re.compile(
    r"context.?(length|window)|context (size|limit)|exceed_context_size|max\w* (context|prompt length|input tokens)"
    r"|(prompt|input|request) is too long|too many input tokens|too many tokens: |input tokens? exceed"
    r"|tokens in the prompt cannot exceed|input tokens \d+ cannot exceed|prompt token count of \d+ exceeds"
    r"|exceeds? (the |model )?max\w* (input|context|sequence|model|number of tokens)"
    r"|(prompt|input length( of)? \d+) exceeds (the )?max\w* length|longer than the (maximum )?model"
    r"|reduce the length of|inputs`? (tokens \+|must have less than)|(messages|prompt|inputText)\S* expected maxLength"
    r"|exceeded model token limit|model max length exceeded|range of input length should be|request_too_large"
    r"|max_tokens must be at least 1, got -",
    re.IGNORECASE,
)
"""As OpenAI, Anthropic, Bedrock, Google, Mistral, xAI, Cohere, watsonx, Groq, Cerebras, Kimi, Z.ai, DashScope, Volcano
Engine and GitHub Copilot say it; vLLM, TGI and llama.cpp."""
OF_A_PARAMETER = re.compile(
    r"unrecognized|unsupported (parameter|value)|unknown (parameter|field|name)|extra inputs|not permitted"
    r"|max(_completion)?_tokens\W* (must be less|must be at most|cannot exceed)",
    re.IGNORECASE,
)
"""A refusal in these words is of a parameter, whatever its name."""
UNKNOWN_MODEL = re.compile(
    r"model.{0,80}(does not exist|not found|is not available|no longer)|model identifier is invalid|no such model",
    re.IGNORECASE,
)
QUOTA = re.compile(
    r"insufficient.?(quota|credit|funds|balance)|exceeded your current quota|billing|credit balance|quota.?exceeded"
    r"|payment.?required|spend(ing)? limit|too many tokens per day",
    re.IGNORECASE,
)
NOT_ENABLED = re.compile(
    r"access to the model with the specified model id|aws.?marketplace|payment instrument|use case details"
    r"|access to \w+ models is not allowed|^ValidationException operation not allowed\b",
    re.IGNORECASE,
)
"""Of Bedrock, while nobody has subscribed to the model for the account or the account may not:
https://docs.aws.amazon.com/bedrock/latest/userguide/model-access.html"""
OVER_A_MINUTES_LIMIT = re.compile(r"request too large", re.IGNORECASE)
"""A request that no wait lets pass: it alone is over the limit of tokens per minute."""
PASSING = {408, 409, 425, 429, 503, 529}
"""Statuses of refusals that pass by themselves, beside the 5xx."""
STATUSES = {
    "accessdeniedexception": 403,
    "api_error": 500,
    "authentication_error": 401,
    "badrequesterror": 400,
    "billing_error": 402,
    "expiredtokenexception": 403,
    "insufficient_quota": 402,
    "internalserverexception": 500,
    "invalid_api_key": 401,
    "invalid_request_error": 400,
    "invalidclienttokenid": 403,
    "invalidsignatureexception": 403,
    "model_not_found": 404,
    "modelerrorexception": 503,
    "modelnotreadyexception": 503,
    "modelstreamerrorexception": 503,
    "modeltimeoutexception": 503,
    "not_found_error": 404,
    "notfounderror": 404,
    "overloaded_error": 529,
    "permission_error": 403,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "resourcenotfoundexception": 404,
    "server_error": 500,
    "servicequotaexceededexception": 402,
    "serviceunavailableexception": 503,
    "throttlingexception": 429,
    "toomanyrequestsexception": 429,
    "unrecognizedclientexception": 403,
    "validationexception": 400,
}
"""Of codes: in a stream they come without a status, and from AWS with another one than they mean:
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html#API_runtime_ConverseStream_Errors"""
FIELDS = {
    "model": re.compile("on-demand throughput|inference profile", re.IGNORECASE),
    "temperature": re.compile("temperature", re.IGNORECASE),
    "max_tokens": re.compile("max.?tokens|maximum tokens", re.IGNORECASE),
}
WITHOUT_A_STATUS = {"NoCredentialsError": 401, "PartialCredentialsError": 401, "ParamValidationError": 400}


@dataclass(frozen=True)
class Facts:
    """The facts in an error of a provider's client, whichever client it is; `status` is None where none came."""

    status: int | None
    code: str
    message: str
    field: str | None
    retry_after: float | None


def _is_too_long(said: str) -> bool:
    return TOO_LONG.search(said) is not None and OF_A_PARAMETER.search(said) is None


def is_too_long(error: Exception) -> bool:
    """Whether a provider has refused a prompt for its length."""
    return isinstance(explain(error, ""), ContextLengthExceededError)


def explain(error: Exception, model_name: str) -> ChatkeepError:
    """The problem that `error` is for whoever sent the turn; nothing of keys, accounts or endpoints is in it."""
    facts = _facts(error)
    said, status = f"{facts.code} {facts.message}", facts.status
    if isinstance(error, ContextOverflowError) or (status in (None, 400, 413, 422) and _is_too_long(said)):
        return ContextLengthExceededError(model_name)
    if status in (413, 429) and OVER_A_MINUTES_LIMIT.search(said):
        return ContextLengthExceededError(model_name)
    if status == 402 or ((status is None or status < 500) and QUOTA.search(said)):
        return ModelQuotaExceededError(model_name)
    if status in (400, 403, 404) and NOT_ENABLED.search(said):
        return ModelNotEnabledError(model_name)
    if status in (401, 403):
        return ModelAccessDeniedError(model_name)
    if status == 404 or (status == 400 and UNKNOWN_MODEL.search(said)):
        return ModelNotFoundError(model_name)
    seconds = None if facts.retry_after is None else max(1, math.ceil(facts.retry_after))
    if status == 429:
        return ModelRateLimitedError(model_name, seconds)
    if status is None or status >= 500 or status in PASSING:
        detail = f"the model {model_name!r} {_embedded(error) or 'did not answer'}"
        return ModelUnavailableError(detail, retry_after_seconds=seconds)
    return ModelRefusedRequestError(model_name, redacted(facts.message), facts.field)


def pause(error: Exception, seconds_left: float) -> float | None:
    """Seconds after which to ask once more, or None where that would not help or would take too long."""
    facts = _facts(error)
    if not isinstance(explain(error, ""), ModelRateLimitedError | ModelUnavailableError) or _embedded(error):
        return None
    asked_for = facts.retry_after or 0.0
    wait = asked_for + jitter(USUAL_PAUSE)
    return wait if asked_for <= LONGEST_PAUSE and wait + SHORTEST_RUN_SECONDS <= seconds_left else None


def _facts(error: Exception) -> Facts:
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):  # of botocore
        told, about = response.get("Error", {}), response.get("ResponseMetadata", {})
        status, headers = about.get("HTTPStatusCode"), about.get("HTTPHeaders", {})
        kind, code, message, field = None, told.get("Code"), told.get("Message"), _named(str(told.get("Message")))
    else:
        body = getattr(error, "body", None)
        told = body if isinstance(body, Mapping) else {}
        status, headers = getattr(error, "status_code", None), getattr(response, "headers", {})
        code, message, kind = told.get("code") or told.get("type"), told.get("message"), told.get("type")
        field = told.get("param") or (_named(str(error)) if isinstance(error, BotoCoreError) else None)
    return Facts(
        status=_status(status, str(code or ""), str(kind or ""), type(error).__name__),
        code=str(code or ""),
        message=str(message or error)[:LONGEST_MESSAGE],
        field=field if isinstance(field, str) else None,
        retry_after=_seconds(headers),
    )


def _named(message: str) -> str | None:
    """The field of ours that Bedrock or botocore speaks of, which name none of themselves: temperatures end at 1."""
    return next((field for field, name in FIELDS.items() if name.search(message)), None)


def _status(status: Any, code: str, kind: str, error: str) -> int | None:
    """The status; AWS's codes say more than theirs, and within a stream there are only a code, which may be a status,
    and the kind that OpenAI and others give beside it."""
    if code.lower() in STATUSES and (not isinstance(status, int) or code.endswith("Exception")):
        return STATUSES[code.lower()]
    if isinstance(status, int):
        return status
    if code.isascii() and code.isdigit() and len(code) == len("400") and 400 <= int(code) < 600:
        return int(code)
    return STATUSES.get(kind.lower()) or WITHOUT_A_STATUS.get(error)


def _seconds(headers: Mapping[str, str]) -> float | None:
    """The wait that the provider asks for: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after, or OpenAI's own in
    milliseconds."""
    for name, divisor in (("retry-after-ms", 1000), ("retry-after", 1)):
        given = str(headers.get(name) or "")
        try:
            seconds = float(given) / divisor
        except ValueError:
            continue
        if 0 <= seconds <= LONGEST_WAIT:
            return seconds
    try:
        at = parsedate_to_datetime(str(headers.get("retry-after") or ""))
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    seconds = (at - now()).total_seconds()
    return max(0.0, seconds) if seconds <= LONGEST_WAIT else None


def _embedded(error: Exception) -> str | None:
    """The embedded model's own words on what it lacks."""
    body = getattr(error, "body", None)
    if isinstance(body, dict) and body.get("type") == "embedded_model_missing":
        return f"cannot run here: {body['message']}"
    return None
