"""The saved position of the pass: moved after each page by one run of two, and removed at the end of the pass."""

from pynamodb.expressions.update import Action

from chatkeep.clock import now, stamp
from chatkeep.dynamodb.transaction import Transaction, update_if
from chatkeep.jobs.due import Keys
from chatkeep.kinds import Table
from chatkeep.models.scan import Scan
from chatkeep.removal.positions import ORPHANS
from chatkeep.sessions.activity import MovedError
from functions.purge.orphans.orphan import same

PLACE = ("began_at", "table", "after_pk", "after_sk")


def current() -> Scan:
    """The position; that of a new pass where none is under way. Raises LaterFormatError."""
    return Scan.find(ORPHANS) or Scan(ORPHANS)


def next_page(scan: Scan) -> tuple[Table, Keys | None]:
    """The table that is read next, and the keys after which."""
    return Table(scan.table or Table.SESSIONS), None if scan.after_pk is None else (scan.after_pk, scan.after_sk)


def move(scan: Scan, last: Keys | None, numbers: list[Action]) -> bool:
    """Save that a page was looked at, which ends with `last` or with its table; say whether the pass goes on.

    Raises MovedError where another run has saved a position since `scan` was read.
    """
    table = next_page(scan)[0]
    if last is None and table is Table.CHECKPOINTS:
        with Transaction() as transaction:
            transaction.discard(scan, same(scan, *PLACE), otherwise=MovedError())
        return False
    if last is None:
        place = [Scan.table.set(Table.CHECKPOINTS), Scan.after_pk.remove(), Scan.after_sk.remove()]
    else:
        place = [Scan.table.set(table), Scan.after_pk.set(last[0]), Scan.after_sk.set(last[1])]
    began = Scan.began_at.set(scan.began_at or stamp(now()))
    if not update_if(scan, [began, *place, *numbers], same(scan, *PLACE)):
        raise MovedError
    return True
