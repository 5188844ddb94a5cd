"""Estimates of token counts, for model calls whose provider reports no usage.

They are calibrated against OpenAI's o200k_base; `tests/unit/test_token_estimates.py` holds how far off they may be.
Other tokenizers, such as Claude's and Llama's, split the same text otherwise and mostly into more tokens.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage

MESSAGE_TOKENS = 4
"""The frame of a message, its role included; a tool call is framed like one. This and the next are from
https://github.com/openai/openai-cookbook/blob/main/examples/How_to_count_tokens_with_tiktoken.ipynb"""
PRIMING_TOKENS = 3
"""The opening of the answer, once per prompt."""
MEDIA_TOKENS = 765
"""An image, a recording or a file of any size: GPT-4o's count for 1024 by 1024 pixels in high detail,
https://platform.openai.com/docs/guides/images-vision#calculating-costs"""
TEXTS = ("text", "refusal", "content", "output")
"""Where blocks of a message's content have their text, or blocks in their turn."""
DATA = "json"
"""Where a block has data in place of a text, as Bedrock's results of tools have."""
OTHER_TOKENS = 4
"""A block without text or media, such as a signature or a cache point."""

_UPPER = "A-ZÀ-ÖØ-Þ"
_LOWER = "a-zß-öø-ÿ\u0100-\u0103\u0110\u0111\u0180-\u024f\u1e00-\u1eff"
_SPLITTING = "\u0104-\u010f\u0112-\u017f"  # Polish, Czech, Turkish, ...: few tokens go beyond such a letter
_CYRILLIC = "\u0400-\u052f\u0900-\u097f"  # and Devanagari, which is as dense
_ALPHABET = "\u0300-\u03ff\u0530-\u08ff\u0980-\u0dff\u0f00-\u10ff\u1200-\u1dff\u1f00-\u1fff"  # Greek, Arabic, ...
_HAN = "\u2e80-\u2fdf\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_HIRAGANA, _KATAKANA, _HANGUL = "\u3041-\u309f", "\u30a0-\u30ff", "\uac00-\ud7af"
_ENGLISH = "[Tt]he|of|and|to|is|that|[Ii]t|[Yy]ou|are|be|with|for|have|this|at|he|she|they|we|by|but|not|from|can|I"
_LEAD = r"[\t -/:-@\[-`{-~]?"  # a space or sign is one token with the word after it

_CLASSES = (  # a piece of text, and its hundredths of a token in an English text and in any other; the first that fits
    (rf"[{_HAN}](?<=[{_HAN}]{{2}})", 76, 76),  # beginning with what continues a run of its kind
    (rf"[{_HAN}]", 100, 100),
    (rf"[{_HIRAGANA}](?<=[{_HIRAGANA}]{{2}})", 53, 53),
    (rf"[{_KATAKANA}](?<=[{_KATAKANA}]{{2}})", 53, 53),
    (rf"[{_HIRAGANA}{_KATAKANA}]", 100, 100),
    (rf"[{_HANGUL}](?<=[{_HANGUL}]{{2}})", 65, 65),
    (rf"[{_CYRILLIC}](?<=[{_CYRILLIC}]{{4}})[{_CYRILLIC}]{{0,2}}", 55, 55),
    (rf"[{_LOWER}](?<=[{_LOWER}]{{6}})[{_LOWER}]?", 5, 42),  # English has a token for almost every word, and
    (rf"{_LEAD}(?<![0-9'{_LOWER}{_UPPER}{_SPLITTING}])(?:{_ENGLISH})(?= )", 100, 0),  # these tell it from others
    (rf"{_LEAD}(?:[{_UPPER}]?[{_LOWER}]{{1,5}}|[{_UPPER}]{{1,5}})", 100, 100),
    (r"[0-9]{1,3}", 100, 100),
    (r"[\u3000-\u303f\uff00-\uffef\u2018-\u201d]{1,2}[\r\n]{0,16}", 100, 100),
    (r"[A-Z](?<=[A-Z]{6})[A-Z]?", 5, 42),
    (rf"[{_SPLITTING}]", 50, 50),
    (rf"{_LEAD}[{_CYRILLIC}]{{1,3}}", 105, 105),
    (rf"[{_ALPHABET}](?<=[{_ALPHABET}]{{4}})[{_ALPHABET}]{{0,2}}", 85, 85),
    (rf"{_LEAD}[{_ALPHABET}]{{1,3}}", 105, 105),
    (rf"{_LEAD}[{_HANGUL}]", 105, 105),
    (r" ?(?:-{3,64}|={3,64}|\*{3,64}|_{3,64}|#{3,64}|\.{3,64}|─{3,64})[\r\n]{0,16}", 100, 100),
    (r" ?[!-/:-@\[-`{-~]{1,2}[\r\n]{0,16}", 100, 100),
    (r"[\u0e00-\u0eff]", 42, 42),  # Thai and Lao, which have no spaces between words
    (r" ?[\u2600-\u27bf\U0001f000-\U0001faff]", 160, 160),  # emoji
    (r"[^\S\r\n]{0,16}[\r\n]{1,16}", 100, 100),
    (r"(?:\s{1,64}(?!\S)|\s)", 100, 100),  # an indentation leaves its last space to what follows
    (r" ?[\s\S]", 100, 100),
)
_PIECE = re.compile("|".join(f"{pattern}()" for pattern, _, _ in _CLASSES))
"""The empty group that ends a pattern tells which one has matched, and is cheaper than a group around it."""
_class_of = attrgetter("lastindex")

