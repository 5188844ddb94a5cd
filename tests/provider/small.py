"""An OpenAI-compatible endpoint whose model reads little, and remembers what it is told: "The <name> is <value>."."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.provider import openai_refusals
from tests.provider.openai import Answer, Endpoint
from tests.provider.openai_refusals import Refusal, refusal
from tests.provider.openai_replies import NO_USAGE, Reply, ToolCall, Usage

FACT = re.compile(r"The (\w+) is (\w+)\.")
QUESTION = re.compile(r"What is the (\w+)\?\Z")
SUMMARY_ASKED = "You keep the memory of a conversation"
BITS_OF_FRAME = 4
Summarising = Callable[[str], str | Reply | Refusal]


def remembered(told: str) -> str:
    """A summary as a good model writes it: every fact, once."""
    facts = dict.fromkeys(FACT.findall(told))
    return "Known so far. " + " ".join(f"The {name} is {value}." for name, value in facts)


@dataclass
class Small(Endpoint):
    """Its tokens are so many to a word of a prompt; a prompt over `limit` of them, with the answer that it asks for
    where `counts_answer`, is refused. `summarise` makes a summary of what it is shown. An answer is `padding` words
    longer than the fact that it was asked for; with `calls`, that many tools are called before one is given, with
    arguments of so many words."""

    limit: int = 8_000
    tokens_per_word: float = 1.4
    counts_answer: bool = True
    names_limit: bool = True
    reports: bool = True
    padding: int = 30
    summarise: Summarising = remembered
    prompts: list[int] = field(default_factory=list)
    """The tokens of the prompts for answers that were taken."""
    summaries: int = 0
    refusals: int = 0
    calls: int = 0
    argument_words: int = 0

    def next_answer(self) -> Answer:
        if self.script:
            answer: Answer = self.script.pop(0)
            return answer
        body = self.asked[-1]
        words = [_text(one) for one in body["messages"]]
        tokens = math.ceil(sum(BITS_OF_FRAME + len(one.split()) for one in words) * self.tokens_per_word)
        wanted = body.get("max_tokens", 0) if self.counts_answer else 0
        if tokens + wanted > self.limit:
            self.refusals += 1
            if not self.names_limit:
                return refusal(400, None, "Input is too long for requested model.")
            return openai_refusals.context_too_long(self.limit, tokens + wanted)
        if words[0].startswith(SUMMARY_ASKED):
            self.summaries += 1
            made = self.summarise("\n".join(words[1:]))
            return self._reply(tokens, made) if isinstance(made, str) else made
        self.prompts.append(tokens)
        if self.calls and body.get("tools"):
            self.calls -= 1
            said = json.dumps({"text": "go on" + " and on" * self.argument_words})
            call = ToolCall(f"call-{len(self.asked)}", body["tools"][0]["function"]["name"], said)
            return Reply(words=(), tool_calls=(call,), finish="tool_calls", usage=self._usage(tokens, 5))
        asked = [_text(one) for one in body["messages"] if one["role"] == "user"]
        return self._reply(tokens, self._answer(words, asked[-1]))

    def _answer(self, words: list[str], question: str) -> str:
        asked = QUESTION.search(question)
        facts = dict(FACT.findall("\n".join(words)))
        known = facts.get(asked[1], "unknown") if asked else "noted"
        return known + " ok" * self.padding

    def _reply(self, read: int, text: str) -> Reply:
        return Reply(words=(text,), usage=self._usage(read, len(text.split()) or 1))

    def _usage(self, read: int, written: int) -> Usage:
        if not self.reports:
            return NO_USAGE
        return Usage({"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written})


def _text(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    calls = " ".join(str(one["function"]) for one in message.get("tool_calls") or ())
    return (content if isinstance(content, str) else " ".join(str(one.get("text")) for one in content)) + calls
