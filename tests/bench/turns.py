"""Cost of whole turns, side by side with a baseline of separate writes: `python -m tests.bench.turns`.

Their processor time is measured side by side with LangGraph alone, see `turn_cpu`. With `--before CHECKOUT` that of
another commit is measured first, by the same code: CHECKOUT is a folder with that commit, as `git worktree add CHECKOUT
COMMIT` makes one, in which `make setup` has run. Without the option, what is stored as `before` stays.
"""

import argparse
import asyncio
import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import tests.conftest  # noqa: F401  (the environment, before anything of ours)
from tests.engines import Engine, start_engine

if __name__ == "__main__":  # the models read the endpoint when they are imported
    PARSER = argparse.ArgumentParser(description=__doc__)
    PARSER.add_argument("--engine", default=os.environ.get("CHATKEEP_TEST_ENGINE", "dynoxide"))
    PARSER.add_argument("--smoke", action="store_true", help="early turns only; the stored results stay as they are")
    PARSER.add_argument("--cpu", action="store_true", help="processor time alone, printed as JSON; nothing is stored")
    PARSER.add_argument("--before", type=Path, help="a checkout of another commit, to measure its processor time too")
    OPTIONS = PARSER.parse_args()
    ENGINE = start_engine(OPTIONS.engine)
    os.environ["DYNAMODB_ENDPOINT"] = ENGINE.endpoint or ""

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult

from chatkeep import ids
from chatkeep.agent import runtime
from chatkeep.agent.graph import build_graph
from chatkeep.clock import day, now, stamp
from chatkeep.deadline import Deadline
from chatkeep.idempotency import Claim
from chatkeep.models.session import Session
from chatkeep.turns import engine
from chatkeep.turns.admission import Strategy
from chatkeep.turns.tools import Tools
from tests.bench import turn_cpu
from tests.bench.checkpoint_graphs import ANSWER_BYTES, QUESTION_BYTES, text
from tests.bench.meter import Meter, Usage
from tests.bench.peers.savers import checkpoint_aws
from tests.client import STACK, Client

RESULTS = Path(__file__).parent / "turns.json"
MEASURED, SMOKE = (2, 100, 1_000), (2, 20)
MOST_REQUESTS, MOST_WCU, MOST_RCU = 6, 31, 8
TABLE = "chatkeep-SessionsTable"
TITLED = {"title": "A conversation"}
Numbers = dict[str, float]


class Talker(BaseChatModel):
    """Answers with random text, so that compression does not flatter."""

    @property
    def _llm_type(self) -> str:
        return "talker"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        usage = UsageMetadata(input_tokens=50, output_tokens=200, total_tokens=250)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text(ANSWER_BYTES), usage_metadata=usage))])


@dataclass
class Ours:
    """Turns of the engine on one session, which has a title: else the first of them would ask for one."""

    engine: Engine
    user_id: str = field(default_factory=lambda: f"user-{uuid4()}")

    def __post_init__(self) -> None:
        self.session_id = Client(self.user_id).post("/sessions", json=TITLED).json["session_id"]
        self.meter = Meter(Session._get_connection().connection.client, self.engine.client)
        self.tools = Tools(runtime.saver(), lambda *made_for: build_graph(Talker(), "", made_for[2]), lambda _: 1, 1)

    def restart(self) -> None:
        """Go on in a process that has not seen the session."""
        self.tools = replace(self.tools, saver=runtime.saver.__wrapped__())

    def turn(self, *, key: bool = False) -> None:
        claim = Claim(ids.derived(str(uuid4())), "body") if key else None
        deadline = Deadline.within(60)
        said = text(QUESTION_BYTES)
        engine.send(engine.Request(self.user_id, self.session_id, said, Strategy.REJECT, claim, deadline), self.tools)

    def measured(self, **options: Any) -> Usage:
        with self.meter.measure() as usage:
            self.turn(**options)
        return usage


@dataclass
class Baseline:
    """The same graph on `langgraph-checkpoint-aws` with durability "exit", the rest in a write each."""

    engine: Engine
    user_id: str = field(default_factory=lambda: f"user-{uuid4()}")

    def __post_init__(self) -> None:
        self.session_id = Client(self.user_id).post("/sessions", json={}).json["session_id"]
        saver, self.meter = checkpoint_aws(self.engine.endpoint)
        self.graph = build_graph(Talker(), "", saver)
        self.dynamodb = saver.client

    def turn(self) -> None:
        key = {"pk": {"S": f"USER#{self.user_id}"}, "sk": {"S": f"SESSION#{self.session_id}"}}
        self.dynamodb.get_item(TableName=TABLE, Key=key, ConsistentRead=True)
        said = text(QUESTION_BYTES)
        config: Any = {"configurable": {"thread_id": self.session_id}}
        state = asyncio.run(self.graph.ainvoke({"messages": [("user", said)]}, config, durability="exit"))
        answer = state["messages"][-1]
        at = stamp(now())
        for role, content in (("user", said), ("assistant", answer.text)):
            item = {"role": role, "content": content, "created_at": at}
            pk, sk = f"SESSION#{self.user_id}#{self.session_id}", f"MESSAGE#{ids.new()}"
            self.dynamodb.put_item(TableName=TABLE, Item=_strings({"pk": pk, "sk": sk, **item}))
        values = {":two": {"N": "2"}, ":tokens": {"N": "250"}, ":at": {"S": at}, ":sk": {"S": f"0#{at}"}}
        counted = "ADD message_count :two, total_tokens :tokens SET updated_at = :at, place = :sk"
        self._update(key, counted, values)
        for sk in ("TOTALS", f"DAY#{day(now())}"):
            values = {":two": {"N": "2"}, ":tokens": {"N": "250"}}
            self._update(_strings({"pk": f"USER#{self.user_id}", "sk": sk}), "ADD m :two, t :tokens", values)

    def _update(self, key: dict[str, Any], expression: str, values: dict[str, Any]) -> None:
        self.dynamodb.update_item(
            TableName=TABLE, Key=key, UpdateExpression=expression, ExpressionAttributeValues=values
        )

    def measured(self) -> Usage:
        with self.meter.measure() as usage:
            self.turn()
        return usage


