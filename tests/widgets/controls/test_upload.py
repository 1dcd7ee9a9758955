"""Uploads piece by piece, as the browser sends them."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard_widgets.controls.upload import MOST, Upload, clear, plain_name
from tiltyard_widgets.panels.load import LoadPanel


def tell(upload: Upload, event: dict[str, object], *buffers: bytes) -> None:
    message = {"content": {"data": {"method": "custom", "content": event}}, "buffers": [memoryview(b) for b in buffers]}
    upload._handle_msg(message)


def brought(upload: Upload) -> list[str]:
    paths: list[str] = []
    upload.on_file(paths.append)
    return paths


def test_pieces_become_the_file() -> None:
    upload = Upload("Upload")
    paths = brought(upload)
    tell(upload, {"event": "begin", "name": "model.pt", "size": 7})
    assert upload.received == 0
    tell(upload, {"event": "piece", "offset": 0}, b"abcd")
    assert upload.received == 4 and not paths
    tell(upload, {"event": "piece", "offset": 4}, b"efg")
    assert upload.received == -1 and "model.pt has arrived" in upload.status
    assert Path(paths[0]).read_bytes() == b"abcdefg" and Path(paths[0]).name == "model.pt"
    assert stat.S_IMODE(Path(paths[0]).parent.stat().st_mode) == 0o700


def test_two_files_of_one_name_stand_apart() -> None:
    upload = Upload("Upload")
    paths = brought(upload)
    for content in (b"one", b"two"):
        tell(upload, {"event": "begin", "name": "data.csv", "size": 3})
        tell(upload, {"event": "piece", "offset": 0}, content)
    assert [Path(p).read_bytes() for p in paths] == [b"one", b"two"]


@pytest.mark.parametrize("size", [0, -1, MOST + 1, None, "7", 2**70])
def test_a_size_that_cannot_be_is_refused(size: object) -> None:
    upload = Upload("Upload")
    tell(upload, {"event": "begin", "name": "x", "size": size})
    assert upload.received == -1 and upload.status.startswith("Expected a file of 1 byte")


@pytest.mark.parametrize(("offset", "piece"), [(1, b"a"), (0, b""), (0, b"too long"), (None, b"a")])
def test_a_piece_that_does_not_fit_ends_it(offset: object, piece: bytes) -> None:
    upload = Upload("Upload")
    paths = brought(upload)
    tell(upload, {"event": "begin", "name": "x", "size": 3})
    tell(upload, {"event": "piece", "offset": offset}, piece)
    assert upload.received == -1 and "whole" in upload.status and not paths
    tell(upload, {"event": "piece", "offset": 0}, b"abc")
    assert not paths


def test_cancel_leaves_nothing() -> None:
    upload = Upload("Upload")
    tell(upload, {"event": "begin", "name": "x", "size": 3})
    path = upload._path
    tell(upload, {"event": "piece", "offset": 0}, b"a")
    tell(upload, {"event": "cancel", "why": ""})
    assert upload.status == "Cancelled" and not path.exists()


@given(st.text())
def test_a_name_never_leaves_its_folder(name: str) -> None:
    plain = plain_name(name)
    assert plain and Path(plain).name == plain and not plain.startswith(".")


def test_the_load_panel_takes_the_path_of_what_arrived() -> None:
    panel = LoadPanel()
    tell(panel.data_upload, {"event": "begin", "name": "../../mine.csv", "size": 2})
    tell(panel.data_upload, {"event": "piece", "offset": 0}, b"a\n")
    assert panel.data_file.value.endswith("/mine.csv")


def test_what_a_killed_kernel_left_goes_and_a_living_ones_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import sys, time; from tiltyard_widgets.controls.upload import _folder; f = _folder(); (f / 'model.pt').touch(); print(f, flush=True); time.sleep(600)"
    kernels = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)})
        for _ in range(2)
    ]
    try:
        killed, living = (Path(k.stdout.readline().strip()) for k in kernels if k.stdout)
        kernels[0].kill()
        kernels[0].wait(60)
        (tmp_path / "tiltyard-upload-file").touch()
        (tmp_path / "tiltyard-upload-link").symlink_to(living)
        clear(tmp_path)
        assert killed.is_dir(), "too young to be judged"
        monkeypatch.setattr("tiltyard_widgets.controls.upload.YOUNG", -1.0)
        clear(tmp_path)
        assert not killed.exists()
        assert (living / "model.pt").exists()
    finally:
        for kernel in kernels:
            kernel.kill()
            kernel.wait(60)
            assert kernel.stdout is not None
            kernel.stdout.close()


def test_what_a_killed_kernel_left_goes_when_the_load_panel_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left = tmp_path / "tiltyard-upload-left"
    left.mkdir(mode=0o700)
    (left / "model.pt").write_bytes(b"somebody's model")
    LoadPanel()
    assert left.is_dir(), "too young to be judged"
    os.utime(left, (0, 0))
    LoadPanel()
    assert not left.exists()
