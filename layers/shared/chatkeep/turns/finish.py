"""Why an answer ended, in the words of the API, whatever its provider calls it."""

from langchain_core.messages import AIMessage

UNKNOWN = "unknown"
REASONS = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "eos": "stop",
    "complete": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "safety": "content_filter",
    "refusal": "refusal",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
}
"""https://platform.openai.com/docs/api-reference/chat/object#chat/object-choices,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html"""
KEYS = ("finish_reason", "stopReason", "stop_reason")


def reason(answer: AIMessage) -> str:
    """One of the values of REASONS, or `unknown`: also for a stop before the first word, which is no answer's end."""
    given = next((one for key in KEYS if (one := answer.response_metadata.get(key))), "")
    found = REASONS.get(str(given).lower(), UNKNOWN)
    if found == "stop" and answer.tool_calls:
        return "tool_calls"
    if found == "stop" and not answer.text.strip():
        return UNKNOWN
    return found
