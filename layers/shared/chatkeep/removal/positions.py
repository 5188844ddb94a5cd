"""The saved position of the scan for orphans, which may be the keys of an item that is removed for good."""

from collections.abc import Callable

from chatkeep.dynamodb.transaction import as_read, update_if
from chatkeep.models.details import Details
from chatkeep.models.scan import Scan
from chatkeep.models.session import Session
from chatkeep.models.totals import Totals

ORPHANS = "orphans"


def forget_session(user_id: str, session_id: str) -> None:
    """Have no position name a session that has been removed."""
    contents = Details.KEY.partition.of(user_id=user_id, session_id=session_id)
    header = Session.KEY.of(user_id, session_id)
    _forget(lambda pk, sk: pk in (session_id, contents) or (pk, sk) == header)


def forget_user(user_id: str) -> None:
    """Have no position name a user who has been erased; a thread's does not."""
    own, contents = Totals.KEY.partition.of(user_id=user_id), Details.KEY.partition
    _forget(lambda pk, _: pk == own or (contents.matches(pk) and contents.read(pk)["user_id"] == user_id))


def _forget(named: Callable[[str, str], bool]) -> None:
    """Drop such keys, so that the table is read from its beginning again.

    A run that saves a position at this very moment looks for its item afterwards, and does the same.
    """
    scan = Scan.find(ORPHANS)
    if scan is not None and scan.after_pk is not None and named(scan.after_pk, scan.after_sk):
        begin_again(scan)


def begin_again(scan: Scan) -> None:
    """Have the next run read the table from its beginning, unless another one has gone on since `scan` was read."""
    as_it_was = as_read(Scan.after_pk, scan.after_pk) & as_read(Scan.after_sk, scan.after_sk)
    update_if(scan, [Scan.after_pk.remove(), Scan.after_sk.remove()], as_it_was)
