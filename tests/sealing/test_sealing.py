import base64
import os
import signal
import struct
import subprocess
import sys
import tracemalloc
from io import BytesIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltyard.errors import Cancelled, Problem
from tiltyard.progress import Progress, Report
from tiltyard.sealing import envelope, sealing
from tiltyard.sealing.broken import Broken
from tiltyard.sealing.keys import Cost, Key, Passphrase, SealingKey, new_sealing_key
from tiltyard.sealing.sealing import is_sealed, open_sealed, rotate, seal, unseal, write_sealed

CHUNK = 1024
KEY, OTHER = SealingKey(bytes(range(32))), SealingKey(bytes(range(1, 33)))
CHEAP = Cost(passes=1, memory=64, lanes=1)
WORD, OTHER_WORD = Passphrase(b"correct horse battery", CHEAP), Passphrase(b"correct horse batterz", CHEAP)
PLAIN = bytes(i * 7 % 251 for i in range(2 * CHUNK + 100))
BLOCK = CHUNK + sealing.TAG


def sealed_bytes(plain: bytes, key: Key = KEY) -> bytes:
    out = BytesIO()
    write_sealed(BytesIO(plain), out, key, Progress(), len(plain), CHUNK)
    return out.getvalue()


SEALED = sealed_bytes(PLAIN)
BLOCKS = [SEALED[envelope.HEADER + i : envelope.HEADER + i + BLOCK] for i in range(0, len(PLAIN) + 48, BLOCK)]


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sealed") / "file.sealed"


@pytest.mark.parametrize("key", [KEY, WORD])
@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK + 3])
def test_what_was_sealed_comes_back(tmp_path: Path, key: Key, size: int) -> None:
    plain = put(tmp_path / "plain", os.urandom(size))
    seal(plain, tmp_path / "sealed", key, chunk=CHUNK)
    unseal(tmp_path / "sealed", tmp_path / "again", key)
    assert (tmp_path / "again").read_bytes() == plain.read_bytes() == open_sealed(tmp_path / "sealed", key).read()
    assert is_sealed(tmp_path / "sealed") and not is_sealed(plain)
    assert (tmp_path / "sealed").stat().st_mode & 0o777 == (tmp_path / "again").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "sealed").stat().st_size == envelope.HEADER + size + sealing.TAG * max(1, -(-size // CHUNK))


def test_the_ciphertext_is_stream_by_the_book() -> None:
    """Known answer: the chunks are what AES-256-GCM gives for the nonce counter ‖ last flag and the core as associated data."""
    core = envelope.read_core(SEALED)
    key = envelope.unwrap(core, envelope.only_slot(SEALED[: envelope.HEADER]), KEY)
    book = [
        AESGCM(key).encrypt(struct.pack(">3xQ", i) + bytes([i == 2]), PLAIN[i * CHUNK : (i + 1) * CHUNK], SEALED[:32]) for i in range(3)
    ]
    assert book == BLOCKS


def test_argon2id_gives_the_answer_of_its_reference() -> None:
    """The test vector of the reference implementation (phc-winner-argon2, test.c): argon2id, v 19, t 2, m 64 MiB, p 1."""
    found = envelope._stretched(b"password", b"somesalt", Cost(passes=2, memory=65536, lanes=1))
    assert found.hex() == "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"


def test_two_sealings_share_nothing() -> None:
    again = sealed_bytes(PLAIN)
    assert again[16:32] != SEALED[16:32] and again[envelope.HEADER :] != SEALED[envelope.HEADER :]


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
@settings(deadline=None, max_examples=100)
def test_any_changed_byte_is_refused(place: Path, at: int, change: int) -> None:
    changed = bytearray(SEALED)
    changed[at] ^= change
    with pytest.raises(Problem):
        open_sealed(put(place, bytes(changed)), KEY)


@pytest.mark.slow
def test_every_byte_of_the_header_is_held(place: Path) -> None:
    for at in range(envelope.HEADER):
        changed = bytearray(SEALED)
        changed[at] ^= 1
        with pytest.raises(Problem):
            open_sealed(put(place, bytes(changed)), KEY)


@pytest.mark.parametrize("at", range(32, 32 + 112, 3))
def test_an_edited_header_with_its_checksum_made_anew_is_refused(place: Path, at: int) -> None:
    """The checksum is for torn writes; who edits on purpose meets the wrapping."""
    import hashlib

    changed = bytearray(sealed_bytes(PLAIN, WORD))
    changed[at] ^= 1
    changed[32 + 112 : 32 + 128] = hashlib.sha256(changed[32 : 32 + 112]).digest()[:16]
    with pytest.raises(Broken):
        open_sealed(put(place, bytes(changed)), WORD)


@given(st.integers(0, len(SEALED) - 1))
@settings(deadline=None, max_examples=60)
def test_any_cut_is_refused(place: Path, length: int) -> None:
    with pytest.raises(Problem):
        open_sealed(put(place, SEALED[:length]), KEY)


@given(st.binary(min_size=1, max_size=3 * BLOCK))
@settings(deadline=None, max_examples=40)
def test_anything_appended_is_refused(place: Path, more: bytes) -> None:
    with pytest.raises(Broken):
        open_sealed(put(place, SEALED + more), KEY)


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2), (0, 1), (0,), (0, 0, 2), (0, 1, 1, 2), (2,), (1, 2), (0, 1, 2, 2), ()])
def test_chunks_moved_doubled_or_left_out_are_refused(place: Path, order: tuple[int, ...]) -> None:
    with pytest.raises(Broken, match="chunk"):
        open_sealed(put(place, SEALED[: envelope.HEADER] + b"".join(BLOCKS[i] for i in order)), KEY)


