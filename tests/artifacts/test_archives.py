"""Zips that two readers could see differently, or that reach out of their folder, are named."""

import io
import struct
import zipfile
import zlib

import pytest

from tiltyard.artifacts import archives
from tiltyard.artifacts.archives import BadArchive, Directory


def made(*files: tuple[str, bytes], method: int = zipfile.ZIP_STORED, comment: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as target:
        for name, data in files:
            target.writestr(zipfile.ZipInfo(name), data, method)
        target.comment = comment
    return out.getvalue()


def listed(data: bytes) -> Directory:
    return archives.directory(io.BytesIO(data))


PLAIN = made(("r/a", b"hello"), ("r/b", b"x" * 100))


def test_plain() -> None:
    found = listed(PLAIN)
    assert [(e.name, e.size) for e in found.entries] == [("r/a", 5), ("r/b", 100)]
    assert (found.odd, found.attacks) == ([], [])
    assert archives.read(io.BytesIO(PLAIN), found.entry("r/a"), 100) == b"hello"


@pytest.mark.parametrize("compressed", [False, True])
def test_real_writers_are_plain(compressed: bool, torch_files: dict[str, bytes], numpy_files: dict[str, bytes]) -> None:
    for data in (*(torch_files[n] for n in ("zip", "traced", "scripted")), numpy_files["npz_compressed" if compressed else "npz"]):
        found = listed(data)
        assert (found.odd, found.attacks) == ([], [])
        with zipfile.ZipFile(io.BytesIO(data)) as theirs:
            assert [e.name for e in found.entries] == theirs.namelist()
            for entry in found.entries:
                assert archives.read(io.BytesIO(data), entry, 1 << 20) == theirs.read(entry.name)


def test_streamed_zip_is_plain() -> None:
    class Unseekable(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise OSError

    out = Unseekable()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("a", b"hello" * 50)
        target.writestr("b", b"there")
    found = listed(out.getvalue())
    assert (found.odd, found.attacks) == ([], [])


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/../../up", "c:\\windows", "a\\..\\b", "a\nb", "\\\\host\\share"])
def test_names_that_climb_out(name: str) -> None:
    assert archives.safe_name(name)
    renamed = made(("r/" + "n" * (len(name) - 2 if len(name) > 2 else 1), b"x"))
    raw = name.encode()
    if len(raw) > 2:
        renamed = renamed.replace(b"r/" + b"n" * (len(name) - 2), raw)
        assert listed(renamed).attacks


def test_names_that_stay() -> None:
    assert not any(map(archives.safe_name, ("a", "a/b.c", "archive/data/0", "a..b", "...")))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_names() -> None:
    assert "2 times" in listed(made(("r/a", b"1"), ("r/a", b"2"))).attacks[0][1]
    assert listed(made(("r/a", b"1"), ("r/A", b"2"))).attacks


def test_bytes_between_before_and_behind() -> None:
    assert any("belong to no entry" in what for _, what in listed_shifted(PLAIN, 0).odd)
    assert any("end record" in where for where, _ in listed(PLAIN + b"tail").odd)
    assert any("end record" in where for where, _ in listed(made(("a", b"x"), comment=b"hi")).odd)


def listed_shifted(data: bytes, at: int) -> Directory:
    """The zip with junk put at ``at`` and every offset corrected, so that a lenient reader is content."""
    junk = b"junk" * 8
    moved = bytearray(data[:at] + junk + data[at:])
    end = moved.rfind(b"PK\5\6")
    cd = struct.unpack("<L", moved[end + 16 : end + 20])[0] + len(junk)
    moved[end + 16 : end + 20] = struct.pack("<L", cd)
    while moved[cd : cd + 4] == b"PK\1\2":
        offset = struct.unpack("<L", moved[cd + 42 : cd + 46])[0]
        moved[cd + 42 : cd + 46] = struct.pack("<L", offset + len(junk))
        n, m, k = struct.unpack("<3H", moved[cd + 28 : cd + 34])
        cd += 46 + n + m + k
    assert zipfile.ZipFile(io.BytesIO(bytes(moved))).testzip() is None
    return listed(bytes(moved))


def test_headers_that_disagree() -> None:
    at = PLAIN.index(b"r/a")
    assert any("disagree on name" in what for _, what in listed(PLAIN[:at] + b"r/z" + PLAIN[at + 3 :]).odd)
    assert any("disagree on size" in what for _, what in listed(PLAIN[:14] + b"\0\0\0\0" + PLAIN[18:]).odd)


def test_second_directory() -> None:
    inner = made(("r/a", b"hello"))
    assert any("several" in what for _, what in listed(inner + PLAIN[:0] + inner).odd) or listed(inner + inner).odd


def test_overlap() -> None:
    raw = bytearray(PLAIN)
    second = raw.rindex(b"PK\1\2")
    raw[second + 42 : second + 46] = b"\0\0\0\0"
    assert any("overlaps" in what for _, what in listed(bytes(raw)).attacks)


def test_encrypted_and_unknown_methods() -> None:
    raw = bytearray(made(("a", b"hello")))
    central = raw.rindex(b"PK\1\2")
    for at, value in ((6, 1), (central + 8, 1)):
        raw[at] = value
    found = listed(bytes(raw))
    assert any("encrypted" in what for _, what in found.odd)
    with pytest.raises(BadArchive, match="encrypted"):
        archives.read(io.BytesIO(bytes(raw)), found.entries[0], 100)
    packed = made(("a", b"hello" * 50), method=zipfile.ZIP_BZIP2)
    with pytest.raises(BadArchive, match="method 12"):
        archives.read(io.BytesIO(packed), listed(packed).entries[0], 1000)


def test_bomb_is_not_inflated() -> None:
    bomb = made(("a", bytes(300 << 20)), method=zipfile.ZIP_DEFLATED)
    found = listed(bomb)
    assert any("bomb" in what for _, what in found.odd)
    with pytest.raises(BadArchive, match="decompression bomb"):
        archives.read(io.BytesIO(bomb), found.entries[0], 1000)
    assert len(archives.peek(io.BytesIO(bomb), found.entries[0], 10)) == 10


def test_damage_is_caught_by_the_checksum() -> None:
    at = PLAIN.index(b"hello")
    broken = PLAIN[:at] + b"hellO" + PLAIN[at + 5 :]
    with pytest.raises(BadArchive, match="checksum"):
        archives.read(io.BytesIO(broken), listed(broken).entries[0], 100)


@pytest.mark.parametrize("cut", range(1, len(PLAIN), 7))
def test_cut_anywhere(cut: int) -> None:
    with pytest.raises(BadArchive):
        listed(PLAIN[:cut])


def test_many_entries_are_refused_before_they_are_read() -> None:
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0, 0, 0, 0, 0)
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 10**9, 10**9, 46 * 10**9, 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1)
    with pytest.raises(BadArchive, match="over the bound"):
        listed(record + locator + end)


def test_first_bytes() -> None:
    assert archives.first_bytes(zlib.compress(b"hello"), 100) == b"hello"
    assert archives.first_bytes(b"no", 100) == b""
