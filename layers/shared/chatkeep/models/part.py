"""A piece of a message that is too large for one item."""

from pynamodb.attributes import BinaryAttribute

from chatkeep.models.keys import Key
from chatkeep.models.table import IN_SESSION, SessionsTable


class Part(SessionsTable):
    KEY = Key(IN_SESSION, "PART#{message_id}#{number:04}")

    data = BinaryAttribute(legacy_encoding=False)
