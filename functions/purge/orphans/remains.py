"""What is left of a session that has no header: contents, a thread, or a thread that somebody went on with.

They are not removed in place, as their session's id may be chosen once more by its client: the transaction that lays a
tombstone, where there is no header, records a deletion, which removes them as any other session's contents.
"""

from chatkeep import ids
from chatkeep.checkpoint_items import keys as threads
from chatkeep.clock import milliseconds, now, stamp
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.jobs.due import Keys
from chatkeep.kinds import Table
from chatkeep.models import due
from chatkeep.models.deletion import Deletion
from chatkeep.models.details import Details
from chatkeep.models.job import JobStatus
from chatkeep.models.session import Session
from chatkeep.models.totals import Totals
from chatkeep.removal import receipts
from chatkeep.sessions.activity import MovedError
from functions.purge.orphans.missing import check_not_erased, new_deletion
from functions.purge.orphans.orphan import still
from functions.purge.orphans.reading import Reader


def bury(reader: Reader, user_id: str, session_id: str) -> list[Keys] | None:
    """Have what is left of a session without a header removed. Raises MovedError.

    The header is read first: it goes last, so that without it nothing may be there.
    """
    if Session.find(user_id, session_id) is not None or not _is_anything_left(reader, user_id, session_id):
        return None
    totals, receipt = Totals.find(user_id), receipts.Latest(user_id).of_session(session_id)
    if totals is not None and totals.erasure_id is not None:
        return None  # and after the erasure there is still a next pass
    if receipt is not None and receipt.status != JobStatus.DONE:
        return None  # its job removes it
    deletion = receipt or new_deletion(user_id, ids.new(), session_id, totals)
    with Transaction() as transaction:
        check_not_erased(transaction, user_id)
        _lay_tombstone(transaction, deletion)
        if receipt is None:
            transaction.put(deletion)
        else:
            _reopen(transaction, receipt)
    return [(deletion.pk, deletion.sk)]


def _is_anything_left(reader: Reader, user_id: str, session_id: str) -> bool:
    contents = Details.KEY.partition.of(user_id=user_id, session_id=session_id)
    return reader.holds(Table.SESSIONS, contents, consistent=True) or reader.holds(
        Table.CHECKPOINTS, threads.partition(session_id), consistent=True
    )


def _lay_tombstone(transaction: Transaction, deletion: Deletion) -> None:
    """Keep everybody from making a session with this id, until the deletion is done."""
    transaction.change(
        Session(deletion.user_id, deletion.session_id),
        Session.deletion_id.set(deletion.deletion_id),
        Session.deleted_at.set(stamp(now())),
        condition=Session.sk.does_not_exist(),
        otherwise=MovedError(),
    )


def _reopen(transaction: Transaction, receipt: Deletion) -> None:
    """Have a deletion that is done carried out once more; what it finds then is added to its numbers."""
    transaction.change(
        receipt,
        Deletion.status.set(JobStatus.PENDING),
        Deletion.due_at.set(milliseconds(now())),
        Deletion.due_shard.set(due.shard(receipt.deletion_id)),
        Deletion.finished_at.remove(),
        condition=still(receipt, "status", "finished_at"),
        otherwise=MovedError(),
    )