def test_chunks_of_another_file_are_refused(place: Path) -> None:
    other = sealed_bytes(PLAIN)
    with pytest.raises(Broken, match="chunk 2"):
        open_sealed(put(place, SEALED[: envelope.HEADER + BLOCK] + other[envelope.HEADER + BLOCK :]), KEY)


@pytest.mark.parametrize(("made", "given"), [(KEY, OTHER), (WORD, OTHER_WORD), (KEY, WORD), (WORD, KEY)])
def test_another_key_is_refused_in_one_line(place: Path, made: Key, given: Key) -> None:
    with pytest.raises(Broken, match=r"key|passphrase") as refused:
        open_sealed(put(place, sealed_bytes(PLAIN, made)), given)
    assert "\n" not in str(refused.value) and "horse" not in str(refused.value)


def test_secrets_do_not_show_in_representations() -> None:
    assert "horse" not in repr(WORD) and base64.b64encode(KEY.secret).decode() not in repr(KEY) and "\\x01" not in repr(KEY)


def test_a_header_that_asks_for_too_much_memory_is_refused_at_once(place: Path) -> None:
    core = envelope.read_core(SEALED)
    slot = envelope.Slot(1, 1, Cost(3, 1 << 30, 4), bytes(16), bytes(8), bytes(12), bytes(48))
    with pytest.raises(Broken, match="1 GiB"):
        open_sealed(put(place, core.packed() + slot.packed() + envelope.EMPTY), WORD)
    with pytest.raises(Broken, match="header"):
        open_sealed(put(place, envelope.Core(1 << 31, bytes(16)).packed() + SEALED[32:]), KEY)


def test_what_is_not_sealed_is_said(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="something else") as said:
        open_sealed(put(tmp_path / "x", b"hello"), KEY)
    assert not isinstance(said.value, Broken)
    for bad in (tmp_path, tmp_path / "none"):
        with pytest.raises(Problem):
            open_sealed(bad, KEY)


@pytest.mark.parametrize("at", [envelope.HEADER, -1])
def test_nothing_is_left_where_unsealing_fails(tmp_path: Path, at: int) -> None:
    changed = bytearray(SEALED)
    changed[at] ^= 1
    source = put(tmp_path / "sealed", bytes(changed))
    with pytest.raises(Broken):
        unseal(source, tmp_path / "plain", KEY)
    assert os.listdir(tmp_path) == ["sealed"]


def test_nothing_is_left_where_it_is_cancelled(tmp_path: Path) -> None:
    source = put(tmp_path / "sealed", SEALED)
    progress = Progress()

    def at_the_second_chunk(report: Report) -> None:
        if report.done > 0:
            progress.cancel()

    progress.listener = at_the_second_chunk
    with pytest.raises(Cancelled):
        unseal(source, tmp_path / "plain", KEY, progress)
    assert os.listdir(tmp_path) == ["sealed"]


