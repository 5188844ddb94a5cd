"""The demonstration's folder: made when it is missing, old or half-made, kept otherwise, and never somebody else's."""

import os
from pathlib import Path

import pytest

from infra.local.demo import folder
from infra.local.folder import FolderError, locked

DAY = 24 * 60 * 60


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the folder is to be; it is filled with a number that grows."""
    made: list[Path] = []

    def fill(draft: Path) -> None:
        made.append(draft)
        (draft / "number").write_text(str(len(made)))

    monkeypatch.setattr(folder, "fill", fill)
    monkeypatch.setenv("CHATKEEP_DATA", str(tmp_path / "demo"))
    return tmp_path / "demo"


def number(place: Path) -> str:
    return (place / "number").read_text()


def test_a_folder_is_made_once_a_day(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert folder.ready() == place
    folder.ready()
    assert number(place) == "1"
    later = folder.time.time() + DAY
    monkeypatch.setattr(folder.time, "time", lambda: later)
    folder.ready()
    assert number(place) == "2"
    assert os.listdir(place.parent) == ["demo"]


def test_another_story_makes_it_anew(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.ready()
    monkeypatch.setattr(folder, "_story", lambda: "another")
    folder.ready()
    assert number(place) == "2"


def test_what_a_dead_run_has_left_is_cleared(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(draft: Path) -> None:
        (draft / "half").write_text("")
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(folder, "fill", die)
        with pytest.raises(KeyboardInterrupt):
            folder.ready()
    assert not place.exists()
    folder.ready()
    assert sorted(os.listdir(place)) == [folder.MARKER, folder.LOCK, "number"]


def test_a_folder_with_other_data_is_left_alone(place: Path) -> None:
    place.mkdir()
    (place / "dynamodb.sqlite").write_text("mine")
    with pytest.raises(FolderError, match="holds other data"):
        folder.ready()
    assert (place / "dynamodb.sqlite").read_text() == "mine"


def test_a_folder_that_is_served_is_not_replaced(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.ready()
    monkeypatch.setattr(folder, "_story", lambda: "another")
    with locked(place), pytest.raises(FolderError, match="used by another runner"):
        folder.ready()
    assert number(place) == "1"
