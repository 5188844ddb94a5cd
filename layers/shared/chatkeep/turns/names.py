"""The ids under which a run's messages are stored: known from a message's first word on, and in the thread's order."""

from collections.abc import Iterable

from chatkeep import ids


class Names:
    """The stored ids of messages by their ids in the thread; those of the turn's opening are the same in both.

    All others come after `latest`, the transcript's last id before the turn.
    """

    def __init__(self, opening: Iterable[str], latest: str | None = None) -> None:
        self._names = {one: one for one in opening}
        self._before = self._last = max([*self._names.values(), latest or ""])

    def heard(self, thread_id: str) -> str:
        """The stored id of a message of which a piece has been heard."""
        if thread_id not in self._names:
            self._names[thread_id] = self._last = ids.after(self._last)
        return self._names[thread_id]

    def finished(self, thread_ids: Iterable[str]) -> None:
        """Name the messages of a finished step that have no name yet, each in its place among the others."""
        in_order = list(thread_ids)
        before = self._before
        for one, following in zip(in_order, self._following(in_order), strict=True):
            if one not in self._names:
                self._names[one] = ids.between(before, following) if before < following else ids.after(self._last)
                self._last = max(self._last, self._names[one])
            before = max(before, self._names[one])

    def _following(self, in_order: list[str]) -> list[str]:
        """For each message the name of the first one, from it on, that has one; "" where none has."""
        found: list[str] = []
        following = ""
        for one in reversed(in_order):
            following = self._names.get(one, following)
            found.append(following)
        return found[::-1]

    def of(self, thread_id: str | None) -> str | None:
        """The stored id of a message, if it has got one."""
        return self._names.get(thread_id) if thread_id else None
