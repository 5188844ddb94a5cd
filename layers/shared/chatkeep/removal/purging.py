"""Removing a session's contents, wherever they lie, at a bounded rate: only its tombstone is left, which goes last.

Every step reads keys alone and deletes what it has found, so that it may be repeated from the beginning. Nothing can be
stored meanwhile: see `chatkeep.removal.tombstones`.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chatkeep import jobs
from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import pages
from chatkeep.dynamodb.connection import shared
from chatkeep.dynamodb.transaction import as_read, update_if
from chatkeep.kinds import Table, kind_of
from chatkeep.models.deletion import Removal
from chatkeep.models.details import Details
from chatkeep.models.idempotency import Answer
from chatkeep.removal.pace import Pace, check_time
from chatkeep.settings import settings

Item = dict[str, Any]


class Purge:
    """Removes the contents of sessions on behalf of one job, and counts them there."""

    def __init__(self, job: Removal, checkpoints_table: str, pace: Pace) -> None:
        self._job = job
        self._pace = pace
        self._tables = {Table.CHECKPOINTS: checkpoints_table, Table.SESSIONS: settings().sessions_table}

    def remove_contents(self, user_id: str, session_id: str) -> None:
        """Remove a session's thread and contents. Raises OutOfTimeError, ClaimLostError, StorageUnavailableError."""
        self._remove_partition(Table.CHECKPOINTS, keys.partition(session_id))
        self._remove_partition(Table.SESSIONS, Details.KEY.partition.of(user_id=user_id, session_id=session_id))

    def remove_answers(self, user_id: str, session_id: str) -> None:
        """Remove what answers that are kept for repetitions tell of a session."""
        partition, prefix = Answer.KEY.partition.of(user_id=user_id), Answer.KEY.sort.prefix
        values = {":pk": {"S": partition}, ":prefix": {"S": prefix}, ":session": {"S": session_id}}
        within = "pk = :pk AND begins_with(sk, :prefix)"
        for page in self._keys(Table.SESSIONS, within, values, FilterExpression="session_id = :session"):
            self._pace.delete(self._tables[Table.SESSIONS], page)

    def remove_rest(self, user_id: str, but: tuple[str, str]) -> None:
        """Remove all that a user without sessions has left, except the item with the keys `but`."""
        kept = {"pk": {"S": but[0]}, "sk": {"S": but[1]}}
        for page in self._keys(Table.SESSIONS, "pk = :pk", {":pk": kept["pk"]}):
            self._pace.delete(self._tables[Table.SESSIONS], [item for item in page if item != kept])

    def _remove_partition(self, table: Table, partition: str) -> None:
        for page in self._keys(table, "pk = :pk", {":pk": {"S": partition}}):
            self._count(table, page)
            self._pace.delete(self._tables[table], page)

    def _keys(self, table: Table, within: str, values: Item, **more: Any) -> Iterator[list[Item]]:
        request = {
            "TableName": self._tables[table],
            "KeyConditionExpression": within,
            "ExpressionAttributeValues": values,
            "ProjectionExpression": "pk, sk",
            "ConsistentRead": True,
            **more,
        }
        for page in pages(shared().client.query, request):
            check_time()
            yield page

    def _count(self, table: Table, page: list[Item]) -> None:
        """Add the items of a page to the job's numbers, except those that an attempt before has added."""
        if not page:
            return
        job, cls = self._job, type(self._job)
        place = f"{table}:{page[0]['pk']['S']}"
        counted_to = job.counted_to if job.counted_in == place else None
        fresh = [item for item in page if counted_to is None or item["sk"]["S"] > counted_to]
        if fresh:
            numbers = Counter(name for item in fresh if (name := kind_of(table, item).removed_as))
            additions = [getattr(cls, name).add(count) for name, count in numbers.items()]
            self._move(place, fresh[-1]["sk"]["S"], additions)

    def _move(self, place: str, counted_to: str, additions: list[Action]) -> None:
        """Add to the numbers and note up to where, once, although botocore repeats an update whose answer was lost.

        Raises ClaimLostError.
        """
        job, cls = self._job, type(self._job)
        claim, moves = job.due_at, [cls.counted_in.set(place), cls.counted_to.set(counted_to)]
        unmoved: Condition = (
            jobs.claimed(job) & as_read(cls.counted_in, job.counted_in) & as_read(cls.counted_to, job.counted_to)
        )
        if update_if(job, [*moves, *additions], unmoved):
            return
        try:
            job.refresh(consistent_read=True)
        except cls.DoesNotExist:
            raise jobs.ClaimLostError from None
        if (job.due_at, job.counted_in, job.counted_to) != (claim, place, counted_to):
            raise jobs.ClaimLostError
