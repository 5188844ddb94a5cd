"""Conversations that outgrow their model's context: our summaries beside LangChain's middleware, trimming and neither.

`python -m tests.bench.context`. Each has 300 turns on a model of 8,000 tokens, whose words are its tokens and which
repeats a fact that it is shown. All are run by the same turn engine on the same checkpointer, so that they differ in
what the model is given and in what is stored for that. A second conversation, of 60 turns, has a model that fails to
summarise.
"""

import argparse
import json
import math
import os
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import tests.conftest  # noqa: F401  (the environment, before anything of ours)
from tests.engines import Engine, start_engine

if __name__ == "__main__":  # the models read the endpoint when they are imported
    PARSER = argparse.ArgumentParser(description=__doc__)
    PARSER.add_argument("--engine", default=os.environ.get("CHATKEEP_TEST_ENGINE", "dynoxide"))
    PARSER.add_argument("--smoke", action="store_true", help="40 turns; the stored results stay as they are")
    OPTIONS = PARSER.parse_args()
    ENGINE = start_engine(OPTIONS.engine)
    os.environ["DYNAMODB_ENDPOINT"] = ENGINE.endpoint or ""

from langchain.agents import create_agent
from langchain.agents.middleware import SummarizationMiddleware
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult

from chatkeep.agent import runtime
from chatkeep.agent.context.policy import Policy
from chatkeep.agent.graph import build_graph
from chatkeep.agent.models.within_context import WithinContext
from chatkeep.deadline import Deadline
from chatkeep.errors import ChatkeepError
from chatkeep.models.session import OnOverflow, Session
from chatkeep.turns import engine
from chatkeep.turns.admission import Strategy
from chatkeep.turns.model_calls import MODEL_NAME
from chatkeep.turns.tools import Tools
from tests.bench import context_report
from tests.bench.checkpoint_graphs import text
from tests.bench.meter import Meter
from tests.client import STACK, Client

RESULTS = Path(__file__).parent / "context.json"
TURNS, FAILING, SMOKE = 300, 60, 40
ANSWER_TOKENS = 500
LIMIT = context_report.LONGEST_PROMPT + ANSWER_TOKENS
QUESTION_WORDS, ANSWER_WORDS = 60, 120
FACT, ASKED = "The harbour is Lisbon.", "What is the harbour?"
TITLED = {"title": "A conversation", "model_name": "scripted:echo"}
ASKS_FOR_A_SUMMARY = ("You keep the memory of a conversation", "Context Extraction Assistant")
Row = context_report.Row


class Reader(WithinContext):
    """Its tokens are words; it refuses a prompt over its limit, and a summary where it `fails` to make any."""

    sent: list[int]
    fails: bool = False

    @property
    def _llm_type(self) -> str:
        return "reader"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        told = "\n".join(one.text for one in messages)
        read = len(told.split())
        if read > LIMIT - ANSWER_TOKENS:
            raise ContextOverflowError("too long")
        if any(words in told for words in ASKS_FOR_A_SUMMARY):
            if self.fails:
                raise ValueError("no summary")
            answer = f"Known: {FACT}" if FACT in told else "Nothing is known."
        else:
            self.sent.append(read)
            known = "Lisbon" if FACT in told and messages[-1].text == ASKED else "noted"
            answer = f"{known} {_words(ANSWER_WORDS)}"
        written = len(answer.split())
        usage = UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(answer, usage_metadata=usage))])


def _words(number: int) -> str:
    """Random text, so that compression does not flatter."""
    noise = text(7 * number)
    return " ".join(noise[at : at + 6] for at in range(0, 7 * number, 7))


def _reader(*, early: bool, on_overflow: OnOverflow, is_ours: bool = True, fails: bool = False) -> Reader:
    policy = Policy("scripted:reader", lambda: LIMIT, ANSWER_TOKENS, early, on_overflow, math.inf)
    return Reader(sent=[], fails=fails, context=policy if is_ours else None, metadata={MODEL_NAME: "scripted:reader"})


