"""One attempt at a turn, under the lease: run the graph, then store its outcome."""

import time
from dataclasses import dataclass, field, replace

from chatkeep.dynamodb.internals import put_of
from chatkeep.errors import ChatkeepError, ConcurrentWriteError, GraphFailedError, TurnRolledBackError
from chatkeep.idempotency import Claim
from chatkeep.messages.branches import Branches
from chatkeep.models.message import Message, Role
from chatkeep.models.session import Session
from chatkeep.models.titling import Titling
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.turns import answers, record, repetition, titles
from chatkeep.turns.answers import Answer
from chatkeep.turns.commit import (
    Closing,
    NoCheckpoint,
    RollBackRequestedError,
    TurnRecordedError,
    commit,
    no_more,
)
from chatkeep.turns.graph_run import GraphRun
from chatkeep.turns.model_calls import ModelCall
from chatkeep.turns.outcome import Addition, Completed, Failed, Kept, Outcome, RolledBack, TimedOut


@dataclass
class Attempt:
    """`fingerprint` is that of the request's claim, `failed` the record of the attempts before this one; `rolled_back`
    says whether this attempt was. `branches` are the session's before an answer is made again.

    `closing` gives the last writes of whoever follows the turn, which are stored with it or not at all. `client_id` is
    the client's id of the question.
    """

    run: GraphRun
    fingerprint: str | None
    failed: Turn | None = None
    closing: Closing = no_more
    client_id: str | None = None
    rolled_back: bool = False
    branches: Branches = field(default_factory=Branches)

    @property
    def session(self) -> Session:
        """The session as the lease was acquired with it."""
        return self.run.session

    def make(self) -> Answer:
        """Run the turn and store it.

        Raises the errors of `engine.send`. Then the lease is still held or has moved on, and `billing.settle` has to
        record the models' usage unless the turn is recorded."""
        if self.run.again:  # others may have branched since it was found
            self.branches = self.run.again.check(self.session)
        outcome = self.run.run()
        while True:
            try:
                return self._store(outcome)
            except RollBackRequestedError:
                outcome = RolledBack()
            except TurnRecordedError:
                self.look_again()

    def used(self) -> list[ModelCall]:
        """The calls so far, with their prices."""
        return [replace(one, cost=self.run.tools.price(one)) for one in self.run.recorder.so_far()]

    def record(self, status: TurnStatus, turn_id: str | None = None) -> Turn:
        """A record of this attempt and its usage so far, under the turn's own id or another."""
        turn_id = turn_id or str(self.session.lease_turn_id)
        turn = record.turn(self.session, turn_id, status, self.used(), self.run.started)
        turn.fingerprint = self.fingerprint
        return turn

    def _store(self, outcome: Outcome) -> Answer:
        match outcome:
            case Completed(addition):
                return self._store_messages(TurnStatus.COMPLETED, addition)
            case Kept(addition):
                return self._store_messages(TurnStatus.CANCELLED, addition)
            case TimedOut(addition):
                return self._store_messages(TurnStatus.TIMED_OUT, addition)
            case Failed(problem, _, Addition() as addition):
                return self._store_messages(TurnStatus.FAILED, addition, problem)
            case Failed(problem, cause):
                raise problem from cause
            case RolledBack():
                return self._roll_back()

    def _store_messages(self, status: TurnStatus, addition: Addition, problem: ChatkeepError | None = None) -> Answer:
        opening, asked = self.run.progress.opening, self.run.again.question if self.run.again else None
        turn = self.record(status)
        turn.error = problem and problem.as_problem()
        turn.started_from, turn.checkpoint_id = addition.staged.ends(self.session.session_id)
        messages = record.messages(self.session, turn, self.run.progress, addition.messages, asked)
        if not messages or messages[-1].role != Role.ASSISTANT:
            raise GraphFailedError("the graph of this deployment ended without an answer")
        record.summarised(self.session, self.run.progress, messages)
        question, answer = asked or (messages[len(opening) - 1] if opening else None), messages[-1]
        if question is not None:
            question.client_id = question.client_id or self.client_id
        turn.response_time_ms = round((time.monotonic() - self.run.began) * 1000)
        turn.messages = len(messages)
        turn.message_ids = [one.message_id for one in (question, answer) if one]
        answer.first_token_ms = self.run.first_token_ms()
        whole = repetition.of_attempts(self.failed, turn)
        record.complete(answer, whole, self.run.recorder.answering_model() or self.session.model_name)
        answer.context_tokens = self.run.context_tokens()
        answer.context_limit = self.run.tools.context_limit(self.session, str(answer.model_name))
        said = tuple(one for one in messages if one.role == Role.ASSISTANT)
        titling = titles.job_after(self.session, turn)
        size = self._commit(turn, messages, addition, titling)
        return Answer(whole, question, answer, said, checkpoint_bytes=size, last_attempt=turn, titling=titling)

    def _commit(self, turn: Turn, messages: list[Message], addition: Addition, titling: Titling | None) -> int:
        """Store the turn, and say how many bytes its checkpoint took."""
        staged, branches = addition.staged, self._branched(messages)
        more = [*self.closing(messages), *([put_of(titling)] if titling else [])]
        writes = staged.writes()
        try:
            commit(self.session, turn, messages, writes, self.failed, branches, more)
        except ConcurrentWriteError:  # another writer of the thread has taken the keys that this one claims
            writes = staged.writes(fresh=True)
            commit(self.session, turn, messages, writes, self.failed, branches, more)
        staged.committed(writes)
        return int(writes.size)

    def _branched(self, messages: list[Message]) -> Branches | None:
        """The session's branches with these messages, where they are another version: they get their siblings."""
        again = self.run.again
        if again is None:
            return None
        latest = str(self.session.last_message_id)
        made = self.branches.with_version(again.question.message_id, again.former, messages, latest)
        made.mark([again.question, *messages])
        return made

    def look_again(self, claim: Claim | None = None) -> None:
        """Go on from the attempts that have failed by now.

        Raises TurnRecordedError where the turn is stored, IdempotencyKeyReusedError where another one is.
        """
        found = answers.recorded(self.session, claim)
        if found is not None and not found.may_run_again:
            raise TurnRecordedError
        self.failed = found

    def _roll_back(self) -> Answer:
        self.rolled_back = True
        turn = self.record(TurnStatus.ROLLED_BACK)
        commit(self.session, turn, [], NoCheckpoint(), self.failed, more=self.closing([]))
        self.run.tools.meter(turn)
        raise TurnRolledBackError(turn.turn_id)
