"""What a person behind a shared login tries with paths, and what nobody gets with any."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tiltyard.access import places
from tiltyard.access.own_files import is_own
from tiltyard.access.person import Person
from tiltyard.access.roles import Role
from tiltyard.access.users import Users
from tiltyard.errors import Problem
from tiltyard.files.reading import opened

ANN = Person("ann", Role.ANALYST, shared=True)
ROOT = Person("root", Role.ADMIN, shared=True)
OWNER = Person("me", Role.ADMIN)
SECRET = "DATABASE_PASSWORD=hunter2"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root with a folder for ann, one for bob and one for all, and secrets outside."""
    top = tmp_path / "root"
    for name in ("ann", "bob", "shared"):
        (top / name).mkdir(parents=True)
        (top / name / "rows.csv").write_text(f"{name}\n1\n")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / ".env").write_text(SECRET)
    (tmp_path / "secret" / "rows.csv").write_text(SECRET)
    monkeypatch.setenv(places.DATA_ROOT, str(top))
    monkeypatch.delenv(places.UPLOADS, raising=False)
    return top


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(Problem) as caught:
        act()
    assert "\n" not in str(caught.value) and "hunter2" not in str(caught.value)
    return str(caught.value)


def read(path: object, person: Person = ANN) -> bytes:
    with places.opened(str(path), "a file", person) as stream:
        return stream.read()


def test_ones_own_and_everybodys_files_are_read(root: Path) -> None:
    assert read(root / "ann" / "rows.csv") == b"ann\n1\n"
    assert read(root / "shared" / "rows.csv") == b"shared\n1\n"
    assert [p.parent.name for p in places.files([".csv"], ANN)] == ["ann", "shared"]


@pytest.mark.parametrize("person", [ANN, ROOT], ids=["analyst", "admin"])
@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/etc/shadow",
        "{root}/bob/rows.csv",
        "{root}/ann/../bob/rows.csv",
        "{root}/ann/../../secret/rows.csv",
        "{root}/../secret/.env",
        "{root}",
        "{root}/ann",
        "{root}/annex/rows.csv",
        "{root}/none/rows.csv",
        "~/.ssh/id_rsa",
        "~nobody-of-this-name/x",
        "/proc/self/environ",
        "/proc/self/root/etc/passwd",
        "/proc/self/cwd/x.csv",
        "/dev/zero",
        "/dev/fd/0",
        "/sys/kernel/uevent_seqnum",
        "rows.csv",
        "./../secret/rows.csv",
        "file:///etc/passwd",
        "",
        "a\0b",
    ],
)
def test_nothing_else_of_the_server_is_read(root: Path, path: str, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root.parent / "secret")
    said = refused(lambda: read(path.format(root=root), person))
    assert "nothing at" not in said, "whether a file is there is not told either"


def test_links_lead_nowhere_else(root: Path, tmp_path: Path) -> None:
    mine = root / "ann"
    (mine / "file.csv").symlink_to(tmp_path / "secret" / "rows.csv")
    (mine / "folder").symlink_to(tmp_path / "secret")
    (mine / "bob.csv").symlink_to(root / "bob" / "rows.csv")
    (mine / "twice.csv").symlink_to(mine / "file.csv")
    (mine / "proc.csv").symlink_to("/proc/self/environ")
    (mine / "all.csv").symlink_to(root / "shared" / "rows.csv")
    for name in ("file.csv", "folder/rows.csv", "bob.csv", "twice.csv", "proc.csv"):
        refused(lambda name=name: read(mine / name))
    assert read(mine / "all.csv") == b"shared\n1\n"
    assert all(not path.is_symlink() for path in places.files([".csv"], ANN))


def test_an_open_descriptor_is_no_other_spelling(root: Path, tmp_path: Path) -> None:
    with open(tmp_path / "secret" / "rows.csv", "rb") as stream:
        for path in (f"/proc/self/fd/{stream.fileno()}", f"/dev/fd/{stream.fileno()}"):
            (root / "ann" / "fd.csv").unlink(missing_ok=True)
            (root / "ann" / "fd.csv").symlink_to(path)
            refused(lambda path=path: read(path))
            refused(lambda path=path: read(path, OWNER))
            refused(lambda: read(root / "ann" / "fd.csv"))


