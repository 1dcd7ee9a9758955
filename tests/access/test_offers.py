"""What is offered to all is read by all, and nothing beside it."""

from pathlib import Path

import pytest

from tiltyard.access import places
from tiltyard.access.offers import OFFERS, Offer, offered_root, offers, written
from tiltyard.access.person import Person
from tiltyard.access.roles import Denied, Role

ANN = Person("ann", Role.VIEWER, shared=True)


def test_it_comes_over_as_it_was_whatever_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"target": {"file": "/a b/ü@=%.skops"}, "data": {"file": "/d.csv"}}
    made = [Offer(name="ü", given=given, reads=("/a b/ü@=%.skops", "/d.csv")), Offer(name="other", given={}, reads=())]
    monkeypatch.setenv(OFFERS, written(made))
    assert offers() == {one.name: one for one in made}
    assert not set(written(made)) & set("@ \"'$/=")
    monkeypatch.delenv(OFFERS)
    assert offers() == {}


def test_the_very_file_or_what_lies_in_the_folder_is_read_and_no_neighbor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("model.onnx", "model.onnx.key", "folder/config.json"):
        (tmp_path / name).write_text(name)
    reads = (str(tmp_path / "model.onnx"), str(tmp_path / "folder"))
    monkeypatch.setenv(OFFERS, written([Offer(name="a", given={}, reads=reads)]))
    for name in ("model.onnx", "folder/config.json"):
        with places.opened(tmp_path / name, "a file", ANN) as stream:
            assert stream.read() == name.encode()
    (tmp_path / "folder" / "link").symlink_to(tmp_path / "model.onnx.key")
    for name in ("model.onnx.key", "folder/link", "folder/../model.onnx.key"):
        with pytest.raises(Denied):
            places.opened(tmp_path / name, "a file", ANN)
    assert offered_root(tmp_path) is None
