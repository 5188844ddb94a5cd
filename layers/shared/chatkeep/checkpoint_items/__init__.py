"""The items of CheckpointsTable below LangGraph, which importing it does not load: keys, requests, deletion."""

from chatkeep.checkpoint_items.deletion import delete_thread
from chatkeep.checkpoint_items.table import ATTRIBUTE_DEFINITIONS, KEY_SCHEMA, create_table

__all__ = ["ATTRIBUTE_DEFINITIONS", "KEY_SCHEMA", "create_table", "delete_thread"]