def test_a_link_swapped_in_between_check_and_use_is_refused(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The attacker waits for the check and then puts a link in the file's, or its folder's, place."""
    inner = root / "ann" / "inner"
    inner.mkdir()
    (inner / "rows.csv").write_text("mine\n")
    for swapped, target in ((inner / "rows.csv", tmp_path / "secret" / "rows.csv"), (inner, tmp_path / "secret")):
        checked = places._root

        def swap(*given: object, swapped: Path = swapped, target: Path = target, checked: object = checked) -> Path:
            found: Path = checked(*given)  # type: ignore[operator]
            swapped.rename(tmp_path / f"gone-{swapped.name}")
            swapped.symlink_to(target)
            return found

        with monkeypatch.context() as patch:
            patch.setattr(places, "_root", swap)
            refused(lambda: read(inner / "rows.csv"))
        swapped.unlink()
        (tmp_path / f"gone-{swapped.name}").rename(swapped)
    assert read(inner / "rows.csv") == b"mine\n"


def test_a_root_or_a_persons_folder_that_is_a_link_is_none(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "eve").symlink_to(root / "bob")
    assert root / "bob" not in places.roots(Person("eve", Role.ANALYST, shared=True))
    monkeypatch.setenv(places.DATA_ROOT, "/")
    assert places.data_folders(ANN) == ()


@pytest.mark.parametrize("name", ["shared", "Shared", "..", ".", "a/b", "../secret", "", "ann/../bob", "x" * 65])
def test_a_name_is_no_way_out_of_the_root(root: Path, name: str) -> None:
    assert places.data_folders(Person(name, Role.ANALYST, shared=True)) == (root / "shared",)


def test_nobody_is_called_as_everybodys_folder(tmp_path: Path) -> None:
    assert "everybody's folder" in refused(lambda: Users(tmp_path / "users.json").add("Shared", "viewer", "correct horse battery"))


def test_what_is_hidden_in_the_root_stays_so(root: Path) -> None:
    (root / "shared" / ".env").write_text(SECRET)
    (root / "shared" / ".git").mkdir()
    (root / "shared" / ".git" / "config.csv").write_text(SECRET)
    refused(lambda: read(root / "shared" / ".env"))
    refused(lambda: read(root / "shared" / ".git" / "config.csv"))
    assert [p.name for p in places.files([""], ANN)] == ["rows.csv", "rows.csv"]


def test_an_upload_is_ones_own(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "x.csv").write_text("up")
    monkeypatch.setenv(places.UPLOADS, str(tmp_path / "up"))
    assert read(tmp_path / "up" / "x.csv") == b"up"
    assert not places.quiet(tmp_path / "up" / "x.csv", ANN) and places.quiet(root / "ann" / "rows.csv", ANN)
    assert not places.quiet(root / "ann" / "rows.csv", OWNER)


@pytest.mark.parametrize("person", [ANN, OWNER], ids=["shared", "owner"])
def test_devices_pipes_sockets_and_folders_are_no_input_and_hold_nobody_up(root: Path, person: Person) -> None:
    import socket

    mine = root / "ann"
    os.mkfifo(mine / "pipe.csv")
    (mine / "link.csv").symlink_to(mine / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.getcwd()
        os.chdir(mine)
        listening.bind("socket.csv")
        os.chdir(here)
        found: list[str] = []
        names = [
            *(mine / n for n in ("pipe.csv", "link.csv", "socket.csv")),
            "/dev/zero",
            "/dev/tty",
            "/proc/self/mem",
            "/proc/self/environ",
            mine,
        ]
        asking = threading.Thread(target=lambda: found.extend(refused(lambda p=p: read(p, person)) for p in names), daemon=True)
        asking.start()
        asking.join(60)
    assert len(found) == len(names), "one of them was waited for"


def test_proc_mounted_elsewhere_is_known_by_its_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_text("x")
    monkeypatch.setattr("tiltyard.files.reading._mounted", lambda: {(tmp_path / "x").stat().st_dev})
    assert "no regular file" in refused(lambda: opened(tmp_path / "x"))


WRITES = [
    "{home}/.ssh/authorized_keys",
    "{tmp}/runs.audit.jsonl",
    "{tmp}/runs.audit.jsonl.head",
    "{tmp}/runs.sqlite",
    "{tmp}/runs.sqlite-wal",
    "{tmp}/users.json",
    "{tmp}/users.json.lock",
    "{tmp}/keys.json",
    "{tmp}/keys.json.usage",
    "{tmp}/link",
    "{tmp}/inner/../users.json",
    "/dev/shm/x.safetensors",
    "/proc/self/fd/1",
]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable, name in (("STORE", "runs.sqlite"), ("USERS", "users.json"), ("KEYS", "keys.json")):
        monkeypatch.setenv(f"TILTYARD_{variable}", str(tmp_path / name))
        (tmp_path / name).write_text("true")
    monkeypatch.delenv("TILTYARD_AUDIT", raising=False)
    (tmp_path / "inner").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "users.json")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "suffixes"),
    [*((path, (".safetensors",)) for path in WRITES), *((path, ()) for path in WRITES[1:])],  # the first is kept by its ending alone
)
def test_tiltyards_own_files_are_never_written_over(own: Path, path: str, suffixes: tuple[str, ...]) -> None:
    place = path.format(tmp=own, home="~")
    refused(lambda: places.written(place, b"attack", "a guard file", suffixes, OWNER))
    if place != f"{own}/link":  # the link itself would be replaced, and what it leads to left as it is
        refused(lambda: places.written(place, b"attack", "a guard file", suffixes, OWNER, replace=True))
    assert all((own / name).read_text() == "true" for name in ("runs.sqlite", "users.json", "keys.json"))


@pytest.mark.parametrize("person", [ANN, ROOT], ids=["analyst", "admin"])
@pytest.mark.parametrize("path", [*WRITES, "{tmp}/root/ann/mine.safetensors", "mine.safetensors", "{tmp}/new.safetensors"])
def test_behind_a_shared_login_nothing_is_written(
    own: Path, path: str, person: Person, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(own)
    before = {p: p.stat().st_mtime_ns for p in own.rglob("*")}
    for replace in (False, True):
        said = refused(lambda: places.written(path.format(tmp=own, home="~"), b"x", "a guard", (".safetensors",), person, replace=replace))  # noqa: B023
        assert "a path on the server" in said
    assert {p: p.stat().st_mtime_ns for p in own.rglob("*")} == before


def test_where_each_own_file_is_by_default_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list in `own_files` is held against what each room says of itself."""
    from tiltyard.access.store_place import default_place as store
    from tiltyard.access.users import default_place as users
    from tiltyard.audit.log import head_path
    from tiltyard.audit.notes import place as log
    from tiltyard.serving.keys import default_place as keys

    for given in (False, True):
        for i, name in enumerate(("STORE", "USERS", "KEYS", "AUDIT")):
            monkeypatch.setenv(f"TILTYARD_{name}", str(tmp_path / f"{i}" / "file")) if given else monkeypatch.delenv(
                f"TILTYARD_{name}", False
            )
        if not given:
            monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: tmp_path / "data")
            monkeypatch.setattr("platformdirs.user_config_path", lambda *_, **__: tmp_path / "config")
        audit = log()
        assert audit is not None
        for path in (Path(store()), users(), keys(), audit, head_path(audit), keys().with_name(keys().name + ".usage")):
            assert is_own(Path(os.path.realpath(path))), path
    assert not is_own(tmp_path / "report.html") and not is_own(tmp_path / "data" / "checkpoints" / "x.safetensors")


