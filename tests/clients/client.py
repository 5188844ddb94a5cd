"""A conversation by the Python client that openapi-python-client makes of infra/openapi.json."""

import sys

from chatkeep_client import AuthenticatedClient
from chatkeep_client.api.messages import cancel_turn, send_message
from chatkeep_client.api.sessions import create_session, list_sessions
from chatkeep_client.api.stats import get_session_stats
from chatkeep_client.models.background_turn_view import BackgroundTurnView
from chatkeep_client.models.message_view_status import MessageViewStatus
from chatkeep_client.models.new_message import NewMessage
from chatkeep_client.models.new_session import NewSession
from chatkeep_client.models.problem import Problem
from chatkeep_client.models.problem_code import ProblemCode
from chatkeep_client.models.session_page import SessionPage
from chatkeep_client.models.session_stats import SessionStats
from chatkeep_client.models.session_view import SessionView
from chatkeep_client.models.turn_view import TurnView

client = AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2])

session = create_session.sync(client=client, body=NewSession(model_name="scripted:echo"))
assert isinstance(session, SessionView), "only the model's name has to be given"
assert session.created_at.tzinfo is not None

turn = send_message.sync(session.session_id, client=client, body=NewMessage(content="Hello"), idempotency_key="a-key")
assert isinstance(turn, TurnView)
assert turn.message.status is MessageViewStatus.COMPLETED
assert "Hello" in turn.message.content

page = list_sessions.sync(client=client, limit=1)
assert isinstance(page, SessionPage)
assert ([one.session_id for one in page.sessions], page.next_cursor) == ([session.session_id], None)

stats = get_session_stats.sync(session.session_id, client=client)
assert isinstance(stats, SessionStats)
assert stats.message_count == 2

made_again = NewMessage(regenerate=turn.message.message_id)
again = send_message.sync(session.session_id, client=client, body=made_again)
assert isinstance(again, TurnView)
assert len(again.message.siblings) == 2

refused = cancel_turn.sync_detailed(session.session_id, client=client)
assert isinstance(refused.parsed, Problem)
assert refused.parsed.code is ProblemCode.NO_TURN_RUNNING
assert refused.headers["x-amzn-RequestId"]

later = send_message.sync(session.session_id, client=client, body=NewMessage(content="Hello later", background=True))
assert isinstance(later, BackgroundTurnView), "a turn in the background is told of before it is run"
