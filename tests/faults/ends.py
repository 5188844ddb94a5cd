"""The ways in which a session ends for good, and what has to hold afterwards."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chatkeep import ids
from tests.client import Response
from tests.faults.removals import OWN, Life
from tests.faults.stored import TABLES, Stored


@dataclass(frozen=True)
class End:
    """A way in which a session ends: it has `settings`, its user does `begin`, and asks with `ask`, amid faults."""

    settings: dict[str, Any] = field(default_factory=dict)
    begin: Callable[[Life], Any] = lambda _: None
    ask: Callable[[Life], Response] | None = None
    erases: bool = False
    page_items: int = 30


ENDS: dict[str, End] = {
    "deleted for good": End(ask=lambda life: life.api.delete(f"/sessions/{OWN}?permanent=true"), page_items=9),
    "purged": End(begin=lambda life: life.api.delete(f"/sessions/{OWN}")),
    "expired": End(begin=lambda life: life.api.patch(f"/sessions/{OWN}", json={"expire_after_days": 3})),
    "temporary": End(settings={"is_temporary": True}),
    "erased": End(ask=lambda life: life.api.delete("/me", json={"confirm": life.user_id}), erases=True),
}


def begun(new_life: Callable[..., Life], end: End) -> Life:
    life = new_life(**end.settings)
    end.begin(life)
    return life


def there_was(life: Life, end: End) -> dict[str, int]:
    """The numbers of a receipt, counted in all that was stored."""
    gone = [life.session_id, ids.of_session(life.user_id, life.other_id)] if end.erases else [life.session_id]
    threads = [pk for table, pk, _ in life.before if table == TABLES[1] and pk in gone]
    contents = [sk for _, pk, sk in life.before if pk in {f"SESSION#{life.user_id}#{one}" for one in gone}]
    return {
        "checkpoint_items": len(threads),
        "messages": sum(sk.startswith("MESSAGE#") for sk in contents),
        "turns": sum(sk.startswith("TURN#") for sk in contents),
        "sessions": len(gone),
    }


def check_is_gone(life: Life, end: End) -> None:
    """Nothing is left but one receipt, which is complete."""
    stored, numbers = life.stored(), there_was(life, end)
    assert stored.waiting() == []
    assert len(stored.receipts()) == 1
    (receipt,) = life.api.get("/deletions").json["deletions"]
    assert (receipt["status"], {name: receipt["removed"][name] for name in numbers}) == ("done", numbers)
    if end.erases:
        assert life.left_of_user() == []
    else:
        assert life.left() == []
        stored.check_totals(life.user_id)
        check_the_rest_is_as_it_was(life, stored)


def check_the_rest_is_as_it_was(life: Life, stored: Stored) -> None:
    """The user's other session, and the days, which keep what was spent."""
    other = ids.of_session(life.user_id, life.other_id)
    kept = {key: item for key, item in life.before.items() if other in "".join(key) or key[2].startswith("DAY#")}
    assert len(kept) > 5
    assert {key: stored.get(key) for key in kept} == kept
