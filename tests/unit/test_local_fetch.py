"""The local runner unpacks a package's own files, executable where they were, and nothing elsewhere."""

import io
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.fetch import FetchError, unpack

PARTS = st.sampled_from(["..", ".", "a", "b", "", "/", "package"])
KINDS = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]


def archive(folder: Path, *members: tarfile.TarInfo, content: bytes = b"x") -> Path:
    path = folder / "package.tgz"
    with tarfile.open(path, "w:gz") as opened:
        for member in members:
            member.size = len(content) if member.isfile() else 0
            opened.addfile(member, io.BytesIO(content))
    return path


def member(name: str, mode: int = 0o644, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode, info.type, info.linkname = mode, kind, target
    return info


def test_files_are_unpacked_with_their_content(tmp_path: Path) -> None:
    folder = member("package/empty", kind=tarfile.DIRTYPE)
    path = archive(
        tmp_path, folder, member("package/run", 0o755), member("package/deep/er/text", 0o4644), content=b"abc"
    )
    unpack(path, tmp_path / "out")
    run, text = tmp_path / "out" / "package" / "run", tmp_path / "out" / "package" / "deep" / "er" / "text"
    assert (run.read_bytes(), text.read_bytes()) == (b"abc", b"abc")
    assert (run.stat().st_mode & 0o7777, text.stat().st_mode & 0o7777) == (0o755, 0o644)


@given(st.lists(PARTS, min_size=1, max_size=5).map("/".join))
def test_no_name_leads_out_of_the_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    scratch = tmp_path_factory.mktemp("x")
    inside = scratch / "in" / "side"
    with suppress(FetchError, OSError):
        unpack(archive(scratch, member(name)), inside)
    written = [path for path in scratch.rglob("*") if path.is_file() and path.name != "package.tgz"]
    assert [path for path in written if not path.is_relative_to(inside)] == []


@pytest.mark.parametrize("name", ["../evil", "package/../../evil", "/tmp/evil"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FetchError, match="evil"):
        unpack(archive(tmp_path, member(name)), tmp_path / "out")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_is_refused(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(FetchError, match="package/link"):
        unpack(archive(tmp_path, member("package/link", kind=kind, target="../../evil")), tmp_path / "out")
