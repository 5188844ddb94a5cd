"""How far a scan of the tables has got that goes on from run to run."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chatkeep.models.keys import Id, Key
from chatkeep.models.table import SessionsTable


class Scan(SessionsTable):
    """The position in a pass through both tables, and the pass's numbers so far; between two passes there is none.

    `table` is the one that is read next, after the item with the keys `after_pk` and `after_sk`, which need not exist
    any more; without them, from its beginning.
    """

    KEY = Key("SCAN#{name}", "POSITION")
    name = Id()

    began_at = UnicodeAttribute(null=True)
    table = UnicodeAttribute(null=True)
    after_pk = UnicodeAttribute(null=True)
    after_sk = UnicodeAttribute(null=True)
    examined = NumberAttribute(default=0)
    found = NumberAttribute(default=0)
    repaired = NumberAttribute(default=0)
