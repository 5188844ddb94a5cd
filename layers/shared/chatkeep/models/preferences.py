"""What a user wants new sessions to start with."""

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from chatkeep.models.table import SessionsTable, user_partition


class Preferences(SessionsTable):
    """An attribute that is absent was never chosen: the deployment's default stands."""

    default_model = UnicodeAttribute(null=True)
    default_temperature = NumberAttribute(null=True)
    default_max_tokens = NumberAttribute(null=True)
    enable_auto_summarization = BooleanAttribute(null=True)
    custom_system_prompt = UnicodeAttribute(null=True)

    @classmethod
    def key(cls, user_id: str) -> tuple[str, str]:
        return user_partition(user_id), "PREFERENCES"
