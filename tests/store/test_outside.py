"""Files of runs in a folder or an object store in place of the database: as safe there, and gone with their run."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.store.test_artifacts import SECRET, Maker, changed, ran

from tiltyard.access.own_files import PLACE, is_own
from tiltyard.cli.commands.doctor import store as examined
from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.progress import Progress
from tiltyard.sealing.broken import Broken
from tiltyard.sealing.keys import new_sealing_key, read_sealing_key
from tiltyard.store import outside
from tiltyard.store.checking import checked
from tiltyard.store.database import Database
from tiltyard.store.outside import Outside
from tiltyard.store.rekeying import rekey
from tiltyard.store.store import Store
from tiltyard.targets.target import Target

Lying = Callable[[], dict[str, bytes]]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs.sqlite")


@pytest.fixture(params=["folder", "bucket"])
def lying(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lying]:
    """What lies in the place, by name; the place is named to Tiltyard."""
    folder = tmp_path / "files"
    if request.param == "folder":
        monkeypatch.setenv(PLACE, str(folder))
        yield lambda: {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        return
    pytest.importorskip("obstore", reason="no obstore: pip install 'tiltyard[objects]'")
    url = f"memory:///{tmp_path.name}"
    monkeypatch.setenv(PLACE, url)
    kept = outside._objects(url)
    yield lambda: {at["path"]: bytes(kept.get(at["path"]).bytes()) for page in kept.list() for at in page}


@pytest.fixture
def next_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store has a key; this is another."""
    for name in ("one", "two"):
        new_sealing_key(tmp_path / name)
    monkeypatch.setenv("TILTYARD_STORE_KEY", str(tmp_path / "one"))
    return tmp_path / "two"


def test_kept_there_alone_read_and_deleted(store: Store, target: Target, data: Dataset, lying: Lying, tmp_path: Path) -> None:
    run = ran(store, target, data, Maker(seed=1), Maker(seed=2))
    one, _, two, _ = store.artifacts.of_run(run)
    assert sorted(lying().values()) == [b"\0" + SECRET + seed for seed in (b"1", b"2")]
    assert store.artifacts.content(two) == SECRET + b"2"
    assert SECRET not in b"".join(path.read_bytes() for path in tmp_path.glob("runs.sqlite*"))
    found = checked(store, Progress())
    assert not found.unread and found.clear == 4
    store.artifacts.delete(one)
    assert list(lying().values()) == [b"\0" + SECRET + b"2"]
    store.delete(run)
    assert lying() == {}


def test_sealed_there_and_sealed_anew_under_another_key(
    store: Store, target: Target, data: Dataset, lying: Lying, next_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ran(store, target, data, Maker(seed=1))
    before = lying()
    assert len(before) == 1 and SECRET not in next(iter(before.values())) and checked(store, Progress()).clear == 0
    rekey(Database(store.url), read_sealing_key(next_key))
    assert len(lying()) == 1 and not before.items() & lying().items()
    monkeypatch.setenv("TILTYARD_STORE_KEY", str(next_key))
    assert store.artifacts.content(store.artifacts.of_run(run)[0]) == SECRET + b"1" and not checked(store, Progress()).unread


def test_a_key_that_could_not_be_changed_leaves_the_files_of_before(
    store: Store, target: Target, data: Dataset, lying: Lying, next_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ran(store, target, data, Maker(seed=1))
    before = lying()
    monkeypatch.setattr("tiltyard.store.rekeying._announced", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        rekey(Database(store.url), read_sealing_key(next_key))
    assert lying() == before and store.artifacts.content(store.artifacts.of_run(run)[0]) == SECRET + b"1"


def test_what_another_changed_moved_or_took_there_shows(
    store: Store, target: Target, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLACE, str(tmp_path / "files"))
    run = ran(store, target, data, Maker(seed=1), Maker(seed=2))
    one, _, two, _ = store.artifacts.of_run(run)
    first, second = (path for path in sorted((tmp_path / "files").rglob("*")) if path.is_file())
    kept = first.read_bytes(), second.read_bytes()
    first.write_bytes(kept[1])
    second.write_bytes(kept[0])
    for artifact in (one, two):
        with pytest.raises(Broken, match="as it was written; found other bytes"):
            store.artifacts.content(artifact)
    first.unlink()
    assert len(checked(store, Progress()).broken) == 2
    second.write_bytes(kept[1])
    changed(store, "update artifacts set content = (select content from artifacts where token = ?) where token = ?", two.token, one.token)
    with pytest.raises(Broken):
        store.artifacts.content(store.artifacts.of_run(run)[0])


def test_a_record_that_is_not_kept_leaves_no_file(
    store: Store, target: Target, data: Dataset, lying: Lying, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ran(store, target, data, Maker(seed=1))
    monkeypatch.setattr("tiltyard.store.store._belongs", lambda *_: 1 / 0)
    record = store.records(run)[0]
    token = store.start(run, Maker(seed=2))
    with pytest.raises(ZeroDivisionError):
        store.finish(token, record, {"rows.npz": b"never kept"})
    assert len(lying()) == 1


def test_a_place_that_is_not_named_or_does_not_answer_is_said_without_its_secrets(
    store: Store, target: Target, data: Dataset, lying: Lying, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ran(store, target, data, Maker(seed=1))
    artifact = store.artifacts.of_run(run)[0]
    monkeypatch.delenv(PLACE)
    with pytest.raises(Problem, match=PLACE):
        store.artifacts.content(artifact)
    monkeypatch.setenv(PLACE, "nothing://me:hunter2@host/bucket?key=hunter3")
    with pytest.raises(Problem, match="nothing://host/bucket;") as told:
        store.artifacts.content(artifact)
    assert "hunter" not in str(told.value)
    (tmp_path / "file").touch()
    monkeypatch.setenv(PLACE, str(tmp_path / "file"))
    with pytest.raises(Problem, match="a place for files that can be written to"):
        Outside.named().tried()  # type: ignore[union-attr]
    with pytest.raises(Problem, match=r"1 that could not be, .* Delete them there by hand"):
        store.delete(run)


def test_an_object_store_that_breaks_tells_the_kind_of_its_error_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def put(self, *_: object) -> None:
            raise RuntimeError("Access denied for key hunter2")

    monkeypatch.setattr(outside, "_objects", lambda _: Broken())
    with pytest.raises(Problem, match="RuntimeError") as told:
        Outside("s3://bucket").put(b"\0some")
    assert "hunter2" not in str(told.value)


def test_doctor_tries_it_and_nobody_s_data_is_read_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTYARD_STORE", str(tmp_path / "runs.sqlite"))
    monkeypatch.setenv(PLACE, str(tmp_path / "files"))
    assert [(one.name, one.state) for one in examined()][:2] == [("store", "well"), ("files", "well")]
    assert is_own(tmp_path / "files" / "ab" / "abc") and not is_own(tmp_path / "filesystem")
    (tmp_path / "shut").touch()
    monkeypatch.setenv(PLACE, str(tmp_path / "shut"))
    assert [one.state for one in examined() if one.name == "files"] == ["ill"]
