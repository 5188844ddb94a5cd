"""The context limit of a session's model: by its options, else what the deployment, the lists and refusals say."""

from chatkeep.agent import catalogue
from chatkeep.agent.context import learned
from chatkeep.context_limits import OPTION
from chatkeep.models.session import Session


def context_limit(session: Session, model_name: str) -> int | None:
    """Tokens that the model which answers in the session reads at most; None where nobody has told. Never raises.

    The session's options are of its own model; a graph may have asked others.
    """
    own = (session.model_options or {}).get(OPTION) if model_name == session.model_name else None
    if isinstance(own, int):
        return own
    known = (catalogue.context_limit(model_name), learned.limit(model_name))
    return min((one for one in known if one is not None), default=None)
