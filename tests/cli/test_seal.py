import io
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.store.tampering import tiny
from tests.tiny import Share

from tiltyard.audit.log import AuditLog
from tiltyard.store.store import Store

Tiltyard = Callable[..., Any]
WORDS, NEXT = "correct horse battery staple", "an entirely other passphrase"


@pytest.fixture(autouse=True)
def _no_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TILTYARD_PASSPHRASE", raising=False)
    monkeypatch.delenv("TILTYARD_NEW_PASSPHRASE", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO())


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model.bin").write_bytes(b"weights" * 1000)
    return tmp_path / "model.bin"


def test_sign_then_verify_by_exit_code(tiltyard: Tiltyard, model: Path, tmp_path: Path) -> None:
    assert tiltyard("sign", model, "--key", "mine.pem", "--new-key").code == 0
    known = tiltyard("verify", model, "--key", "mine.pub.pem")
    assert known.code == 0 and "intact: 1 file, signed by key" in known.out
    unknown = tiltyard("verify", model)
    assert unknown.code == 2 and "only self-consistent" in unknown.out
    model.write_bytes(b"weightz" + b"weights" * 999)
    for key in (("--key", "mine.pub.pem"), ()):
        broken = tiltyard("verify", "model.bin.sig.json", *key)
        assert broken.code == 1 and "model.bin: changed" in broken.out


def test_another_signer_is_broken_and_no_signature_cannot_be_told(tiltyard: Tiltyard, model: Path) -> None:
    assert tiltyard("verify", model).code == 2
    tiltyard("sign", model, "--key", "mine.pem", "--new-key")
    (model.parent / "x").write_bytes(b"x")
    tiltyard("sign", "x", "--key", "other.pem", "--new-key")
    said = tiltyard("verify", model, "--key", "other.pub.pem")
    assert said.code == 1 and "by key" in said.err.splitlines()[-1]
    assert tiltyard("verify", model, "--key", "mine.pem").code == 2  # a private key
    assert tiltyard("verify", model, "--anchor", "1:0").code == 2


def test_a_key_is_made_once(tiltyard: Tiltyard, model: Path) -> None:
    tiltyard("sign", model, "--key", "mine.pem", "--new-key")
    before = Path("mine.pem").read_bytes()
    assert "not in use" in tiltyard("sign", model, "--key", "mine.pem", "--new-key").line
    assert Path("mine.pem").read_bytes() == before


