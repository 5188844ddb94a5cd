"""Sort keys of a thread's items, and how names become safe in them.

    H!{namespace}!{checkpoint}                     header: makes the checkpoint visible
    H!{namespace}!{checkpoint}!{task}!{block}      pending writes of one task, 64 indexes per block
    H!{namespace}!{checkpoint}!"}!{token}          pending writes of many tasks
    R!{generation}!{position}                      a row: elements of a list from `position` on
    V!{namespace}!{channel}!{token}                a channel's value too large for a header
    X!{namespace}!{checkpoint}!{token}             a payload too large for the item of a header or a write
    G!{namespace}                                  the head, where writers have to agree on it

Rows belong to the thread: a subgraph's checkpoint and a pending write name those that its parent has written.

A payload over the item limit goes on in items with the suffix `!{part}`. The order of keys is the order of
checkpoint ids, and a header's key is a prefix of its writes', so a query from the end meets writes before their header.
"""

import re
import secrets
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from chatkeep.checkpoint_items import table

HEADER, ROW, VALUE, OVERSIZE, GUARD = "H", "R", "V", "X", "G"
SEPARATOR = "!"
_AFTER = '"'  # the character after the separator, which no key has in this place
_NAME_BYTES = 256
THREAD_BYTES = 1024
# Everything up to the escape character itself becomes a pair that keeps the order and never holds a separator.
_ESCAPES = {code: '"' + chr(code + 0x30) for code in range(0x23)}
_ESCAPED = re.compile('"(.)', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_HASHED, _TOGETHER = '"~', '"}'  # no escape


def text(value: Any, argument: str, most: int | None = None, *, least: int = 1) -> str:
    """A text of so many bytes, which a key can hold. Raises ValueError naming the argument."""
    if not isinstance(value, str) or _SURROGATE.search(value):
        raise ValueError(f"{argument} has to be a string that UTF-8 can hold, and is {value!r:.60}")
    length = len(value.encode())
    if length < least or (most and length > most):
        raise ValueError(f"{argument} has to have {least} to {most} bytes of UTF-8, and has {length}")
    return value


def texts(values: Any, argument: str, most: int = THREAD_BYTES) -> list[str]:
    """Several of them, all looked at before the first is used. Raises ValueError, and TypeError for one string."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise TypeError(f"{argument} has to be a collection of strings, and is {values!r}")
    return [text(value, f"each of {argument}", most) for value in values]


def primary(thread_id: str, sort_key: str) -> dict[str, Any]:
    """The primary key of an item, as DynamoDB takes it."""
    return {table.PARTITION: {"S": thread_id}, table.SORT: {"S": sort_key}}


def partition(thread_id: Any, argument: str = "thread_id") -> str:
    """The partition key of a thread. Raises ValueError for a thread id that DynamoDB cannot hold as a key."""
    return text(thread_id, argument, THREAD_BYTES)


def escape(text: str) -> str:
    """`text` without the separator; the order of two texts is the order of their escaped forms."""
    return text.translate(_ESCAPES)


def unescape(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(ord(match[1]) - 0x30), text)


def name(text: str) -> str:
    """A namespace, channel or task in a key: escaped, or a digest when that would take too much of the key."""
    escaped = escape(text)
    if len(escaped.encode()) <= _NAME_BYTES:
        return escaped
    return _HASHED + blake2b(text.encode(), digest_size=16).hexdigest()


def is_hashed(part: str) -> bool:
    return part.startswith(_HASHED)


def join(*parts: str) -> str:
    return SEPARATOR.join(parts)


def checkpoint(checkpoint_id: Any) -> str:
    """A checkpoint's id, which a key holds escaped. Raises ValueError."""
    _ordered(text(checkpoint_id, "checkpoint_id"))
    return str(checkpoint_id)


def _ordered(checkpoint_id: str) -> str:
    escaped = escape(checkpoint_id)
    if not 0 < len(escaped.encode()) <= _NAME_BYTES:
        raise ValueError(f"a checkpoint_id has 1 to {_NAME_BYTES} bytes of UTF-8 when it is escaped")
    return escaped


def header(namespace: str, checkpoint_id: str) -> str:
    return join(HEADER, name(namespace), _ordered(checkpoint_id))


def headers(namespace: str | None) -> tuple[str, str]:
    """Bounds around all headers and writes of a namespace, or of the thread."""
    key = HEADER if namespace is None else join(HEADER, name(namespace))
    return join(key, ""), after(key)


def older(place: str, checkpoint_id: str) -> tuple[str, str]:
    """Bounds around the headers and writes of checkpoints before this one; `place` is a namespace as a key has it."""
    return join(HEADER, place, ""), join(HEADER, place, escape(checkpoint_id))


def writes(namespace: str, checkpoint_id: str, task_id: str, block: int) -> str:
    return join(header(namespace, checkpoint_id), name(task_id), f"{block:x}")


def bundle(namespace: str, checkpoint_id: str, token: str) -> str:
    return join(header(namespace, checkpoint_id), _TOGETHER, token)


def is_bundle(sort_key: str) -> bool:
    """Of the key of writes: whether they are those of many tasks."""
    return sort_key.split(SEPARATOR)[3] == _TOGETHER


def row(generation: str, position: int) -> str:
    return join(ROW, generation, f"{position:08d}")


def row_position(sort_key: str) -> int:
    """Of the key of a row's item: the position of the row's first element."""
    return int(sort_key.split(SEPARATOR)[2])


def values(namespace: str, channel: str) -> str:
    """The beginning of the keys of a channel's values; a token follows."""
    return join(VALUE, name(namespace), name(channel))


def oversize(namespace: str, checkpoint_id: str) -> str:
    """The beginning of the keys of a header's and its writes' oversize payload; a token follows."""
    return join(OVERSIZE, name(namespace), _ordered(checkpoint_id))


def guard(namespace: str) -> str:
    return join(GUARD, name(namespace))


def new_token() -> str:
    """A token that no other write to the thread has."""
    return secrets.token_urlsafe(8)


def parts(key: str, count: int) -> list[str]:
    """The keys of a payload's items: the key itself and, for a long payload, its continuations."""
    return [key, *(join(key, f"{part:04d}") for part in range(1, count))]


def after(key: str) -> str:
    """A bound that sorts after `key` and all keys that go on from it."""
    return key + _AFTER


def belongs_to(sort_key: str) -> tuple[str, str, bool]:
    """Of the key of a header or of writes: the namespace's name, the checkpoint id, and whether it is the header."""
    _, namespace, checkpoint_id, *rest = sort_key.split(SEPARATOR)
    return namespace, unescape(checkpoint_id), not rest
