"""Refusals of OpenAI-compatible endpoints, with the bodies and headers that the services send."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.provider.pauses import Pause


@dataclass(frozen=True)
class Refusal:
    """An answer with its status, headers and body as given: JSON if a mapping, else as it is."""

    status: int
    body: Mapping[str, Any] | str | bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    pause: Pause | None = None

    def after(self, pause: Pause) -> "Refusal":
        return replace(self, pause=pause)


def refusal(
    status: int, code: str | None, message: str, *, kind: str = "invalid_request_error", param: str | None = None
) -> Refusal:
    """OpenAI's form: https://platform.openai.com/docs/guides/error-codes."""
    return Refusal(status, {"error": {"message": message, "type": kind, "param": param, "code": code}})


def _retry_after(refused: Refusal, seconds: int | None) -> Refusal:
    return refused if seconds is None else replace(refused, headers={**refused.headers, "Retry-After": str(seconds)})


def context_too_long(limit: int = 8192, asked: int = 9000) -> Refusal:
    message = (
        f"This model's maximum context length is {limit} tokens. However, your messages resulted in {asked} tokens. "
        "Please reduce the length of the messages."
    )
    return refusal(400, "context_length_exceeded", message, param="messages")


def vllm_context_too_long(limit: int = 8192, asked: int = 9000) -> Refusal:
    message = (
        f"This model's maximum context length is {limit} tokens. However, you requested {asked + 100} tokens "
        f"({asked} in the messages, 100 in the completion). Please reduce the length of the messages or completion."
    )
    return Refusal(400, {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400})


def unsupported_parameter(param: str, instead: str | None = None) -> Refusal:
    hint = f" Use '{instead}' instead." if instead else ""
    message = f"Unsupported parameter: '{param}' is not supported with this model.{hint}"
    return refusal(400, "unsupported_parameter", message, param=param)


def unsupported_value(param: str, value: object, supported: object = 1) -> Refusal:
    message = (
        f"Unsupported value: '{param}' does not support {value} with this model. "
        f"Only the default ({supported}) value is supported."
    )
    return refusal(400, "unsupported_value", message, param=param)


def missing_parameter(param: str) -> Refusal:
    return refusal(400, "missing_required_parameter", f"Missing required parameter: '{param}'.", param=param)


def invalid_api_key(shown: str = "sk-proj-********************************Wx3A") -> Refusal:
    """A wrong key; as with OpenAI, the message quotes a part of it."""
    message = f"Incorrect API key provided: {shown}. You can find your API key at https://platform.openai.com/account/api-keys."
    return refusal(401, "invalid_api_key", message)


def not_allowed(model: str = "gpt-4o") -> Refusal:
    message = f"Project `proj_4xYzQ` does not have access to model `{model}`"
    return refusal(403, "model_not_found", message)


def model_not_found(model: str = "gpt-5-tiny") -> Refusal:
    message = f"The model `{model}` does not exist or you do not have access to it."
    return refusal(404, "model_not_found", message)


def credits_used_up() -> Refusal:
    """OpenRouter's form, whose code is a number."""
    message = "Insufficient credits. Add more using https://openrouter.ai/settings/credits"
    return openrouter(402, message)


def openrouter(status: int, message: str, **metadata: Any) -> Refusal:
    return Refusal(
        status, {"error": {"message": message, "code": status, **({"metadata": metadata} if metadata else {})}}
    )


def rate_limited(retry_after: int | None = 7) -> Refusal:
    message = (
        "Rate limit reached for gpt-4o-mini in organization org-a1B2c3 on tokens per min (TPM): Limit 200000, "
        f"Used 199802, Requested 1104. Please try again in {retry_after or 0}s."
    )
    refused = refusal(429, "rate_limit_exceeded", message, kind="tokens")
    return _retry_after(refused, retry_after)


def quota_used_up() -> Refusal:
    message = "You exceeded your current quota, please check your plan and billing details."
    return refusal(429, "insufficient_quota", message, kind="insufficient_quota")


def server_error(status: int = 500) -> Refusal:
    message = "The server had an error while processing your request. Sorry about that! (request ID req_8f1c0d2a7b)"
    return refusal(status, None, message, kind="server_error")


def unavailable(retry_after: int | None = 11) -> Refusal:
    message = "That model is currently overloaded with other requests."
    refused = refusal(503, None, message, kind="server_error")
    return _retry_after(refused, retry_after)


def overloaded() -> Refusal:
    """Anthropic's status and form, which its compatible endpoint shares."""
    return Refusal(529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})


def proxy_page(status: int = 502, reason: str = "Bad Gateway") -> Refusal:
    """The error page of a proxy in front of the endpoint, in HTML."""
    page = (
        f"<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} {reason}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Refusal(status, page, {"Content-Type": "text/html"})


def verbatim(body: str | bytes, content_type: str = "text/event-stream") -> Refusal:
    """Status 200 with a body that is not a completion."""
    return Refusal(200, body, {"Content-Type": content_type})
