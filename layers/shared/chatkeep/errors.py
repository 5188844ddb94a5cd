"""The errors a caller of Chatkeep can meet.

ChatkeepError
    InvalidFieldError
        IdempotencyKeyReusedError
        ModelNotSupportedError
        ModelNotFoundError
        ModelRefusedRequestError
        ContextLengthExceededError
        TurnTooLargeError
    UnauthorizedError
    AccessDeniedError
    NotFoundError
        SessionNotFoundError
        MessageNotFoundError
        TurnNotFoundError
        DeletionNotFoundError
    ConflictError
        SessionDeletedError
        SessionNotDeletedError
        UserBeingErasedError
        TooManyTagsError
        SessionArchivedError
        SessionChangedError
        NotReachedError
        TurnInProgressError
        NoTurnRunningError
        NothingToSummarizeError
        TurnRolledBackError
        TurnCancelledError
        LeaseLostError
        ConcurrentWriteError
        CheckpointGoneError
        MessageNotActiveError
        TooManyVersionsError
    TooManyTurnsError
    ModelRateLimitedError
    UnavailableError
        ModelUnavailableError
        ModelAccountError
            ModelAccessDeniedError
            ModelNotEnabledError
            ModelQuotaExceededError
        StorageUnavailableError
        LaterFormatError
        TurnTimedOutError
        TurnLostError
    GraphFailedError
    BrokenThreadError
"""

from dataclasses import dataclass
from typing import Any, ClassVar

BROKE = "the function failed"
"""Told of an error that is nobody's but ours, whose own words are for the log."""
NOT_STORED = "the storage did not answer; nothing is known to have been stored"


@dataclass(frozen=True)
class FieldProblem:
    """One thing wrong with one field; `field` is its dotted path in the body, or the name of a parameter."""

    field: str
    detail: str


class ChatkeepError(Exception):
    """An outcome that the HTTP contract names: `status` and the stable `code` are part of it."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal error"
    retry_after_seconds: int | None = None

    def __init__(self, detail: str, *, retry_after_seconds: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if retry_after_seconds is not None:
            self.retry_after_seconds = retry_after_seconds

    def members(self) -> dict[str, Any]:
        """Members of the problem beyond the standard ones."""
        return {}

    def as_problem(self) -> dict[str, Any]:
        """The error as an RFC 9457 problem."""
        standard = {"title": self.title, "status": self.status, "detail": self.detail, "code": self.code}
        return {"type": f"urn:chatkeep:problem:{self.code}", **standard, **self.members()}


class InvalidFieldError(ChatkeepError):
    """The request breaks a rule; every field that does is named."""

    status = 422
    code = "invalid_field"
    title = "A field is not valid"

    def __init__(self, *problems: FieldProblem) -> None:
        super().__init__("; ".join(f"{problem.field}: {problem.detail}" for problem in problems))
        self.problems = problems

    def members(self) -> dict[str, Any]:
        return {"errors": [{"field": one.field, "detail": one.detail} for one in self.problems]}


class IdempotencyKeyReusedError(InvalidFieldError):
    """The key, or the id that a client has given its message, was already used with another body."""

    code = "idempotency_key_reused"
    title = "The idempotency key was used for another request"

    def __init__(self, field: str) -> None:
        super().__init__(FieldProblem(field, "was used before with another body"))


class ModelNotSupportedError(InvalidFieldError):
    """The name belongs to no provider that this deployment can call, or to a model that it does not allow."""

    code = "model_not_supported"
    title = "The model cannot be called here"

    def __init__(self, detail: str, field: str = "model_name") -> None:
        super().__init__(FieldProblem(field, detail))


class ModelNotFoundError(InvalidFieldError):
    """The provider does not know the session's model, or no longer offers it."""

    code = "model_not_found"
    title = "There is no such model"

    def __init__(self, model_name: str) -> None:
        super().__init__(FieldProblem("model_name", f"the provider has no model {model_name!r}"))


class ModelRefusedRequestError(InvalidFieldError):
    """The provider refused the request for a `reason` that a retry does not change; it may name a `parameter`."""

    code = "model_refused_request"
    title = "The model refused the request"

    FIELDS: ClassVar[dict[str, str]] = {
        "max_completion_tokens": "max_tokens",
        "max_tokens": "max_tokens",
        "model": "model_name",
        "temperature": "temperature",
    }

    def __init__(self, model_name: str, reason: str, parameter: str | None) -> None:
        named = (parameter or "messages").partition("[")[0].partition(".")[0]
        field = "content" if named in ("messages", "input") else self.FIELDS.get(named, "model_options")
        about = f" ({parameter})" if parameter and field == "model_options" else ""
        super().__init__(FieldProblem(field, f"the model {model_name!r} refused the request{about}: {reason}"))


