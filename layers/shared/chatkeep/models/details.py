"""The settings of a session that are too long for its header."""

from pynamodb.attributes import JSONAttribute, UnicodeAttribute

from chatkeep.models.keys import Id, Key
from chatkeep.models.table import IN_SESSION, SessionsTable


class Details(SessionsTable):
    """Read only where the header says so: there an attribute that lies here is None."""

    KEY = Key(IN_SESSION, "DETAILS")
    user_id, session_id = Id(), Id()

    model_name = UnicodeAttribute(null=True)
    title = UnicodeAttribute(null=True)
    custom_system_prompt = UnicodeAttribute(null=True)
    metadata = JSONAttribute(null=True)
    model_options = JSONAttribute(null=True)
    tags = JSONAttribute(null=True)
