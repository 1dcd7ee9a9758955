"""Every parameter that is a path says so, and every path goes through a door: what is new cannot forget either."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

import tiltyard
from tiltyard.access import places
from tiltyard.access.person import Person
from tiltyard.access.roles import Role
from tiltyard.catalogue import checks, defenses
from tiltyard.check import PathField, Step, named, parameter, path_fields
from tiltyard.errors import Problem
from tiltyard.execution.runner import Runner
from tiltyard.parameters import model_facts
from tiltyard.result import Status
from tiltyard.store.store import Store

STEPS = {**checks(), **defenses()}
ANN = Person("ann", Role.ANALYST, shared=True)
ROOT = Person("root", Role.ADMIN, shared=True)
SPEAKS = re.compile(r"\b(files?|folders?|paths?|director(y|ies)|zip)\b", re.IGNORECASE)
NAMED = re.compile(r"(^|_)(file|folder|path|dir|save|out|output|source|lock|resume|checkpoint)(_|$)|save_as", re.IGNORECASE)
# Speak of files and take none.
INNOCENT: set[tuple[str, str]] = set()
FIELDS = [(cls, name) for cls in STEPS.values() for name in path_fields(cls)]
IDS = [f"{cls.id} {name}" for cls, name in FIELDS]
OUTSIDE = ["/etc/passwd", "../../../../etc/passwd", "~/.ssh/authorized_keys", "/proc/self/environ", "/dev/zero", "/tmp/x.safetensors"]


def test_there_are_some() -> None:
    assert {"validation.guard save_as", "privacy.lira folder", "supply_chain.age lock", "theft.watermark key_file"} <= set(IDS)


def unsaid(cls: type[Step]) -> Iterator[str]:
    """The parameters that are paths by their type, unit, help or name, and do not say so; those that say so and are not whole."""
    paths = path_fields(cls)
    for field in model_facts(cls):
        speaks = str in (field.kind, field.item) and bool(SPEAKS.search(field.help) or NAMED.search(field.name))
        is_one = "Path" in str(field.kind) or field.unit == "path" or speaks
        if is_one and not field.choices and (cls.id, field.name) not in INNOCENT and field.name not in paths:
            yield f"make {field.name} of {cls.id} a source_parameter, written_parameter or kept_parameter"
    for name, path in paths.items():
        if cls.model_fields[name].default != "" or cls.model_fields[name].annotation is not str:
            yield f"{name} of {cls.id} is no text that is empty by default"
        if path.kind != "in" and not (path.suffixes or path.folder):
            yield f"{name} of {cls.id}: nothing is written whose ending nobody knows"


def test_a_parameter_that_is_a_path_says_so() -> None:
    assert [fault for cls in STEPS.values() for fault in unsaid(cls)] == []


def test_a_path_that_does_not_say_so_is_found() -> None:
    class Sly(Step):
        id: ClassVar[str] = "evasion.sly"
        lock: str | None = parameter(None, "What was installed")
        words: str = parameter("", "A folder of words")
        plain: str = parameter("", "A word")

    assert [fault.split()[1] for fault in unsaid(Sly)] == ["lock", "words"]


@pytest.mark.parametrize("person", [ANN, ROOT], ids=["analyst", "admin"])
@pytest.mark.parametrize(("cls", "name"), FIELDS, ids=IDS)
def test_behind_a_shared_login_none_takes_a_path_of_the_server(
    cls: type[Step], name: str, person: Person, grounds: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the runner, as a panel's click comes, and by the step itself, as one sent to a worker comes."""
    monkeypatch.setenv("TILTYARD_USER", person.name)
    monkeypatch.setenv("TILTYARD_ROLE", str(person.role))
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: tmp_path / "data")
    ground = grounds["table"]
    store = Store(tmp_path / "runs.sqlite", person=person)
    for text in (*OUTSIDE, str(tmp_path / "runs.audit.jsonl"), str(tmp_path / "new.safetensors"), str(tmp_path / "new.key")):
        step = named(cls, {name: text})
        with pytest.raises(Problem) as refused:
            Runner(store).start([step], ground.target, ground.data)
        done = step(ground.target, ground.data)  # type: ignore[operator]
        record = getattr(done, "record", done)
        assert record.result.status in (Status.FAILED, Status.NOT_APPLICABLE), text
        assert "root:" not in f"{refused.value} {record.result} {record.error}"
    assert not store.runs() and sorted(p.name for p in tmp_path.iterdir() if "runs.sqlite" not in p.name) == []


@pytest.mark.parametrize(("cls", "name"), FIELDS, ids=IDS)
def test_a_bare_name_is_kept_for_oneself_and_nothing_else(
    cls: type[Step], name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: tmp_path)
    path: PathField = path_fields(cls)[name]
    step = named(cls, {name: "mine.key"})
    if path.kind == "kept":
        assert step.settled(ANN) == step
    else:
        with pytest.raises(Problem):
            step.settled(ANN)


def test_an_upload_reaches_the_step_as_one_real_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tiltyard.supply_chain.trained_with import Versions

    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "pins.txt").write_text("torch==2.6.0\n")
    (tmp_path / "up" / "link.txt").symlink_to(tmp_path / "up" / "pins.txt")
    monkeypatch.setenv(places.UPLOADS, str(tmp_path / "up"))
    given = Versions(trained=str(tmp_path / "up" / "link.txt")).settled(ANN)
    assert given.trained == str(tmp_path / "up" / "pins.txt")