def test_what_only_looks_like_an_own_file_is_the_owners(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTYARD_AUDIT", "off")
    monkeypatch.setenv("TILTYARD_STORE", f"sqlite:///{own}/r")
    monkeypatch.chdir(own)
    for name in ("report.html", "office.html", "off.html", "runs.html"):
        assert places.written(name, b"x", "a report", (".html",), OWNER).exists()
    for name in ("r", "r-wal", "r.audit.jsonl", "r.audit.jsonl.head"):
        refused(lambda name=name: places.written(own / name, b"x", "a report", (), OWNER))


@pytest.mark.parametrize(
    "path", ["~nobody-of-this-name/x.safetensors", "a\0b.safetensors", "", "/dev/x.safetensors", "/proc/x.safetensors"]
)
def test_what_is_no_path_is_one_line(path: str) -> None:
    refused(lambda: places.written(path, b"x", "a guard", (".safetensors",), OWNER))
    refused(lambda: read(path, OWNER))


def test_an_owner_replaces_only_by_their_word_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    assert places.written(path, b"one", "a file", (".safetensors",), OWNER).read_bytes() == b"one"
    assert "a name not in use" in refused(lambda: places.written(path, b"two", "a file", (".safetensors",), OWNER))
    assert path.read_bytes() == b"one"
    places.written(path, b"two", "a file", (".safetensors",), OWNER, replace=True)
    assert path.read_bytes() == b"two" and [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]
    (tmp_path / "dangling.safetensors").symlink_to(tmp_path / "made")
    refused(lambda: places.written(tmp_path / "dangling.safetensors", b"x", "a file", (), OWNER))
    assert not (tmp_path / "made").exists()


def test_what_a_step_keeps_stands_in_ones_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: tmp_path)
    kind = places.CHECKPOINT
    assert places.kept("run", kind, ANN) == tmp_path / "people" / "ann" / "checkpoints" / "run"
    assert places.kept("run", kind, OWNER) == tmp_path / "checkpoints" / "run"
    for name in (
        "../run",
        "/tmp/run.safetensors",
        "a/b",
        "~/x.safetensors",
        "~",
        "~nobody-of-this-name",
        "..",
        ".hidden",
        "a\0b",
        "x" * 65,
        "./run",
    ):
        refused(lambda name=name: places.kept(name, kind, ANN))