def test_a_signing_key_under_a_passphrase(tiltyard: Tiltyard, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTYARD_PASSPHRASE", WORDS)
    assert tiltyard("sign", model, "--key", "mine.pem", "--new-key").code == 0
    monkeypatch.delenv("TILTYARD_PASSPHRASE")
    assert "TILTYARD_PASSPHRASE" in tiltyard("sign", model, "--key", "mine.pem", "--out", "two.sig.json").line
    monkeypatch.setenv("TILTYARD_PASSPHRASE", WORDS)
    assert tiltyard("sign", model, "--key", "mine.pem", "--out", "two.sig.json").code == 0


def test_seal_rotate_unseal_with_passphrases(tiltyard: Tiltyard, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = model.read_bytes()
    monkeypatch.setenv("TILTYARD_PASSPHRASE", WORDS)
    assert tiltyard("seal", model).code == 0
    model.unlink()
    monkeypatch.setenv("TILTYARD_NEW_PASSPHRASE", NEXT)
    assert tiltyard("seal", "--rotate", "model.bin.sealed").code == 0
    refused = tiltyard("unseal", "model.bin.sealed")
    assert refused.code == 1 and WORDS not in refused.err + refused.out and not model.exists()
    monkeypatch.setenv("TILTYARD_PASSPHRASE", NEXT)
    assert tiltyard("unseal", "model.bin.sealed").code == 0
    assert model.read_bytes() == plain


def test_seal_and_unseal_several_with_a_key_file(tiltyard: Tiltyard, model: Path) -> None:
    Path("data.csv").write_text("a,b\n")
    assert tiltyard("seal", model, "data.csv", "--key-file", "k.pem", "--new-key").code == 0
    assert Path("k.pem").stat().st_mode & 0o777 == 0o600
    Path("data.csv").unlink()
    assert tiltyard("unseal", "data.csv.sealed", "--key-file", "k.pem").code == 0
    assert Path("data.csv").read_text() == "a,b\n"
    assert tiltyard("seal", "--rotate", "data.csv.sealed", "--key-file", "k.pem", "--to-key-file", "n.pem", "--new-key").code == 0
    for key, code in (("k.pem", 1), ("n.pem", 0)):
        assert tiltyard("unseal", "data.csv.sealed", "--key-file", key, "--out", f"by-{key}").code == code
    assert not Path("by-k.pem").exists()


def test_a_changed_sealed_file_is_refused_in_one_line(tiltyard: Tiltyard, model: Path) -> None:
    tiltyard("seal", model, "--key-file", "k.pem", "--new-key")
    sealed = Path("model.bin.sealed")
    content = bytearray(sealed.read_bytes())
    content[-1] ^= 1
    sealed.write_bytes(content)
    said = tiltyard("unseal", sealed, "--key-file", "k.pem", "--out", "out")
    assert said.code == 1 and "chunk 1" in said.err.splitlines()[-1] and not Path("out").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("seal", "model.bin"),
        ("seal", "none", "--key-file", "k.pem"),
        ("seal", "model.bin", "--new-key"),
        ("seal", "--rotate", "model.bin", "--key-file", "k.pem", "--new-key"),
        ("seal", "model.bin", "model.bin", "--out", "x", "--key-file", "k.pem"),
        ("seal", ".", "--key-file", "k.pem", "--out", "x"),
        ("unseal", "model.bin", "--key-file", "k.pem"),
        ("unseal", "model.bin", "--key-file", "k.pem", "--out", "x"),
        ("sign", "model.bin", "--key", "none.pem"),
        ("sign", "model.bin", "--key", "k.pem"),
        ("verify", "none.jsonl"),
        ("verify", "none"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(tiltyard: Tiltyard, model: Path, words: tuple[str, ...]) -> None:
    from tiltyard.sealing.keys import new_sealing_key

    new_sealing_key(Path("k.pem"))
    said = tiltyard(*words)
    assert said.code == 2 and said.line.startswith("Expected ")


def test_a_short_passphrase_is_refused(tiltyard: Tiltyard, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTYARD_PASSPHRASE", "short")
    assert "12 characters" in tiltyard("seal", model).line


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no terminals here")
def test_a_typed_passphrase_does_not_show(model: Path) -> None:
    """In a real terminal: what is typed at the prompt never appears on it."""
    import pty
    import time

    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-m", "tiltyard", "seal", str(model)])
    shown, answers = b"", [b"New passphrase: ", b"Again: "]
    until = time.monotonic() + 300
    while time.monotonic() < until:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # how Linux says that the other side is gone
            break
        shown += piece
        if not piece:
            break
        if answers and shown.endswith(answers[0]):
            answers.pop(0)
            os.write(terminal, f"{WORDS}\n".encode())
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert not answers and b"horse" not in shown and b"sealed" in shown
    assert model.with_name("model.bin.sealed").exists()


def test_the_audit_log_is_verified(tiltyard: Tiltyard, tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    for what in ("attack", "train", "export"):
        log.append("ada", what, "f" * 64)
    whole = tiltyard("verify", "audit.jsonl")
    assert whole.code == 0 and "3 records" in whole.out
    anchor = re.findall(r"3:[0-9a-f]{64}", whole.out)[0]
    assert tiltyard("verify", "audit.jsonl", "--anchor", anchor).code == 0
    lines = Path("audit.jsonl").read_text().splitlines(keepends=True)
    Path("audit.jsonl").write_text("".join(lines[:-1]))
    cut = tiltyard("verify", "audit.jsonl")
    assert cut.code == 1 and "tail was cut" in cut.err.splitlines()[-1]
    head = Path("audit.jsonl.head").read_bytes()
    Path("audit.jsonl.head").unlink()
    assert tiltyard("verify", "audit.jsonl").code == 1
    Path("audit.jsonl.head").write_bytes(head)
    Path("audit.jsonl").unlink()
    assert tiltyard("verify", "audit.jsonl").code == 1


def test_lines_of_json_that_are_no_audit_log_are_not_called_broken(tiltyard: Tiltyard) -> None:
    Path("rows.jsonl").write_text('{"a": 1}\n')
    assert tiltyard("verify", "rows.jsonl").code == 2
    assert tiltyard("sign", "rows.jsonl", "--key", "mine.pem", "--new-key").code == 0
    assert tiltyard("verify", "rows.jsonl", "--key", "mine.pub.pem").code == 0


def test_help_names_the_commands_and_takes_no_passphrase(tiltyard: Tiltyard) -> None:
    done = subprocess.run([sys.executable, "-m", "tiltyard", "--help"], capture_output=True, text=True, check=True)
    for word in ("sign", "verify", "seal", "unseal"):
        assert f"\n  {word} " in done.stdout
        assert "--passphrase" not in tiltyard(word, "--help").out


def test_a_store_gets_its_first_key_and_another(tiltyard: Tiltyard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, (target, data) = Store(tmp_path / "runs.sqlite"), tiny()
    run = store.begin("mine", target.identity, data.identity)
    store.finish(store.start(run.id, Share()), Share()(target, data))
    monkeypatch.delenv("TILTYARD_STORE_KEY", raising=False)
    first = ("seal", "--rotate", store.url, "--to-key-file", "one.pem")
    assert tiltyard(*first, "--new-key", "--key-file", "x.pem").code == 2 and not Path("one.pem").exists()
    assert "1 records" in tiltyard(*first, "--new-key").out
    assert tiltyard("runs").code == 0 and tiltyard("verify", store.url).code == 2
    monkeypatch.setenv("TILTYARD_STORE_KEY", str(Path("one.pem").resolve()))
    assert "before the key" in tiltyard("verify", store.url).out
    assert tiltyard("seal", "--rotate", store.url, "--to-key-file", "two.pem", "--new-key").code == 0
    assert tiltyard("verify", store.url).code != 0
    monkeypatch.setenv("TILTYARD_STORE_KEY", str(Path("two.pem").resolve()))
    assert len(Store(store.url).records(run.id)) == 1
    with closing(sqlite3.connect(store.url)) as raw, raw:
        raw.execute("update runs set verdict = 'pass'")
    raw.close()
    assert tiltyard("seal", "--rotate", store.url, "--to-key-file", "three.pem", "--new-key").code == 1
    going = Store(tmp_path / "going.sqlite")
    going.start(going.begin("open", target.identity, data.identity).id, Share())
    assert "nothing goes on" in tiltyard("seal", "--rotate", going.url, "--to-key-file", "one.pem").line
