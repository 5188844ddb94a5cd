"""Examples: one conversation, and a problem of each kind; the tests hold them to their schemas."""

from typing import Any

from chatkeep.errors import (
    ChatkeepError,
    FieldProblem,
    GraphFailedError,
    InvalidFieldError,
    ModelRateLimitedError,
    ModelUnavailableError,
    SessionNotFoundError,
    TurnInProgressError,
)
from chatkeep.models.session import Session
from chatkeep.sessions.views import view

SESSION = "019aa3c4-7c1e-7a52-9d0e-2f6b8c1d4e5f"
TURN = "019aa3c5-0b7d-7f31-8e64-90ab12cd34ef"
QUESTION = "019aa3c5-0b7e-7c22-b1d5-3e4f5a6b7c8d"
ANSWER = "019aa3c5-0e90-7ad4-a7f3-6c5b4a392817"
DELETION = "019ab8a0-41d2-7b36-8f0c-5a6b7c8d9e0f"
TRACE = "6925c4a87d3f0e1b2c4d5e6f708192a3"
USER = "b4c8f4d8-9021-70c1-2f4e-5d6c7b8a9f01"
MODEL = "bedrock:global.anthropic.claude-haiku-4-5-20251001-v1:0"
CREATED_AT = "2026-11-20T09:15:00.000000Z"
ASKED_AT = "2026-11-20T09:15:36.125000Z"
ANSWERED_AT = "2026-11-20T09:15:37.500000Z"
DELETED_AT = "2026-11-24T17:40:02.000000Z"
REMOVED_AT = "2026-11-24T17:40:03.250000Z"
CONTENT = "In winter? Tromsø, for the northern lights."
USAGE = {"input_tokens": 46, "output_tokens": 14, "total_tokens": 60, "cost": 0.000116, "estimated": False}

PROBLEMS: list[ChatkeepError] = [
    GraphFailedError("the graph of this deployment failed; its operator finds the reason in the log"),
    InvalidFieldError(FieldProblem("temperature", "Input should be less than or equal to 2")),
    ModelRateLimitedError(MODEL),
    ModelUnavailableError(f"the model {MODEL!r} did not answer"),
    SessionNotFoundError(),
    TurnInProgressError(TURN),
]


def add(schemas: dict[str, Any]) -> None:
    """Give the bodies that have one their example."""
    for name, example in _examples().items():
        schemas[name]["examples"] = [example]


def _examples() -> dict[str, Any]:
    session, question, answer = _session(), _message(), _answer()
    used = {"message_count": 2, "tokens_used": 60, "cost": 0.000116}
    return {
        "NewSession": {"title": "Holidays", "model_name": MODEL, "metadata": {"team": "Nordics"}, "tags": ["travel"]},
        "SessionChanges": {"title": "Winter holidays", "is_pinned": True, "expire_after_days": 90},
        "SessionView": session,
        "SessionPage": {"sessions": [session], "next_cursor": None},
        "NewMessage": {"content": question["content"], "strategy": "enqueue"},
        "NewStreamedMessage": {"content": question["content"], "on_disconnect": "cancel"},
        "ModelView": _model(),
        "NewChat": {"id": "holidays", "messages": [_asked(parts=[{"type": "text", "text": question["content"]}])]},
        "NewRun": {"threadId": "holidays", "runId": "run-1", "messages": [_asked(content=question["content"])]},
        "TurnView": {
            "turn_id": TURN,
            "status": "completed",
            "user_message": question,
            "message": answer,
            "usage": USAGE,
            "response_time_ms": 1375,
            "error": None,
        },
        "MessageView": answer,
        "MessagePage": {"messages": [question, answer], "next_cursor": None},
        "NewFeedback": {"rating": "thumbs_up", "comment": "Just what I needed"},
        "NewUsage": used,
        "UsageRecordView": {"turn_id": TURN, **used},
        "NewPreferences": {"default_model": MODEL, "default_temperature": 0.2, "default_expire_after_days": 365},
        "BulkChange": {"session_ids": [SESSION, "trip-7"], "action": "tag", "tag": "travel"},
        "BulkView": {
            "results": [
                {"session_id": SESSION, "status": 200, "code": None},
                {"session_id": "trip-7", "status": 404, "code": SessionNotFoundError.code},
            ]
        },
        "Confirmation": {"confirm": USER},
        "DeletionView": _receipt(),
        "DeletionPage": {"deletions": [_receipt()], "next_cursor": None},
        "UserStats": _user_stats(),
    }


def _session() -> dict[str, Any]:
    session = Session(
        USER,
        SESSION,
        title="Holidays",
        model_name=MODEL,
        temperature=0.7,
        max_tokens=4096,
        enable_summarization=True,
        metadata={"team": "Nordics"},
        tags=["travel"],
        is_archived=False,
        is_pinned=False,
        created_at=CREATED_AT,
        updated_at=ANSWERED_AT,
        last_message_at=ANSWERED_AT,
        message_count=2,
        total_tokens=60,
        total_cost=116,
    )
    return view(session).model_dump(mode="json")


def _message() -> dict[str, Any]:
    content = "My name is Ada. Where should I travel?"
    return {
        "message_id": QUESTION,
        "parent_id": None,
        "siblings": [QUESTION],
        "turn_id": TURN,
        "role": "user",
        "content": content,
        "truncated": False,
        "content_characters": len(content),
        "created_at": ASKED_AT,
        "status": "completed",
        "tool_calls": None,
        "tool_call_id": None,
        "tool_status": None,
        "parts": None,
        "model_name": None,
        "usage": None,
        "finish_reason": None,
        "response_time_ms": None,
        "time_to_first_token_ms": None,
        "context_tokens": None,
        "context_limit": None,
        "feedback": None,
        "trace_id": None,
    }


def _asked(**content: Any) -> dict[str, Any]:
    """The question as a front end has it."""
    return {"id": "kaZ09bQ2", "role": "user", **content}


def _answer() -> dict[str, Any]:
    return _message() | {
        "message_id": ANSWER,
        "parent_id": QUESTION,
        "siblings": [ANSWER],
        "role": "assistant",
        "content": CONTENT,
        "content_characters": len(CONTENT),
        "created_at": ANSWERED_AT,
        "model_name": MODEL,
        "usage": USAGE,
        "finish_reason": "stop",
        "response_time_ms": 1375,
        "time_to_first_token_ms": 410,
        "context_tokens": 60,
        "context_limit": 200_000,
        "trace_id": TRACE,
    }


def _model() -> dict[str, Any]:
    prices = {"input_price": 1.0, "output_price": 5.0}
    return {
        "model_name": MODEL,
        "provider": "bedrock",
        "context_tokens": 200_000,
        **prices,
        "vision": True,
        "tools": True,
    }


def _receipt() -> dict[str, Any]:
    return {
        "deletion_id": DELETION,
        "kind": "session",
        "session_id": SESSION,
        "status": "done",
        "requested_at": DELETED_AT,
        "finished_at": REMOVED_AT,
        "removed": {
            "checkpoint_items": 3,
            "messages": 2,
            "turns": 1,
            "events": 0,
            "attachments": 0,
            "sessions": 1,
        },
    }


def _user_stats() -> dict[str, Any]:
    return {
        "user_id": USER,
        "total_sessions": 1,
        "active_sessions": 1,
        "archived_sessions": 0,
        "deleted_sessions": 0,
        "total_messages": 2,
        "total_tokens": 60,
        "total_cost": 0.000116,
        "feedback_count": 3,
        "thumbs_up": 2,
        "thumbs_down": 1,
        "satisfaction_rate": 66.67,
    }
