"""From what was read to what LangGraph wants to have."""

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint, CheckpointTuple, PendingWrite

from chatkeep.checkpoint_items import keys
from chatkeep.checkpointer.codec import Codec
from chatkeep.checkpointer.contents import Loaded
from chatkeep.checkpointer.manifest import Header
from chatkeep.checkpointer.snapshot import load
from chatkeep.checkpointer.writes import Write


def config_of(thread_id: str, namespace: str, checkpoint_id: str) -> RunnableConfig:
    return {
        "configurable": {"thread_id": thread_id, "checkpoint_ns": namespace, "checkpoint_id": checkpoint_id},
    }


def address(config: RunnableConfig) -> tuple[str, str, str | None]:
    """Thread, namespace and checkpoint that a config names. Raises ValueError for a thread id that cannot be a key."""
    configurable = config.get("configurable", {})
    if "thread_id" not in configurable:
        raise ValueError("the config needs a thread_id")
    thread_id = keys.partition(configurable["thread_id"])
    return thread_id, configurable.get("checkpoint_ns", ""), configurable.get("checkpoint_id")


def decode(codec: Codec, header: Header) -> tuple[dict[str, Any], dict[str, Any]]:
    """The checkpoint without its values, and its metadata."""
    rest, metadata = codec.load(header.frame)
    return {**rest, "id": header.checkpoint_id}, metadata


def pending(codec: Codec, write: Write) -> PendingWrite:
    return write.position.task_id, write.position.channel, load(codec, write.value)


def checkpoint_tuple(codec: Codec, thread_id: str, loaded: Loaded) -> CheckpointTuple:
    header = loaded.header
    rest, metadata = decode(codec, header)
    values = {channel: load(codec, value) for channel, value in loaded.values.items()}
    parent = header.parent_id if not header.pruned else None
    return CheckpointTuple(
        config=config_of(thread_id, header.namespace, header.checkpoint_id),
        checkpoint=Checkpoint(**{**rest, "channel_values": values}),  # type: ignore[typeddict-item]
        metadata=metadata,  # type: ignore[arg-type]
        parent_config=config_of(thread_id, header.namespace, parent) if parent else None,
        pending_writes=[pending(codec, write) for write in loaded.writes],
    )
