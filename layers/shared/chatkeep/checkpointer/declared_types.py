"""The types that a graph's schema declares: LangGraph names them to the graph's saver, which then rebuilds them.

LangGraph does so where LANGGRAPH_STRICT_MSGPACK is set when it is imported; with this module it always does, in the
whole process. A saver that rebuilds any type, as LangGraph's own do by default, takes no notice; one with an allow-list
of its own rebuilds the declared types too.
"""

from collections.abc import Collection
from functools import lru_cache
from typing import Any

from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

_MOST_TYPES = 1_024


def ask_for_declared_types() -> None:
    """Have the types named of each graph that is compiled from now on.

    They are collected at each compilation, and a turn compiles its graph: what each type refers to is looked up once.
    """
    try:
        from langgraph._internal import _serde
    except ImportError:  # a version that has it elsewhere: then the variable decides
        return
    private: Any = _serde
    private.STRICT_MSGPACK_ENABLED = True
    if hasattr(private, "_safe_get_type_hints"):
        private._safe_get_type_hints = lru_cache(_MOST_TYPES)(private._safe_get_type_hints)


def with_types(serde: SerializerProtocol, types: Collection[tuple[str, ...]]) -> SerializerProtocol:
    """A serializer that rebuilds these types too, each by module and name; itself where it is not a strict one."""
    if type(serde) is EncryptedSerializer:
        inner = with_types(serde.serde, types)
        return serde if inner is serde.serde else EncryptedSerializer(serde.cipher, inner)
    return serde.with_msgpack_allowlist(types) if isinstance(serde, JsonPlusSerializer) else serde