OPENS = {"open", "read_text", "read_bytes", "write_text", "write_bytes"}
# Who opens files by name, and why it may: all others go through tiltyard.files.reading or tiltyard.access.places.
DOORS = {
    "files.reading": "the door",
    "controls.upload": "in a folder that it made",
    "files.atomic": "the door",
    "sealing.sealing": "rotates a key in place, for the owner of the account",
    "audit.log": "its own file",
    "store.anchoring": "the audit log",
    "store.checking": "looks whether it is a store",
    "store.process": "what Linux says of a process",
    "broker.weight": "what Linux says of a session",
    "gateway.together": "what Linux says of processes",
    "access.users": "its own file",
    "serving.ledger": "its own file",
    "serving.journal": "its own file",
    "serving.keys": "its own file",
    "monitoring.journal": "its own file, by `tiltyard serve`",
    "cli.__init__": "standard output that nobody reads any more",
    "store.database": "its own file",
    "files.locking": "a lock",
    "artifacts.acceptance": "its own file",
    "cli.commands.scan": "in a folder that it made",
    "published.scan_cache": "its own file",
    "serving.extraction_detector": "its own file",
    "serving.quota": "its own file",
    "server.verdicts": "its own file",
    "datasets.gallery": "pictures of a folder, each by the door",
    "datasets.image_parquet": "shards of a folder, each by the door",
    "targets.boosters.catboost_model": "in a folder that it made",
    "targets.huggingface.loading": "in a folder that it made",
    "views.static": "what ships",
    "views.threshold": "what ships",
    "federated.deployed.credentials": "in a folder that it made",
    "published.schemas": "made when Tiltyard is built",
    "cli.commands.window": "in a folder that it made",
    "samples.datasheet": "what ships",
    "samples.catalog": "what ships",
    "samples.train": "made when Tiltyard is built",
    "supply_chain.advisories": "what ships",
    "federated.deployed.home": "in a folder that it made",
    "federated.deployed.processes": "in a folder that it made",
    "federated.deployed.deployment": "in a folder that it made",
    "theme.block": "what ships",
    "access.landlock": "names a place and reads nothing of it",
    "federated.deployed.logs": "in a folder that it made",
    "gateway.confined": "in a folder that it made",
    "child_processes.memory": "what Linux says of its memory",
    "cli.commands.doctor_shared": "what Linux says of shares of the processor",
    "gateway.handlers": "what ships",
    "gateway.login": "what ships",
    "server.inside": "the contents root's own door",
    "server.handlers": "what ships",
    "display.cards": "what ships",
    "gateway.people": "what ships",
    "labs.texts": "what ships",
    "labs.kit": "what ships, and five files of ours in the folder that a notebook names",
    "labs.source": "sources of labs, for whoever builds them",
    "labs.build": "made when labs are handed out, by the account's owner",
    "published.stubs": "made when Tiltyard is built",
    "access.confined": "what Linux says of a process",
    "warm.prepared": "what Linux says of its threads",
    "warm.child": "nothing at all (os.devnull)",
    "warm.title": "what Linux says of a process",
    "theme.plain": "no file: a widget's line to the page",
}
ROOTS = [Path(tiltyard.__file__).parent, Path(__file__).parents[2] / "widgets" / "tiltyard_widgets"]


def opens(text: str) -> list[str]:
    """What in a source opens a file by its name."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id == "open":
            found.append("open")
        if isinstance(node.func, ast.Attribute) and node.func.attr in OPENS:
            of = ast.unparse(node.func.value)
            if not re.search(r"archive|distribution|resources|webbrowser|jobs|safe_open|Image|self\.session|panel", of):
                found.append(ast.unparse(node.func))
        if isinstance(node.func, ast.Name) and node.func.id == "safe_open":
            found.append("safe_open")
    return found


def test_files_are_opened_by_the_doors_alone() -> None:
    seen: dict[str, list[str]] = {}
    for root in ROOTS:
        for path in sorted(root.rglob("*.py")):
            name = ".".join(path.relative_to(root).with_suffix("").parts)
            if found := opens(path.read_text(encoding="utf-8")):
                seen[name] = found
    assert sorted(name for name in seen if name not in DOORS) == []


def test_what_opens_a_file_is_seen() -> None:
    assert opens("open(p)\nPath(p).read_text()\np.open('rb')\np.write_bytes(b'')\nos.open(p, 0)\nsafe_open(p, 'np')") == [
        "open",
        "Path(p).read_text",
        "p.open",
        "p.write_bytes",
        "os.open",
        "safe_open",
    ]
    assert opens("archive.open(name)\nresources.files('x').joinpath('y').read_text()") == []


@pytest.fixture
def guarded(grounds: Any) -> Callable[..., Any]:
    from tiltyard.validation.input_guard import Guard

    return lambda **given: Guard(rows=20, **given)(grounds["table"].target, grounds["table"].data).record


@pytest.mark.parametrize("name", ["authorized_keys", "runs.audit.jsonl", "users.json", "guard", "x.safetensors.sh", ".bashrc"])
def test_the_guard_writes_its_own_kind_of_file_alone(guarded: Callable[..., Any], tmp_path: Path, name: str) -> None:
    for given in ({}, {"overwrite": True}):
        record = guarded(save_as=str(tmp_path / name), **given)
        assert record.result.status is Status.FAILED and ".safetensors" in record.result.summary
    assert list(tmp_path.iterdir()) == []


def test_the_guard_replaces_a_file_by_its_owners_word_alone(guarded: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_text("mine")
    record = guarded(save_as=str(path))
    assert record.result.status is Status.FAILED and "a name not in use" in record.result.summary and path.read_text() == "mine"
    assert guarded(save_as=str(path), overwrite=True).result.status is not Status.FAILED and path.read_bytes() != b"mine"
