"""A file appears whole under its name or not at all, also where another laid something in the way; and one module sees to it."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tiltyard.errors import Problem
from tiltyard.files import atomic
from tiltyard.files.atomic import new_file, replace_file
from tiltyard.sealing.keys import new_sealing_key, read_sealing_key

TREE = Path(__file__).parents[2]


def test_what_lies_in_the_way_gets_nothing_of_what_is_written(tmp_path: Path) -> None:
    victim, target = tmp_path / "victim", tmp_path / "keys.json"
    victim.write_text("mine")
    (tmp_path / "keys.json.part").symlink_to(victim)
    replace_file(target, b"one")
    assert (victim.read_text(), target.read_bytes(), target.is_symlink()) == ("mine", b"one", False)
    open_to_all = tmp_path / "keys.json.part"
    open_to_all.write_text("left by a kill")
    open_to_all.chmod(0o666)
    with open(open_to_all, "rb") as reader:
        replace_file(target, b"two")
        assert reader.read() == b"left by a kill"
    assert target.read_bytes() == b"two"
    if os.name == "posix":
        assert target.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_key_others_can_read_is_refused_by_the_file_that_was_opened(tmp_path: Path) -> None:
    new_sealing_key(tmp_path / "key.pem")
    assert read_sealing_key(tmp_path / "key.pem").secret
    (tmp_path / "key.pem").chmod(0o640)
    with pytest.raises(Problem, match="chmod 600"):
        read_sealing_key(tmp_path / "key.pem")


SOURCES = [path for root in ("workbench/tiltyard", "widgets/tiltyard_widgets") for path in (TREE / root).rglob("*.py")]
NAMING = re.compile(r"\bos\.(replace|rename|renames|link)\(|\bshutil\.move\(|\bmkstemp\(|NamedTemporaryFile\(|\bO_TMPFILE\b")
SYNCED_IN_PLACE = {"audit/log.py", "sealing/sealing.py"}  # a line is appended, a header's slot is written over: no new file


def naming(text: str) -> set[str]:
    return {match[0] for match in NAMING.finditer(text)}


def test_only_the_atomic_writer_gives_a_written_file_its_name() -> None:
    assert len(SOURCES) > 400
    texts = {path: path.read_text(encoding="utf-8") for path in SOURCES}
    assert {path.relative_to(TREE / "workbench" / "tiltyard").as_posix() for path, text in texts.items() if naming(text)} == {
        "files/atomic.py"
    }
    synced = {path.relative_to(TREE / "workbench" / "tiltyard").as_posix() for path, text in texts.items() if "os.fsync(" in text}
    assert synced == {"files/atomic.py", *SYNCED_IN_PLACE}


@pytest.mark.parametrize("text", ["os.replace(a, b)", "handle, name = tempfile.mkstemp()", "shutil.move(a, b)", "os.rename(a, b)"])
def test_another_writer_would_be_seen(text: str) -> None:
    assert naming(text) and not naming("text.replace(a, b)")


def _written(path: Path, content: bytes, replace: bool = False, meanwhile: Callable[[], object] = lambda: None) -> None:
    with new_file(path, replace=replace) as stream:
        stream.write(content)
        meanwhile()


@pytest.mark.parametrize("nameless", [True, False], ids=["nameless", "renamed"])
@pytest.mark.parametrize("replace", [True, False], ids=["replaces", "new"])
def test_a_file_appears_whole_or_not_at_all(nameless: bool, replace: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not nameless:
        monkeypatch.setattr(atomic, "_nameless", lambda folder: None)
    path = tmp_path / "report.html"
    with pytest.raises(ZeroDivisionError):
        _written(path, b"half", replace, lambda: 1 / 0)
    assert list(tmp_path.iterdir()) == []
    with new_file(path, 0o644, replace=replace) as stream:
        stream.write(b"whole")
        assert not path.exists()
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"whole", [path])
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("nameless", [True, False], ids=["nameless", "renamed"])
def test_a_name_that_another_took_meanwhile_stays_theirs(nameless: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not nameless:
        monkeypatch.setattr(atomic, "_nameless", lambda folder: None)
    path = tmp_path / "report.html"
    with pytest.raises(Problem, match="a name not in use"):
        _written(path, b"ours", meanwhile=lambda: path.write_bytes(b"theirs"))
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"theirs", [path])


@pytest.mark.skipif(os.name != "posix", reason="links of POSIX")
def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "report.html"
    victim.write_text("mine")
    path.symlink_to(victim)
    with pytest.raises(Problem), new_file(path):
        pass
    for write in (lambda: replace_file(path, b"one"), lambda: _written(path, b"one", replace=True)):
        path.unlink()
        path.symlink_to(victim)
        write()
        assert (victim.read_text(), path.read_bytes(), path.is_symlink()) == ("mine", b"one", False)
