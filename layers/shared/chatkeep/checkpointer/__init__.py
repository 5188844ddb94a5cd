"""A LangGraph checkpoint saver on DynamoDB; it stands on its own."""

from chatkeep.checkpointer.codec import strict_serializer
from chatkeep.checkpointer.saver import DynamoDBSaver
from chatkeep.checkpointer.staged_saver import StagedSaver
from chatkeep.checkpointer.staged_writes import StagedWrites

__all__ = ["DynamoDBSaver", "StagedSaver", "StagedWrites", "strict_serializer"]
