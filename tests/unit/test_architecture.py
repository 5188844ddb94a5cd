"""The architecture's tables of time and of stored items are the code's."""

import re
from datetime import date

from chatkeep.deadline import GATEWAY_SECONDS, RESERVE_SECONDS
from chatkeep.dynamodb.connection import READ_SECONDS, SILENT_ATTEMPTS
from chatkeep.models.idempotency import Answer
from chatkeep.models.message import Message
from chatkeep.models.part import Part
from chatkeep.models.preferences import Preferences
from chatkeep.models.session import Details, Session
from chatkeep.models.totals import Day, Totals
from chatkeep.models.turn import Turn
from chatkeep.punctual import CONNECT_SECONDS
from chatkeep.turns.lease import MARGIN
from infra.expansion import ROOT
from infra.local.template import load_functions
from tests.client import STACK

ARCHITECTURE = (ROOT / ".github" / "ARCHITECTURE.md").read_text(encoding="utf-8")
SESSION = ("{user}", "{session}")


def table(head: str) -> list[list[str]]:
    """The cells of the table with that head, without the head."""
    lines = ARCHITECTURE.split(f"\n{head}\n", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_budgets_are_those_of_the_code() -> None:
    timeouts = {name: function.timeout_seconds for name, function in load_functions(STACK).items()}
    of_functions = [timeouts[name] for name in ("ChatFunction", "SessionsFunction", "SweepFunction")]
    assert timeouts["StatsFunction"] == timeouts["SessionsFunction"]
    budgets = [[GATEWAY_SECONDS], of_functions, [RESERVE_SECONDS], [CONNECT_SECONDS, READ_SECONDS]]
    budgets += [[SILENT_ATTEMPTS], [MARGIN.total_seconds()]]
    assert [[float(one) for one in cells[1].split("; ")] for cells in table("| budget | seconds |")] == budgets


def test_the_items_have_the_keys_of_the_models() -> None:
    message = Message(*SESSION, "{uuid7}")
    items = [Session(*SESSION), Preferences(*Preferences.key("{user}")), Totals.of("{user}")]
    items += [Answer(*Answer.key("{user}", "{claim}")), message, Part(*SESSION, "{message}", 0)]
    items += [Turn(*SESSION, "{id}"), Details(*SESSION), Day.of("{user}", date(2026, 1, 31))]
    keys = {(item.pk, item.sk.replace("#0000", "#{number}").replace("2026-01-31", "{yyyy-mm-dd}")) for item in items}
    rows = table("| item of SessionsTable | pk | sk |")
    assert {(pk.strip("`"), sk) for _, pk, sks in rows for sk in re.findall(r"`(.+?)`", sks)} == keys
