"""The text of keys: declared once per model, made from ids, and read back into them."""

import re
from string import Formatter
from typing import Any

LAST = "~"
"""Sorts after every id and every date."""
FREE = {"user_id", "position"}


class KeyText:
    """A key with its ids in braces, as in `TURN#{turn_id}`; of these only those in `FREE` may hold a `#`."""

    def __init__(self, text: str) -> None:
        parsed = [(literal, name) for literal, name, _, _ in Formatter().parse(text)]
        self._text = text
        self.names = tuple(name for _, name in parsed if name)
        self.prefix = parsed[0][0]
        groups = (re.escape(literal) + _group(name) for literal, name in parsed)
        self._pattern = re.compile("".join(groups), re.DOTALL)

    def of(self, **ids: Any) -> str:
        return self._text.format(**ids)

    def matches(self, key: str) -> bool:
        return self._pattern.fullmatch(key) is not None

    def read(self, key: str) -> dict[str, str]:
        """The ids in `key`. Raises ValueError where it is no key of this kind."""
        found = self._pattern.fullmatch(key)
        if found is None:
            raise ValueError(f"{key!r} is not of the form {self._text}")
        return found.groupdict()


class Key:
    """The two keys of a kind of item; it takes its ids in the order in which they come in the partition and the sort
    key."""

    def __init__(self, partition: str, sort: str) -> None:
        self.partition, self.sort = KeyText(partition), KeyText(sort)
        self.names = tuple(dict.fromkeys([*self.partition.names, *self.sort.names]))

    def of(self, *ids: Any) -> tuple[str, str]:
        """Raises ValueError for more or fewer ids than the keys hold."""
        named = dict(zip(self.names, ids, strict=True))
        return self.partition.of(**named), self.sort.of(**named)

    def matches(self, partition: str, sort: str) -> bool:
        return self.partition.matches(partition) and self.sort.matches(sort)

    def read(self, partition: str, sort: str) -> dict[str, str]:
        """The ids in a pair of keys. Raises ValueError where they are of another kind."""
        return self.partition.read(partition) | self.sort.read(sort)


class Id:
    """An id that an item's keys hold."""

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name

    def __get__(self, item: Any, owner: type[Any]) -> str:
        ids: dict[str, str] = owner.KEY.read(item.pk, item.sk)
        return ids[self._name]


def _group(name: str | None) -> str:
    if not name:
        return ""
    return f"(?P<{name}>.*)" if name in FREE else f"(?P<{name}>[^#]*)"
