"""The architecture's tables of time and of stored items are the code's."""

import re

from chatkeep.aws.punctual import CONNECT_SECONDS
from chatkeep.deadline import GATEWAY_SECONDS, LEASE_MARGIN_SECONDS, RESERVE_SECONDS, STREAM_SECONDS
from chatkeep.dynamodb.connection import READ_SECONDS, SILENT_ATTEMPTS
from chatkeep.kinds import KINDS
from chatkeep.models.background import BackgroundTurn
from chatkeep.models.branching import Branching
from chatkeep.models.day import Day
from chatkeep.models.deletion import Deletion, Erasure
from chatkeep.models.details import Details
from chatkeep.models.event_batch import EventBatch
from chatkeep.models.idempotency import Answer
from chatkeep.models.message import Message
from chatkeep.models.part import Part
from chatkeep.models.preferences import Preferences
from chatkeep.models.scan import Scan
from chatkeep.models.session import Session
from chatkeep.models.timer import Timer
from chatkeep.models.titling import Titling
from chatkeep.models.totals import Totals
from chatkeep.models.turn import Turn
from infra.expansion import ROOT
from infra.local.template import load_functions, load_routes
from tests.client import STACK

ARCHITECTURE = (ROOT / ".github" / "ARCHITECTURE.md").read_text(encoding="utf-8")
SESSION = ("{user}", "{session}")


def table(head: str) -> list[list[str]]:
    """The cells of the table with that head, without the head."""
    lines = ARCHITECTURE.split(f"\n{head}\n", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_budgets_are_those_of_the_code() -> None:
    timeouts = {name: function.timeout_seconds for name, function in load_functions(STACK).items()}
    of_functions = [timeouts[f"{name}Function"] for name in ("Chat", "Stream", "Worker", "Sessions", "Sweep", "Purge")]
    assert timeouts["StatsFunction"] == timeouts["SessionsFunction"]
    of_the_gateway = sorted({route.seconds for route in load_routes(STACK)})
    assert of_the_gateway == [GATEWAY_SECONDS, STREAM_SECONDS]
    budgets = [of_the_gateway, of_functions, [RESERVE_SECONDS], [CONNECT_SECONDS, READ_SECONDS]]
    budgets += [[SILENT_ATTEMPTS], [LEASE_MARGIN_SECONDS]]
    assert [[float(one) for one in cells[1].split("; ")] for cells in table("| budget | seconds |")] == budgets


def test_the_items_have_the_keys_of_the_models() -> None:
    items = [Session(*SESSION), Preferences("{user}"), Totals("{user}"), Answer("{user}", "{claim}")]
    items += [Message(*SESSION, "{uuid7}"), Part(*SESSION, "{message}", 0), Turn(*SESSION, "{id}"), Details(*SESSION)]
    items += [Branching(*SESSION), EventBatch(*SESSION, "{turn}", 0, 0)]
    items += [Day("{user}", "{yyyy-mm-dd}"), Timer(*SESSION), BackgroundTurn(*SESSION, "{turn}"), Scan("{name}")]
    items += [Titling(*SESSION), Deletion("{user}", "{uuid7}"), Erasure("{keyed hash of the user}", "{uuid7}")]
    assert {type(item) for item in items} == {kind.model for kind in KINDS if kind.model}
    zeros = re.compile("#0{16}#0{3}$|#0{4}$")  # of the events' batch and piece, of a message's part
    keys = {(item.pk, zeros.sub(_numbers, item.sk)) for item in items}
    rows = table("| item of SessionsTable | pk | sk |")
    assert {(pk.strip("`"), sk) for _, pk, sks in rows for sk in re.findall(r"`(.+?)`", sks)} == keys


def _numbers(zeros: re.Match[str]) -> str:
    return "#{number}#{piece}" if zeros[0].count("#") > 1 else "#{number}"