def _middleware(model: Reader, saver: Any) -> Any:
    """LangChain's, set to the same threshold and the same rest as ours."""
    room = LIMIT - ANSWER_TOKENS
    kept = ("tokens", int(0.4 * room))

    def count(messages: Any) -> int:
        return sum(len(one.text.split()) for one in messages)

    summarises = SummarizationMiddleware(model, trigger=("tokens", int(0.8 * room)), keep=kept, token_counter=count)
    return create_agent(model, tools=[], middleware=[summarises], checkpointer=saver)


Make = Callable[[bool], tuple[Reader, Callable[[Any], Any]]]


def _ours(*, early: bool, on_overflow: OnOverflow = OnOverflow.REFUSE) -> Make:
    def make(fails: bool) -> tuple[Reader, Callable[[Any], Any]]:
        model = _reader(early=early, on_overflow=on_overflow, fails=fails)
        return model, lambda saver: build_graph(model, "", saver)

    return make


def _langchains(fails: bool) -> tuple[Reader, Callable[[Any], Any]]:
    model = _reader(early=False, on_overflow=OnOverflow.REFUSE, is_ours=False, fails=fails)
    return model, lambda saver: _middleware(model, saver)


SUBJECTS: dict[str, Make] = {
    "`enable_summarization`": _ours(early=True),
    "LangChain's `SummarizationMiddleware`": _langchains,
    "`on_overflow: trim`": _ours(early=False, on_overflow=OnOverflow.TRIM),
    "neither": _ours(early=False),
}


def conversation(used: Engine, make: Make, turns: int, *, fails: bool = False) -> Row:
    """What became of the turns of one conversation."""
    model, build = make(fails)
    user_id = f"user-{uuid4()}"
    session_id = Client(user_id).post("/sessions", json=TITLED).json["session_id"]
    meter = Meter(Session._get_connection().connection.client, used.client)
    tools = Tools(runtime.saver(), lambda *made_for: build(made_for[2]), lambda _: 1, 1)
    costs: dict[bool, list[tuple[int, float]]] = {True: [], False: []}
    lived, knows = 0, False
    for number in range(turns):
        said = {0: FACT, turns - 1: ASKED}.get(number, _words(QUESTION_WORDS))
        request = engine.Request(user_id, session_id, said, Strategy.REJECT, None, Deadline.within(60))
        try:
            with meter.measure() as usage:
                answer = engine.send(request, tools)
        except ChatkeepError:
            continue
        lived += 1
        knows = answer.message.content.startswith("Lisbon")
        summarised = any(call["kind"] == "summarization" for call in answer.turn.calls) or _is_new_summary(answer)
        costs[summarised].append((usage.requests, usage.wcu))
    return {
        "turns": turns,
        "lived": lived,
        "longest_prompt": max(model.sent),
        "knows": knows,
        "summaries": len(costs[True]),
        "requests": _median(costs[False], 0),
        "wcu": _median(costs[False], 1),
        "requests_with": _median(costs[True], 0),
        "wcu_with": _median(costs[True], 1),
    }


def _is_new_summary(answer: Any) -> bool:
    """LangChain's calls bear no tag of ours: its turn has two."""
    return len(answer.turn.calls) > 1


def _median(costs: list[tuple[int, float]], place: int) -> float | None:
    return statistics.median(cost[place] for cost in costs) if costs else None


def main(used: Engine, *, smoke: bool) -> None:
    turns = SMOKE if smoke else TURNS
    with used.tables(STACK):
        found = {
            name: {
                "summaries work": conversation(used, make, turns),
                "summaries fail": conversation(used, make, min(turns, FAILING), fails=True),
            }
            for name, make in SUBJECTS.items()
        }
    used.end()
    print(context_report.table(found))
    if not smoke:
        RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        if broken := context_report.over(found):
            raise SystemExit(f"not held: {broken}")


if __name__ == "__main__":
    main(ENGINE, smoke=OPTIONS.smoke)
