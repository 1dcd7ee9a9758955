"""Verdicts kept on the server by hash: of what changed since, and of what was never scanned, nothing is known."""

import os
import pickle
from pathlib import Path

import pytest

from tiltyard_widgets.server.refusals import Malformed
from tiltyard_widgets.server.verdicts import Verdicts
from tiltyard_widgets.server.worker import scan


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch /tmp/never",)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = tmp_path / "top"
    (top / "sub").mkdir(parents=True)
    (top / "sub" / "bad.pkl").write_bytes(pickle.dumps(Evil()))
    (top / "sub" / "good.pkl").write_bytes(pickle.dumps({"a": 1}))
    (top / "never.pkl").write_bytes(pickle.dumps(2))
    return top


def order(top: Path, *paths: str) -> dict[str, object]:
    return {"root": str(top), "path": "", "paths": list(paths), "hidden": False}


def test_several_files_are_one_order_and_a_missing_one_spoils_no_other(top: Path) -> None:
    head, *lines = scan(order(top, "sub/bad.pkl", "gone.pkl", "sub/good.pkl"))
    assert head["names"] == ["sub/bad.pkl", "gone.pkl", "sub/good.pkl"]
    assert [(line["file"]["verdict"] or {}).get("verdict") for line in lines] == ["malicious", None, "safe"]
    assert "gone.pkl" in lines[1]["file"]["problem"] or "nothing" in lines[1]["file"]["problem"]


def test_badges_are_kept_until_a_file_changes(top: Path, tmp_path: Path) -> None:
    kept = Verdicts(str(top), tmp_path / "kept")
    kept.keep(list(scan(order(top, "sub/bad.pkl", "sub/good.pkl"))))
    anew = Verdicts(str(top), tmp_path / "kept")
    assert {one.path: one.verdict for one in anew.of("sub", hidden=False).files} == {"sub/bad.pkl": "malicious", "sub/good.pkl": "safe"}
    assert anew.of("", hidden=False).files == ()  # never.pkl was not looked at
    (top / "sub" / "good.pkl").write_bytes(pickle.dumps(Evil()))
    assert [one.path for one in anew.of("sub", hidden=False).files] == ["sub/bad.pkl"]
    assert Verdicts(str(tmp_path), tmp_path / "kept").of("top", hidden=False).files == ()
    with pytest.raises(Malformed):
        anew.of("../top", hidden=False)


def test_who_sets_the_time_back_loses_the_badge_and_who_changes_the_mode_keeps_it(top: Path, tmp_path: Path) -> None:
    kept = Verdicts(str(top), tmp_path / "kept")
    good, never = top / "sub" / "good.pkl", top / "never.pkl"
    never.write_bytes(b"\x80\x04" + b"N0" * 8 + b"N.")
    kept.keep(list(scan(order(top, "sub/good.pkl", "never.pkl"))))
    facts = never.stat()
    never.write_bytes(b"\x80\x04" + b"cos\nsystem\n0N0N0" + b"N.")
    os.utime(never, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    good.chmod(0o600)
    assert never.stat().st_size == facts.st_size and never.stat().st_mtime_ns == facts.st_mtime_ns
    assert kept.of("", hidden=False).files == ()
    assert [one.path for one in kept.of("sub", hidden=False).files] == ["sub/good.pkl"]


def test_a_folder_names_links_and_leaves_version_control_out(top: Path) -> None:
    (top / ".git").mkdir()
    (top / "outside").symlink_to(top.parent)
    (top / "in.pkl").symlink_to(top / "sub" / "bad.pkl")
    head, *lines = scan(order(top, "") | {"paths": []})
    found = {line["file"]["path"]: line["file"] for line in lines}
    assert set(head["names"]) == {"never.pkl", "in.pkl", "outside", "sub/bad.pkl", "sub/good.pkl"}
    assert found["in.pkl"]["verdict"]["verdict"] == "malicious"
    assert found["outside"]["verdict"] is None and "link" in found["outside"]["problem"]