_REASONING = ("reasoning", "thinking", "reasoning_content", "summary")
_MEDIA = {
    **dict.fromkeys(("image", "image_url", "input_image"), "image"),
    **dict.fromkeys(("audio", "input_audio"), "audio"),
    **dict.fromkeys(("file", "input_file", "document"), "file"),
    "video": "video",
}
_CALLS = ("tool_use", "tool_call", "tool_call_chunk", "invalid_tool_call", "function_call", "input_json_delta")


def tokens(text: str) -> int:
    """The tokens of `text`: 0 for none, else at least 1. Linear: 0.1 µs per character, 0.3 µs per Chinese one.

    A text is weighed as English and as anything else, and the larger sum counts: only English has many of the words
    that weigh nothing in the second. A concatenation has at least the tokens of each part, and at most one more than
    their sum.
    """
    found = Counter(map(_class_of, _PIECE.finditer(text)))
    english = sum(number * _CLASSES[one - 1][1] for one, number in found.items())
    other = sum(number * _CLASSES[one - 1][2] for one, number in found.items())
    return -(-max(english, other) // 100)


def prompt_tokens(messages: Sequence[BaseMessage]) -> int:
    """The tokens of a prompt of `messages`, without the reasoning in them, which providers drop. Never raises.

    The schemas of tools are no messages: add `tokens` of their JSON.
    """
    return PRIMING_TOKENS + sum(map(message_tokens, messages))


def message_tokens(message: BaseMessage) -> int:
    """The tokens of a message as part of a prompt. Never raises."""
    return MESSAGE_TOKENS + _said(message, TEXTS) + _calls(message)


def answer_tokens(message: AIMessage) -> int:
    """The tokens that a model has made for `message`: text, reasoning and tool calls. Never raises."""
    apart = message.additional_kwargs.get("reasoning_content")  # where DeepSeek and others put it
    reasoning = tokens(apart) if isinstance(apart, str) else 0
    return reasoning + _said(message, (*TEXTS, *_REASONING)) + _calls(message)


def _said(message: BaseMessage, keys: tuple[str, ...]) -> int:
    """The tokens of the content, whose tool calls `_calls` counts."""
    total, left = 0, [message.content if isinstance(message.content, str | list) else ""]
    while left:
        one: Any = left.pop()
        if isinstance(one, str):
            total += tokens(one)
        elif isinstance(one, list):
            left.extend(one)
        elif isinstance(one, dict) and one.get("type") not in _CALLS:
            inside = [one[key] for key in keys if isinstance(one.get(key), str | list | dict)]
            left.extend(inside)
            total += tokens(written(one.get(DATA)))
            if not inside and DATA not in one:
                total += OTHER_TOKENS if medium(one) is None else MEDIA_TOKENS
    return total


def _calls(message: BaseMessage) -> int:
    """The tokens of the calls, by the raw arguments where the message has them: those of a broken call or a stream."""
    if not isinstance(message, AIMessage):
        return 0
    calls: list[Any] = list(message.tool_call_chunks) if isinstance(message, AIMessageChunk) else []
    calls = calls or [*message.tool_calls, *message.invalid_tool_calls]
    return sum(MESSAGE_TOKENS + tokens(written(call.get("name"))) + tokens(written(call.get("args"))) for call in calls)


def medium(block: Mapping[str, Any]) -> str | None:
    """Which medium a block of content holds: image, audio, video or file; None for text and all else."""
    return next((name for kind, name in _MEDIA.items() if kind in (block.get("type"), *block)), None)


def written(part: Any) -> str:
    """A part of a tool call as it stands in a prompt: a text as it is, anything else as JSON; "" for what is none."""
    if isinstance(part, str):
        return part
    try:
        return "" if part is None else json.dumps(part, ensure_ascii=False, skipkeys=True, default=str)
    except (ValueError, RecursionError):  # cyclic, or too deep
        return ""
