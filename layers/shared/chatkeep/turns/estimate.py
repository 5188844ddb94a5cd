"""Placeholder until the estimator lands."""

from langchain_core.messages.utils import count_tokens_approximately


def prompt_tokens(messages):
    return count_tokens_approximately(messages)


def answer_tokens(message):
    return count_tokens_approximately([message]) if message.text or message.tool_calls else 0
