import json
import os
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltyard.errors import Problem
from tiltyard.sealing.broken import Broken
from tiltyard.sealing.manifest import Manifest, differences, manifest_of
from tiltyard.sealing.signing import read_signature, sign, signature_path, verify

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key()
FILES = {"model.pt": b"weights" * 40, "data/rows.csv": b"a,b\n1,2\n", "data/more/x.bin": bytes(100), "empty": b""}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return laid_out(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return laid_out(tmp_path)


def laid_out(base: Path) -> Path:
    for name, content in FILES.items():
        path = base / "signed" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    sign([base / "signed"], KEY)
    return base / "signed"


def what(folder: Path) -> dict[str, str]:
    found = verify(folder, PUBLIC)
    assert (found.verdict == "intact") == (not found.differences)
    return {one.path: one.what for one in found.differences}


def test_what_was_signed_is_intact(folder: Path) -> None:
    found = verify(folder, PUBLIC)
    assert (found.verdict, found.files, found.trusted) == ("intact", 4, True)
    assert verify(signature_path([folder]), PUBLIC) == found


def test_the_manifest_holds_format_first_and_true_hashes(folder: Path) -> None:
    written = json.loads(signature_path([folder]).read_text())
    assert next(iter(written)) == next(iter(written["manifest"])) == "format"
    hashes = {e["path"]: (e["size"], e["sha256"]) for e in written["manifest"]["entries"]}
    assert hashes == {f"signed/{name}": (len(c), sha256(c).hexdigest()) for name, c in FILES.items()}


def test_the_signature_is_ed25519_over_the_canonical_manifest(folder: Path) -> None:
    """Anyone can check it with ten lines of their own: RFC 8032 over a context line and sorted, compact JSON."""
    written = json.loads(signature_path([folder]).read_text())
    message = b"tiltyard signature 1\n" + json.dumps(written["manifest"], sort_keys=True, separators=(",", ":")).encode()
    PUBLIC.verify(bytes.fromhex(written["signature"]), message)


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_any_changed_byte_is_caught_and_its_file_named(shared: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([name for name, content in FILES.items() if content]))
    content = bytearray(FILES[name])
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    (shared / name).write_bytes(content)
    try:
        assert what(shared) == {f"signed/{name}": "changed"}
    finally:
        (shared / name).write_bytes(FILES[name])


@given(st.data())
@settings(deadline=None, max_examples=100)
def test_any_changed_byte_of_the_signature_file_is_caught(shared: Path, data: st.DataObject) -> None:
    path = signature_path([shared])
    whole = path.read_bytes()
    content = bytearray(whole)
    content[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        with pytest.raises(Problem):
            verify(shared, PUBLIC)
        with pytest.raises(Problem):
            verify(shared)
    finally:
        path.write_bytes(whole)


def test_each_kind_of_change_is_named(folder: Path) -> None:
    (folder / "model.pt").write_bytes(b"other")
    (folder / "data/rows.csv").unlink()
    (folder / "data/new.csv").write_bytes(b"")
    (folder / "link").symlink_to("empty")
    (folder / "data/way_out").symlink_to("/")
    changed = {"model.pt": "changed", "data/rows.csv": "missing", "data/new.csv": "added", "link": "added", "data/way_out": "added"}
    assert what(folder) == {f"signed/{name}": kind for name, kind in changed.items()}


def test_a_file_that_became_a_folder_is_changed(folder: Path) -> None:
    (folder / "empty").unlink()
    (folder / "empty").mkdir()
    assert what(folder) == {"signed/empty": "changed"}


def test_a_file_that_cannot_be_read_is_no_pass(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tiltyard.sealing import manifest

    def refuse(path: Path, progress: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(manifest, "file_sha256", refuse)
    assert verify(folder, PUBLIC).verdict == "unproven"


def test_without_the_public_key_it_is_only_self_consistent(folder: Path) -> None:
    found = verify(folder)
    assert (found.verdict, found.trusted, found.differences) == ("unproven", False, ())
    (folder / "model.pt").write_bytes(b"other")
    assert verify(folder).verdict == "broken"


def test_a_stranger_who_signs_anew_is_found_by_the_key_alone(folder: Path) -> None:
    (folder / "model.pt").write_bytes(b"evil")
    signature_path([folder]).unlink()
    sign([folder], Ed25519PrivateKey.generate())
    assert verify(folder).verdict == "unproven"
    with pytest.raises(Broken, match="by key"):
        verify(folder, PUBLIC)


def test_a_manifest_of_another_signature_is_refused(folder: Path) -> None:
    path = signature_path([folder])
    signature = read_signature(path)
    entries = tuple(e.model_copy(update={"sha256": "0" * 64}) for e in signature.manifest.entries)
    forged = signature.model_copy(update={"manifest": signature.manifest.model_copy(update={"entries": entries})})
    path.write_bytes(forged.written())
    for key in (PUBLIC, None):
        with pytest.raises(Broken, match="changed manifest"):
            verify(folder, key)


def test_several_paths_and_a_signature_within(tmp_path: Path) -> None:
    folder = laid_out(tmp_path)
    with pytest.raises(Problem, match="--out"):
        sign([folder / "model.pt", folder / "data"], KEY)
    out = sign([folder], KEY, out=folder / "all.sig.json")
    assert verify(out, PUBLIC).verdict == "intact"
    two = sign([folder / "model.pt", folder / "data"], KEY, out=folder / "two.sig.json")
    (folder / "empty").write_bytes(b"not signed by the second")
    assert verify(two, PUBLIC).verdict == "intact"
    assert {d.path for d in verify(out, PUBLIC).differences} == {"empty", "two.sig.json"}


def test_the_whole_can_be_moved(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    for path in (folder, signature_path([folder])):
        os.rename(path, tmp_path / "elsewhere" / path.name)
    assert verify(tmp_path / "elsewhere" / "signed", PUBLIC).verdict == "intact"


def test_what_cannot_be_signed_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "link").symlink_to("/etc/hostname")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "two\nlines").write_bytes(b"")
    (tmp_path / "inside").mkdir()
    for paths, out in (
        ([tmp_path / "none"], None),
        ([tmp_path / "empty"], None),
        ([tmp_path / "linked"], None),
        ([tmp_path / "odd"], None),
        ([tmp_path / "odd"], tmp_path / "inside" / "x.sig.json"),
    ):
        with pytest.raises(Problem) as said:
            sign(paths, KEY, out)
        assert "\n" not in str(said.value)
    assert not list(tmp_path.rglob("*.sig.json"))


def test_a_signature_is_never_overwritten(folder: Path) -> None:
    before = signature_path([folder]).read_bytes()
    with pytest.raises(Problem, match="not in use"):
        sign([folder], KEY)
    assert signature_path([folder]).read_bytes() == before


@pytest.mark.parametrize("text", ["[]", "{}", '{"kind": "tiltyard.signature", "format": 2}'])
def test_what_is_no_signature_is_not_called_broken(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.sig.json").write_text(text)
    with pytest.raises(Problem) as said:
        verify(tmp_path / "x.sig.json", PUBLIC)
    assert not isinstance(said.value, Broken)


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../b", "", "a//b", "./a", "C:\\x", "c:x", "a\nb", "a\x1b[2J"])
def test_a_manifest_cannot_point_elsewhere(path: str) -> None:
    entry = {"path": path, "size": 0, "sha256": "0" * 64}
    with pytest.raises(ValueError, match="path"):
        Manifest.model_validate({"made": "", "entries": [entry]})
    with pytest.raises(ValueError, match="path"):
        Manifest.model_validate({"made": "", "entries": [], "folders": [path]})


def test_a_manifest_stands_alone(folder: Path) -> None:
    manifest = manifest_of([folder], folder.parent, "2026-01-01T00:00:00+00:00")
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest
    assert differences(manifest, folder.parent) == ()
