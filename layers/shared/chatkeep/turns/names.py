"""The ids under which a run's messages are stored: known from a message's first word on, and in the thread's order."""

from collections.abc import Iterable

from chatkeep import ids

ROOM = 50
"""Ids that are left free before that of a message whose words are heard, for those that come before it unheard."""


class Names:
    """The stored ids of messages by their ids in the thread; those of the turn's opening are the same in both.

    All others come after `latest`, the transcript's last id before the turn.
    """

    def __init__(self, opening: Iterable[str], latest: str | None = None) -> None:
        self._names = {one: one for one in opening}
        self._last = max([*self._names.values(), latest or ""])

    def heard(self, thread_id: str) -> str:
        """The stored id of a message of which a piece has been heard."""
        if thread_id not in self._names:
            self._names[thread_id] = self._last = ids.after(self._last, ROOM)
        return self._names[thread_id]

    def finished(self, thread_ids: Iterable[str]) -> None:
        """Name the messages of a finished step that have no name yet, each in its place among the others.

        One that comes before a message which was heard long ago, and for which there is no room, comes after it.
        """
        last = ""
        for one in thread_ids:
            if one not in self._names:
                self._names[one] = ids.after(last or self._last)
            last = self._names[one]
            self._last = max(self._last, last)

    def of(self, thread_id: str | None) -> str | None:
        """The stored id of a message, if it has got one."""
        return self._names.get(thread_id) if thread_id else None