def _strings(values: dict[str, str]) -> dict[str, Any]:
    return {name: {"S": value} for name, value in values.items()}


def ours(engine: Engine, turns: tuple[int, ...]) -> list[dict[str, Any]]:
    """Rows for each of the turns, for the next one, which has a key, and for the one after it, in a new process."""
    rows, subject, done = [], Ours(engine), 0
    for turn in turns:
        while done < turn - 1:
            subject.turn()
            done += 1
        rows.append({"turn": turn, "key": False, "process": "warm", **numbers(subject.measured())})
        rows.append({"turn": turn + 1, "key": True, "process": "warm", **numbers(subject.measured(key=True))})
        subject.restart()
        rows.append({"turn": turn + 2, "key": False, "process": "new", **numbers(subject.measured())})
        done += 3
    return rows


def baseline(engine: Engine, turns: tuple[int, ...]) -> list[dict[str, Any]]:
    """A row for each of the turns until it fails."""
    rows, subject = [], Baseline(engine)
    for turn in range(1, turns[-1] + 1):
        measure: Callable[[], Any] = subject.measured if turn in turns else subject.turn
        try:
            usage = measure()
        except Exception as error:
            return [*rows, {"turn": turn, "error": type(error).__name__}]
        if usage is not None:
            rows.append({"turn": turn, "key": False, "process": "warm", **numbers(usage)})
    return rows


def numbers(usage: Usage) -> Numbers:
    return {"requests": usage.requests, "wcu": usage.wcu, "rcu": usage.rcu}


def within_budget(row: dict[str, Any]) -> bool:
    reads_little = row["process"] == "new" or row["rcu"] <= MOST_RCU
    return bool(row["requests"] <= MOST_REQUESTS and row["wcu"] <= MOST_WCU and reads_little)


def show(name: str, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if "error" in row:
            print(f"{name:10} {row['turn']:6}  fails for good: {row['error']}")
        else:
            key = "yes" if row["key"] else "no"
            kind = f"{key:>5} {row['process']:>7}"
            print(f"{name:10} {row['turn']:6} {kind} {row['requests']:9} {row['wcu']:6.0f} {row['rcu']:7.1f}")


def processor_time(used: Engine, *, smoke: bool) -> list[turn_cpu.Numbers]:
    def make_graph(saver: Any) -> Any:
        return build_graph(Talker(), "", saver)

    return turn_cpu.rows(lambda: Ours(used), make_graph, smoke=smoke)


def of_commit(checkout: Path, *, smoke: bool) -> list[turn_cpu.Numbers]:
    """The processor time of another commit's turns: all of it is that commit's, in its environment, but this benchmark.

    :raises SystemExit: where the checkout was not set up.
    """
    python = checkout / ".venv" / "bin" / "python"
    if not python.exists():
        raise SystemExit(f"{checkout} has no environment: run make setup there")
    command = [str(python), "-m", "tests.bench.turns", "--cpu", *(["--smoke"] if smoke else [])]
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        (tree / "tests").mkdir()
        for path in (*checkout.iterdir(), *(checkout / "tests").iterdir()):
            if path.name not in {"tests", "bench"}:
                (tree / path.relative_to(checkout)).symlink_to(path.resolve())
        (tree / "tests" / "bench").symlink_to(Path(__file__).parent)
        environment = {**os.environ, "PYTHONPATH": str(tree / "layers" / "shared")}
        answer = subprocess.run(command, cwd=tree, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: list[turn_cpu.Numbers] = json.loads(answer.stdout.splitlines()[-1])
    return found


def main(used: Engine, *, smoke: bool, before: Path | None) -> None:
    turns = SMOKE if smoke else MEASURED
    stored = json.loads(RESULTS.read_text(encoding="utf-8")).get("processor_time", {})
    earlier = of_commit(before, smoke=smoke) if before else stored.get("before", [])
    with used.tables(STACK):
        cpu = {"before": earlier, "after": processor_time(used, smoke=smoke)}
        print(turn_cpu.markdown(cpu), flush=True)
        found: dict[str, Any] = {"ours": ours(used, turns), "baseline": baseline(used, turns), "processor_time": cpu}
    used.end()
    print(f"{'':10} {'turn':>6} {'key':>5} {'process':>7} {'requests':>9} {'WCU':>6} {'RCU':>7}")
    for name in ("ours", "baseline"):
        show(name, found[name])
    if not smoke:
        RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    over = [row for row in found["ours"] if not within_budget(row)]
    if over:
        raise SystemExit(f"over {MOST_REQUESTS} requests, {MOST_WCU} WCU or, in a warm process, {MOST_RCU} RCU: {over}")
    if not smoke and (slow := turn_cpu.over(cpu["after"])):  # a few turns on a busy machine tell nothing
        raise SystemExit(f"over {turn_cpu.MOST_OVER_FLOOR} times the floor and the overhead of a short thread: {slow}")


if __name__ == "__main__" and OPTIONS.cpu:
    with ENGINE.tables(STACK):
        print(json.dumps(processor_time(ENGINE, smoke=OPTIONS.smoke)))
    ENGINE.end()
elif __name__ == "__main__":
    main(ENGINE, smoke=OPTIONS.smoke, before=OPTIONS.before)