class ContextLengthExceededError(InvalidFieldError):
    """The conversation, or it and the answer asked for, no longer fits into the model's context."""

    code = "context_length_exceeded"
    title = "The conversation is too long for the model"

    def __init__(self, model_name: str) -> None:
        super().__init__(FieldProblem("content", f"with it the conversation is too long for the model {model_name!r}"))


class TurnTooLargeError(InvalidFieldError):
    """The turn's results exceed one transaction of the storage, and would again on a retry. Its usage is recorded."""

    code = "turn_too_large"
    title = "The turn cannot be stored"

    def __init__(self, reason: str) -> None:
        super().__init__(FieldProblem("content", f"what came of it cannot be stored: {reason}"))


class UnauthorizedError(ChatkeepError):
    """The token is from the user pool but names nobody who can be a user here."""

    status = 401
    code = "unauthorized"
    title = "Unauthorized"


class AccessDeniedError(ChatkeepError):
    """The caller is known and may not do this."""

    status = 403
    code = "access_denied"
    title = "Access denied"


class NotFoundError(ChatkeepError):
    """The thing is unknown to this user. Somebody else's answers the same."""

    status = 404
    code = "not_found"
    title = "Not found"


class SessionNotFoundError(NotFoundError):
    code = "session_not_found"
    title = "No such session"

    def __init__(self) -> None:
        super().__init__("there is no such session")


class MessageNotFoundError(NotFoundError):
    code = "message_not_found"
    title = "No such message"

    def __init__(self, message_id: str) -> None:
        super().__init__(f"there is no message {message_id} in this session")


class TurnNotFoundError(NotFoundError):
    code = "turn_not_found"
    title = "There is no such turn"

    def __init__(self) -> None:
        super().__init__("no turn of this session has this id")


class DeletionNotFoundError(NotFoundError):
    code = "deletion_not_found"
    title = "The deletion was not found"

    def __init__(self, deletion_id: str) -> None:
        super().__init__(f"there is no deletion {deletion_id}")


class ConflictError(ChatkeepError):
    """The request is well formed but conflicts with the current state."""

    status = 409
    code = "conflict"
    title = "Conflict"


class SessionDeletedError(ConflictError):
    code = "session_deleted"
    title = "The session is deleted"

    def __init__(self) -> None:
        super().__init__("the session is deleted")


class SessionNotDeletedError(ConflictError):
    code = "session_not_deleted"
    title = "The session is not deleted"

    def __init__(self) -> None:
        super().__init__("the session is not deleted: there is nothing to restore")


class UserBeingErasedError(ConflictError):
    """Nothing new is made for a user until all of the old is removed."""

    code = "user_being_erased"
    title = "The user is being erased"

    def __init__(self) -> None:
        super().__init__("all of this user's data is being removed; what is new can be made when that is done")


class TooManyTagsError(ConflictError):
    code = "too_many_tags"
    title = "The session has too many tags"

    def __init__(self, most: int) -> None:
        super().__init__(f"the session has {most} tags already, and may have no more")


class SessionArchivedError(ConflictError):
    code = "session_archived"
    title = "The session is archived"

    def __init__(self) -> None:
        super().__init__("the session is archived; unarchive it first")


class SessionChangedError(ConflictError):
    """Other writers changed the session each time this one tried."""

    code = "session_changed"
    title = "The session changed meanwhile"
    retry_after_seconds = 1

    def __init__(self) -> None:
        super().__init__("the session kept changing while this request tried to change it")


class NotReachedError(ConflictError):
    """One request was to change many sessions, and had no time left for this one."""

    code = "not_reached"
    title = "There was no time for the session"
    retry_after_seconds = 1

    def __init__(self) -> None:
        super().__init__("nothing of the session is changed; name it in another request")


class TurnInProgressError(ConflictError):
    """Another turn holds the session's lease; `turn_id` is that turn."""

    code = "turn_in_progress"
    title = "A turn is running"

    def __init__(self, turn_id: str, retry_after_seconds: int = 1) -> None:
        super().__init__(f"turn {turn_id} is running on this session", retry_after_seconds=retry_after_seconds)
        self.turn_id = turn_id

    def members(self) -> dict[str, Any]:
        return {"turn_id": self.turn_id}


class NoTurnRunningError(ConflictError):
    """There is nothing to cancel."""

    code = "no_turn_running"
    title = "No turn is running"

    def __init__(self) -> None:
        super().__init__("no turn is running on this session")


class NothingToSummarizeError(ConflictError):
    """The model's context holds nothing that a summary could stand for, or none shorter than itself."""

    code = "nothing_to_summarize"
    title = "There is nothing to summarize"

    def __init__(self, reason: str = "all messages have a summary already, or there are none") -> None:
        super().__init__(reason)


class TurnRolledBackError(ConflictError):
    """Another sender had this turn cancelled and its effects removed."""

    code = "turn_rolled_back"
    title = "The turn was rolled back"

    def __init__(self, turn_id: str) -> None:
        super().__init__(f"turn {turn_id} was rolled back by another request")


