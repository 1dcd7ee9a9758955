"""An upload whose kernel died before anything was made of it: the same person's next page offers it, and nobody else's does."""

import os
from pathlib import Path

import pytest

from tiltyard.access.person import Person
from tiltyard.access.roles import Role
from tiltyard_widgets.controls import kept_upload, upload
from tiltyard_widgets.controls.file_field import FileField
from tiltyard_widgets.controls.kept_upload import keep, keep_soon, kept

ADA, BOB = Person("ada", Role.ANALYST, shared=True), Person("bob", Role.ANALYST, shared=True)


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(upload, "_folder", lambda: tmp_path)  # of this kernel alone, else it stays for the next test
    return tmp_path


def made(folder: Path, name: str, content: bytes) -> Path:
    place = folder / f"of {name}"
    place.mkdir(exist_ok=True)
    (place / name).write_bytes(content)
    return place / name


def field(person: Person) -> FileField:
    return FileField(person, "Data file", "a data file", (".csv", ".parquet"))


def test_the_next_page_of_the_same_person_offers_it(own: Path) -> None:
    first = field(ADA)
    first._arrived(str(made(own, "loans.csv", b"a,b\n1,2\n")))
    keep_soon(Path(first.value), ADA).join()
    next_page = field(ADA)
    (one,) = kept((".csv",), ADA)
    assert [option["label"] for option in next_page.pick.options][1:] == [one.words] and one.words.startswith("loans.csv, uploaded ")
    next_page.pick.value = one.digest
    assert Path(next_page.value).name == "loans.csv" and Path(next_page.value).read_bytes() == b"a,b\n1,2\n"
    assert next_page.value != first.value


def test_nobody_else_is_offered_it_nor_a_field_of_other_files(own: Path) -> None:
    keep(made(own, "loans.csv", b"a"), ADA)
    assert kept((".csv",), BOB) == [] and kept((".onnx",), ADA) == []
    assert len(field(BOB).pick.options) == 1


def test_the_newest_are_offered_and_a_second_name_counts(own: Path) -> None:
    for n in range(7):
        digest = keep(made(own, f"{n}.csv", bytes([n])), ADA)
        os.utime(kept_upload._folder(ADA) / digest, (n, n))
    assert [one.name for one in kept((".csv",), ADA)] == ["6.csv", "5.csv", "4.csv", "3.csv", "2.csv"]
    keep(made(own, "again.csv", bytes([0])), ADA)
    assert kept((".csv",), ADA)[0].name == "again.csv"


def test_what_goes_for_want_of_room_takes_its_name_along(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_upload, "ROOM", 150)
    first = keep(made(own, "old.csv", b"x" * 100), ADA)
    os.utime(kept_upload._folder(ADA) / first, (1, 1))
    keep(made(own, "new.csv", b"y" * 100), ADA)
    assert sorted(path.name[64:] for path in kept_upload._folder(ADA).iterdir()) == ["", ".name"]
    assert [one.name for one in kept((".csv",), ADA)] == ["new.csv"]


def test_a_name_that_was_tampered_with_leads_nowhere(own: Path) -> None:
    digest = keep(made(own, "a.csv", b"a"), ADA)
    (kept_upload._folder(ADA) / f"{digest}.name").write_text("../../../etc/passwd.csv")
    assert [one.name for one in kept((".csv",), ADA)] == ["passwd.csv"]


def test_one_that_is_gone_meanwhile_says_so(own: Path) -> None:
    digest = keep(made(own, "a.csv", b"a"), ADA)
    page = field(ADA)
    (kept_upload._folder(ADA) / digest).unlink()
    page.pick.value = digest
    assert page.value == "" and "not kept any more" in page.upload.status


def test_what_cannot_be_kept_breaks_nothing(own: Path) -> None:
    keep_soon(own / "gone.csv", ADA).join()
    assert kept((".csv",), ADA) == []
