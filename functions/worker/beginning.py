"""The beginning of a background turn: the moment from which on it holds its session, and is no longer waiting."""

from contextlib import suppress

from chatkeep import sessions
from chatkeep.dynamodb.errors import STORAGE_ERRORS
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import NoTurnRunningError, SessionNotFoundError
from chatkeep.models.background import BackgroundTurn
from chatkeep.telemetry import logger
from chatkeep.turns import lease
from chatkeep.turns.events import Event
from chatkeep.turns.lease import CancelAction


class Beginning:
    """Listens to a turn for its beginning, and carries out a cancel that came just before.

    From then on a cancel finds the running turn by itself.
    """

    def __init__(self, job: BackgroundTurn) -> None:
        self._job = job
        self.happened = False

    def hear(self, _: Event) -> None:
        if not self.happened:
            self.happened = True
            try:
                self._look_for_a_cancel()
            except STORAGE_ERRORS:
                logger.warning("could not look for an early cancel; the turn goes on", exc_info=True)

    def _look_for_a_cancel(self) -> None:
        job = self._job
        present = BackgroundTurn.find(job.user_id, job.session_id, job.turn_id)
        if present is not None and present.is_cancelled:
            with suppress(NoTurnRunningError, SessionNotFoundError), Transaction() as transaction:
                lease.cancel(transaction, sessions.header(job.user_id, job.session_id), CancelAction.KEEP)