class TurnCancelledError(ConflictError):
    """The turn was cancelled before it had begun; nothing of it is stored but that."""

    code = "turn_cancelled"
    title = "The turn was cancelled"

    def __init__(self, turn_id: str) -> None:
        super().__init__(f"turn {turn_id} was cancelled before it had begun")


class LeaseLostError(ConflictError):
    """The turn outlived its lease and another writer took over; nothing of it but its usage was stored."""

    code = "lease_lost"
    title = "The turn lost its lease"


class ConcurrentWriteError(ConflictError):
    """A checkpoint's parent is no longer the head of its thread."""

    code = "concurrent_write"
    title = "The thread changed meanwhile"


class CheckpointGoneError(ConflictError):
    """A run cannot go on from the checkpoint that it names: it was pruned, or nobody has noted which one it was."""

    code = "checkpoint_gone"
    title = "The state before the answer is gone"


class MessageNotActiveError(ConflictError):
    """The message lies on a branch of the conversation that is not the active one."""

    code = "message_not_active"
    title = "The message is not on the active branch"

    def __init__(self, message_id: str) -> None:
        super().__init__(f"message {message_id} is not on the session's active branch")


class TooManyVersionsError(ConflictError):
    """A session keeps a bounded number of versions, so that reading it stays cheap."""

    code = "too_many_versions"
    title = "There are too many versions"


class TooManyTurnsError(ChatkeepError):
    """The user already has as many turns running or waiting as this deployment admits at once."""

    status = 429
    code = "too_many_turns"
    title = "Too many turns at once"
    retry_after_seconds = 2

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} of your turns are running or waiting, which is as many as may; wait for one to end")


class ModelRateLimitedError(ChatkeepError):
    """The provider takes no more requests from this deployment for some seconds."""

    status = 429
    code = "model_rate_limited"
    title = "The model's provider takes no more requests now"
    retry_after_seconds = 5

    def __init__(self, model_name: str, retry_after_seconds: int | None = None) -> None:
        detail = f"the provider of {model_name!r} takes no more requests now"
        super().__init__(detail, retry_after_seconds=retry_after_seconds)


class UnavailableError(ChatkeepError):
    """Something this request needs does not answer now; a later retry may succeed."""

    status = 503
    code = "unavailable"
    title = "Unavailable"
    retry_after_seconds: int | None = 5


class ModelUnavailableError(UnavailableError):
    code = "model_unavailable"
    title = "The model did not answer"


class ModelAccountError(UnavailableError):
    """The provider refuses this deployment's account. A retry is no use: only the operator can change that."""

    code = "model_account"
    title = "The model's provider refuses this deployment"
    retry_after_seconds = None


class ModelAccessDeniedError(ModelAccountError):
    code = "model_access_denied"
    title = "The model may not be used here"

    def __init__(self, model_name: str) -> None:
        super().__init__(f"this deployment has no access to the model {model_name!r}; its operator has to see to it")


class ModelNotEnabledError(ModelAccountError):
    """The account has not yet subscribed to the model, or not told its maker the use case."""

    code = "model_not_enabled"
    title = "The model has yet to be enabled"

    def __init__(self, model_name: str) -> None:
        super().__init__(
            f"this deployment's account has not enabled the model {model_name!r}: its operator has to subscribe to it "
            "once, with a means of payment and the form that its maker may ask for, and to wait a quarter of an hour"
        )


class ModelQuotaExceededError(ModelAccountError):
    code = "model_quota_exceeded"
    title = "The quota of the model is used up"

    def __init__(self, model_name: str) -> None:
        super().__init__(f"this deployment's quota of {model_name!r} is used up; its operator has to see to it")


class StorageUnavailableError(UnavailableError):
    code = "storage_unavailable"
    title = "The storage did not answer"
    retry_after_seconds = 1


class LaterFormatError(UnavailableError):
    """A stored item has the format of a later version of Chatkeep, which this one does not read."""

    code = "later_format"
    title = "A later version's item"


class TurnTimedOutError(UnavailableError):
    code = "turn_timed_out"
    title = "The turn took too long"


class TurnLostError(UnavailableError):
    """The process that ran the turn died, and nothing of the turn is stored."""

    code = "turn_lost"
    title = "The turn was lost"

    def __init__(self) -> None:
        super().__init__("the process that ran this turn ended before the turn was stored; it may be sent again")


class GraphFailedError(ChatkeepError):
    """The deployment's graph or one of its tools raised an error that did not come from a model."""

    code = "graph_failed"
    title = "The graph failed"


class BrokenThreadError(ChatkeepError):
    """A thread's stored history cannot be read whole. It is never cut down to the readable part."""

    code = "broken_thread"
    title = "The thread's history is damaged"
