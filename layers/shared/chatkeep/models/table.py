"""The sessions table: how all of its models are made, found and listed by their ids, and the format of their items."""

from collections.abc import Iterator
from typing import Any, ClassVar, Self

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chatkeep.dynamodb.internals import Examined
from chatkeep.errors import LaterFormatError
from chatkeep.models.keys import LAST, Key
from chatkeep.settings import settings

IN_USER = "USER#{user_id}"
"""The partition of the items that belong to a user as a whole, and of the headers of the user's sessions."""
IN_SESSION = "SESSION#{user_id}#{session_id}"
"""The partition of one session's contents. No other owner can form it: a session id has a fixed length."""


class SessionsTable(Examined):
    """A kind of item, with the ids of its `KEY` as its first arguments: `Turn(user_id, session_id, turn_id, ...)`.

    `FORMAT` grows when a stored item needs another reader. Each item says in which format it was first written; to read
    a later one raises LaterFormatError.
    """

    class Meta:
        table_name = settings().sessions_table

    KEY: ClassVar[Key]
    FORMAT: ClassVar[int] = 1

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    stored_format = NumberAttribute(attr_name="v", null=True)

    def __init__(self, *ids: Any, _user_instantiated: bool = True, **attributes: Any) -> None:
        if ids:
            attributes["pk"], attributes["sk"] = self.KEY.of(*ids)
            attributes["stored_format"] = self.FORMAT
        super().__init__(_user_instantiated=_user_instantiated, **attributes)

    @classmethod
    def find(cls, *ids: Any) -> Self | None:
        """The item with these ids, read consistently; None where there is none."""
        try:
            return cls.get(*cls.KEY.of(*ids), consistent_read=True)
        except cls.DoesNotExist:
            return None

    @classmethod
    def among(
        cls,
        *ids: Any,
        first: str = "",
        last: str = LAST,
        newest_first: bool = False,
        limit: int | None = None,
        page: int | None = None,
    ) -> Iterator[Self]:
        """The items of this kind in the partition with these ids, read consistently.

        Their sort keys go on from the kind's prefix with `first` to `last`, both included. A request reads `page` of
        them, else `limit`, else 1 MB.
        """
        named = dict(zip(cls.KEY.partition.names, ids, strict=True))
        within: Condition = cls.sk.between(cls.KEY.sort.prefix + first, cls.KEY.sort.prefix + last)
        return iter(
            cls.query(
                cls.KEY.partition.of(**named),
                within,
                consistent_read=True,
                scan_index_forward=not newest_first,
                limit=limit,
                page_size=page,
            )
        )

    def update(
        self, actions: list[Action], condition: Condition | None = None, *, add_version_condition: bool = True
    ) -> Any:
        """Raises UpdateError where `condition` does not hold or the item is of a later format; nothing is written then.

        DynamoDB answers with the item after the update, when it is too late to refuse its format.
        """
        stored = type(self).stored_format
        readable: Condition = stored.does_not_exist() | (stored <= self.FORMAT)
        condition = readable if condition is None else condition & readable
        return super().update(self._formatted(actions), condition, add_version_condition=add_version_condition)

    def get_update_kwargs_from_instance(self, actions: list[Action], *arguments: Any, **options: Any) -> dict[str, Any]:
        return super().get_update_kwargs_from_instance(self._formatted(actions), *arguments, **options)

    @classmethod
    def examine(cls, item: dict[str, dict[str, Any]]) -> None:
        stored = int(item.get(cls.stored_format.attr_name, {}).get("N", 0))
        if stored > cls.FORMAT:
            raise LaterFormatError(
                f"a {cls.__name__} is stored in format {stored}; this version reads formats up to {cls.FORMAT}"
            )

    def _formatted(self, actions: list[Action]) -> list[Action]:
        """`actions`, and the format of an item that comes to be by them."""
        cls = type(self)
        return [*actions, cls.stored_format.set(cls.stored_format | self.FORMAT)]
