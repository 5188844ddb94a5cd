"""The private parts of PynamoDB, and the low-level writes that it has no public way for; nothing else touches them."""

from collections.abc import Callable
from typing import Any, Self, TypeVar

from pynamodb.connection import Connection, TableConnection
from pynamodb.expressions.update import Action
from pynamodb.models import Model
from pynamodb.transactions import TransactGet, TransactWrite

Item = TypeVar("Item", bound=Model)


def attach(connection: Connection, table: type[Model], with_indexes_of: type[Model]) -> None:
    """Have all models of a table use `connection`, which also learns the indexes that one of them declares."""
    access = with_indexes_of._get_connection()
    connection.add_meta_table(access.get_meta_table())
    access.connection = connection
    table._connection = access


def access_of(model: type[Model]) -> TableConnection:
    """The model's table on its connection."""
    return model._get_connection()


def read(model: type[Item], item: Any) -> Item:
    """An item of a low-level answer as its model."""
    return model.from_raw_data(item)


def put_of(item: Model) -> dict[str, Any]:
    """The write of an item as TransactWriteItems has it."""
    return {"Put": item.get_save_kwargs_from_instance()}


class Examined(Model):
    """A model that examines every stored item before it reads it."""

    @classmethod
    def examine(cls, item: dict[str, dict[str, Any]]) -> None:
        """Raises an error where the low-level item is not to be read."""

    def read_more(self, item: dict[str, dict[str, Any]]) -> None:
        """Read of the low-level item what no attribute declares."""

    @classmethod
    def from_raw_data(cls, data: dict[str, Any]) -> Self:
        cls.examine(data)
        read = super().from_raw_data(data)
        read.read_more(data)
        return read

    def deserialize(self, attribute_values: dict[str, dict[str, Any]]) -> None:
        self.examine(attribute_values)
        super().deserialize(attribute_values)
        self.read_more(attribute_values)


class Writes(TransactWrite):
    """A transaction that takes low-level writes too, and whose request goes through `send`."""

    def add_write(self, kind: str, write: dict[str, Any]) -> None:
        {"Put": self._put_items, "Update": self._update_items}[kind].append(write)

    def replace_update(self, position: int, item: Model, actions: list[Action]) -> None:
        """Have the update at this position among the updates do these actions, without a condition."""
        self.update(item, actions)
        self._update_items[position] = self._update_items.pop()

    def begin_anew(self, client_request_token: str) -> None:
        """Be another transaction, which no earlier request was of."""
        self._client_request_token = client_request_token

    def send(self, request: Callable[[], Any]) -> Any:
        return request()

    def _commit(self) -> Any:
        return self.send(super()._commit)


class Reads(TransactGet):
    """A transaction of reads, whose request goes through `send`."""

    def send(self, request: Callable[[], Any]) -> Any:
        return request()

    def _commit(self) -> Any:
        return self.send(super()._commit)
