"""A LangGraph checkpoint saver on DynamoDB; it stands on its own."""

from chatkeep.checkpointer.codec import strict_serializer
from chatkeep.checkpointer.saver import DynamoDBSaver
from chatkeep.checkpointer.staged_writes import StagedWrites
from chatkeep.checkpointer.staging import StagedSaver

__all__ = ["DynamoDBSaver", "StagedSaver", "StagedWrites", "strict_serializer"]
