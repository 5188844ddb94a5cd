"""Forks: a child has the parent's objects, but none of its threads, and locks that nobody in it will ever release."""

import os
from typing import Any
from weakref import WeakSet

_renewable: WeakSet[Any] = WeakSet()


def renew_in_children(one: Any) -> None:
    """Call `one.renew()` in each process that is forked while the object lives, before anything else runs there."""
    _renewable.add(one)


def _renew() -> None:
    for one in list(_renewable):
        one.renew()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_renew)