def test_without_nameless_files_the_same_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    source = put(tmp_path / "sealed", SEALED)
    unseal(source, tmp_path / "plain", KEY)
    assert (tmp_path / "plain").read_bytes() == PLAIN and sorted(os.listdir(tmp_path)) == ["plain", "sealed"]
    put(source, SEALED[:-1])
    with pytest.raises(Broken):
        unseal(source, tmp_path / "other", KEY)
    assert sorted(os.listdir(tmp_path)) == ["plain", "sealed"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    source, taken = put(tmp_path / "sealed", SEALED), put(tmp_path / "taken", b"precious")
    with pytest.raises(Problem, match="not in use"):
        unseal(source, taken, KEY)
    with pytest.raises(Problem, match="not in use"):
        seal(source, taken, KEY)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(Problem, match="dangling"):
        unseal(source, tmp_path / "dangling", KEY)
    assert taken.read_bytes() == b"precious" and not (tmp_path / "nowhere").exists()


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="this system has no nameless files")
def test_a_killed_unsealing_leaves_no_plaintext(tmp_path: Path) -> None:
    source = tmp_path / "sealed"
    put(tmp_path / "plain", bytes(8 << 20))
    seal(tmp_path / "plain", source, KEY)
    (tmp_path / "plain").unlink()
    program = (
        "import os, signal, sys; from pathlib import Path; from tiltyard.progress import Progress; from tiltyard.sealing import sealing, keys\n"
        "kill = lambda report: report.done > 0.5 and os.kill(os.getpid(), signal.SIGKILL)\n"
        "sealing.unseal(Path(sys.argv[1]), Path(sys.argv[2]), keys.SealingKey(bytes(range(32))), Progress(kill))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(source), str(tmp_path / "plain")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert os.listdir(tmp_path) == ["sealed"]


def test_opening_in_memory_touches_no_disk(tmp_path: Path) -> None:
    """Every file that is opened for writing while a sealed model is opened is counted: there is none."""
    source = put(tmp_path / "sealed", SEALED)
    program = (
        "import sys; from pathlib import Path; from tiltyard.sealing import sealing, keys\n"
        "import cryptography.hazmat.primitives.ciphers.aead, cryptography.hazmat.primitives.kdf.hkdf, cryptography.hazmat.primitives.hashes\n"
        "import tiltyard.sealing.envelope, os\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(args) if event in ('open', 'os.rename', 'os.link') else None)\n"
        "content = sealing.open_sealed(Path(sys.argv[1]), keys.SealingKey(bytes(range(32)))).read()\n"
        "print(len(content), sum(1 for a in opened if str(a[0]).endswith('sealed')), [a for a in opened if a[2] & (os.O_WRONLY | os.O_RDWR)])"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", program, str(source)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.stdout.split(maxsplit=2) == [str(len(PLAIN)), "1", "[]\n"]
    assert os.listdir(tmp_path) == ["sealed"]


def test_memory_stays_flat(tmp_path: Path) -> None:
    size, chunk = 24 << 20, 256 << 10
    put(tmp_path / "plain", bytes(size))
    seal(tmp_path / "plain", tmp_path / "warm", KEY)
    tracemalloc.start()
    try:
        seal(tmp_path / "plain", tmp_path / "sealed", KEY, chunk=chunk)
        unseal(tmp_path / "sealed", tmp_path / "again", KEY)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * chunk


@pytest.mark.parametrize(("old", "new"), [(KEY, OTHER), (KEY, WORD), (WORD, OTHER_WORD), (WORD, KEY)])
def test_rotation_changes_the_key_and_not_the_data(tmp_path: Path, old: Key, new: Key) -> None:
    file = put(tmp_path / "sealed", sealed_bytes(PLAIN, old))
    before = file.read_bytes()
    for one, next_one in ((old, new), (new, old), (old, new)):
        rotate(file, one, next_one)
        assert open_sealed(file, next_one).read() == PLAIN
        with pytest.raises(Broken):
            open_sealed(file, one)
    after = file.read_bytes()
    assert after[:32] == before[:32] and after[envelope.HEADER :] == before[envelope.HEADER :]


def test_rotation_needs_the_old_key(tmp_path: Path) -> None:
    file = put(tmp_path / "sealed", SEALED)
    with pytest.raises(Broken):
        rotate(file, OTHER, WORD)
    rotate(file, KEY, OTHER)
    with pytest.raises(Broken):
        rotate(file, KEY, OTHER)
    assert open_sealed(file, OTHER).read() == PLAIN


@pytest.mark.parametrize("written", range(0, 257, 8))
def test_a_rotation_killed_after_any_byte_can_be_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int) -> None:
    """The disk stops after ``written`` of the 256 bytes that a rotation writes."""
    file, left = put(tmp_path / "sealed", SEALED), written
    whole = sealing._write_at

    def cut(stream: BytesIO, place: int, content: bytes) -> None:
        nonlocal left
        whole(stream, place, content[:left])
        left -= len(content[:left])
        if left == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(sealing, "_write_at", cut)
    with pytest.raises(KeyboardInterrupt):
        rotate(file, KEY, OTHER)
    monkeypatch.undo()
    with_old, with_new = opens(file, KEY), opens(file, OTHER)
    assert (with_old, with_new) == (written == 0, written == 256)
    if not with_new:
        rotate(file, KEY, OTHER)
    assert opens(file, OTHER) and not opens(file, KEY)


def opens(file: Path, key: Key) -> bool:
    try:
        return open_sealed(file, key).read() == PLAIN
    except Broken:
        return False


def test_a_key_file_seals(tmp_path: Path) -> None:
    key = new_sealing_key(tmp_path / "key.pem")
    seal(put(tmp_path / "plain", PLAIN), tmp_path / "sealed", key)
    assert open_sealed(tmp_path / "sealed", key).read() == PLAIN
