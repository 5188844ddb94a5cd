"""A user's choices for new sessions."""

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from chatkeep.models.keys import Key
from chatkeep.models.table import IN_USER, SessionsTable


class Preferences(SessionsTable):
    """An attribute that is absent was never chosen: the deployment's default stands.

    `default_expire_after_days` is 0 where the user chose that sessions never expire.
    """

    KEY = Key(IN_USER, "PREFERENCES")

    default_model = UnicodeAttribute(null=True)
    default_temperature = NumberAttribute(null=True)
    default_max_tokens = NumberAttribute(null=True)
    enable_auto_summarization = BooleanAttribute(null=True)
    custom_system_prompt = UnicodeAttribute(null=True)
    default_expire_after_days = NumberAttribute(null=True)
    generate_titles = BooleanAttribute(null=True)
