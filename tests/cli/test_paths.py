"""Every option that is a path is known by what it is; what is no file is no input, and what is written replaces nothing unasked."""

import os
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tiltyard.cli import main

with warnings.catch_warnings():  # typer takes from click what the next click no longer has
    warnings.simplefilter("ignore", DeprecationWarning)
    import click
    import typer

    from tiltyard.cli.app import app
    from tiltyard.cli.commands.step import COMMON

Tiltyard = Callable[..., Any]
SPEAKS = re.compile(r"\b(files?|folders?|paths?|director(y|ies)|FILE\S*|DIR|PATH\S*)(?!\w)", re.IGNORECASE)

# Files to read, each with a command that reads it at {}.
IN: dict[str, list[str]] = {
    "scan paths": ["scan", "{}"],
    "accept files": ["accept", "{}", "--why", "it is ours"],
    "app offer": ["app", "--offer", "{0}={0}"],
    "assess config": ["assess", "{}"],
    "assess policy": ["assess", "a.toml", "--policy", "{}"],
    "report policy": ["report", "last", "--policy", "{}"],
    "sign paths": ["sign", "{}", "--key", "key.pem"],
    "sign key": ["sign", "a.toml", "--key", "{}"],
    "verify path": ["verify", "{}"],
    "verify key": ["verify", "a.toml", "--key", "{}"],
    "seal paths": ["seal", "{}"],
    "seal key_file": ["seal", "a.toml", "--key-file", "{}"],
    "seal to_key_file": ["seal", "a.toml", "--rotate", "--key-file", "key.pem", "--to-key-file", "{}"],
    "unseal paths": ["unseal", "{}", "--out", "opened"],
    "unseal key_file": ["unseal", "a.sealed", "--key-file", "{}"],
    "bom config": ["bom", "{}"],
    "probe request": ["probe", "http://127.0.0.1:9", "--request", "{}"],
    "labels path": ["labels", "http://127.0.0.1:9", "{}"],
    "monitor paths": ["monitor", "{}"],
    "serve config": ["serve", "sample:census", "--config", "{}"],
    "compare data": ["compare", "a.toml", "a.toml", "--data", "{}"],
    "watermark commit config": ["watermark", "commit", "new.key", "--owner", "ann", "--config", "{}"],
    "watermark commit data": ["watermark", "commit", "new.key", "--owner", "ann", "--data", "{}", "--label", "name"],
    "watermark order key": ["watermark", "order", "{}"],
    "course accounts roster": ["course", "accounts", "{}", "--out", "first.csv"],
    "course collect roster": ["course", "collect", "{}", "."],
    "course collect folder": ["course", "collect", "class.csv", "{}"],
    "course release source": ["course", "release", "handed", "--source", "{}"],
    "course reset work": ["course", "reset", "ann", "--work", "{}"],
}
# Files to write, each with the option that lets them replace one, or where new ones never do.
OUT = {
    "demo out": "--overwrite",
    "assess out": "--overwrite",
    "report out": "--overwrite",
    "bom out": "--overwrite",
    "probe out": "--overwrite",
    "sign out": "never",
    "seal out": "never",
    "unseal out": "never",
    "artifacts get out": "never",
    "serve monitor": "adds to its own",
    "watermark commit key": "never",
    "watermark order out": "never",
    "course accounts out": "never",
    "course collect out": "by tests/labs/test_course.py",
    "course collect page": "by tests/labs/test_course.py",
    "course release out": "by tests/labs/test_course.py",
}
# Tiltyard's own files and folders, named by the account's owner.
OWN = {
    "app notebook",
    "app data_root",
    "app limits",
    "lab folder",
    *(
        f"{group} {name} {file}"
        for group, names, file in (("user", "add list role password remove", "users"), ("key", "new list revoke rotate", "keys"))
        for name in names.split()
    ),
    "serve keys",
    "probe keys",
    "course accounts users",
}
# Speak of files and take none: switches.
STEPS_OWN = {"config": "in", "model": "in", "data": "in", "architecture": "in", "behind": "in"}


def options(command: click.Command, name: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Parameter]]:
    if isinstance(command, click.Group):
        for word, inner in command.commands.items():
            yield from options(inner, (*name, word))
    else:
        yield from ((f"{' '.join(name)} {option.name}", option) for option in command.params)


def takes_a_path(option: click.Parameter) -> bool:
    """By its type, or because it speaks of one and is no switch."""
    said = f"{getattr(option, 'help', '') or ''} {option.metavar or ''}"
    switch = (
        isinstance(option.type, click.types.BoolParamType)
        or getattr(option, "is_flag", False)
        or type(option.type).__name__ == "BoolParamType"
    )
    return "Path" in type(option.type).__name__ or (not switch and bool(SPEAKS.search(said)))


def test_every_option_that_is_a_path_is_known() -> None:
    main(["--version"])  # has every command registered, whichever test comes first
    found = {name for name, option in options(typer.main.get_command(app)) if takes_a_path(option)}
    assert len(found) > 25
    known = set(IN) | set(OUT) | OWN
    by_text = {"serve model", "check arguments"}  # opened by the door of models, which looks at what they are
    assert found - known - by_text == set(), "say of a new one whether it is read, written or Tiltyard's own"
    assert set(IN) | set(OUT) <= found


def test_every_path_that_a_step_is_given_on_the_command_line_is_known() -> None:
    speaks = {name for name, (metavar, help) in ((n, (c[0], c[1])) for n, c in COMMON.items()) if SPEAKS.search(f"{metavar} {help}")}
    assert speaks == set(STEPS_OWN)


@pytest.fixture
def no_files(tmp_path: Path) -> list[str]:
    (tmp_path / "a.toml").write_text("[target]\n")
    (tmp_path / "a.sealed").write_text("x")
    (tmp_path / "class.csv").write_text("login,name\nann,Ann\n")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    (tmp_path / "environ.toml").symlink_to("/proc/self/environ")
    return ["pipe", "link", "environ.toml", "/dev/zero", "/dev/fd/0", "/proc/self/environ", "/proc/self/mem"]


@pytest.mark.parametrize("name", list(IN))
def test_devices_and_pipes_are_no_input_and_hold_nobody_up(
    name: str, no_files: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TILTYARD_PASSPHRASE", "correct horse battery staple")
    ended: dict[str, int] = {}

    def all_of_them() -> None:
        for path in no_files:
            ended[path] = main([word.format(path) for word in IN[name]])

    asking = threading.Thread(target=all_of_them, daemon=True)
    asking.start()
    asking.join(120)
    assert list(ended) == no_files, f"{no_files[len(ended)]} was waited for"
    assert all(code != 0 for code in ended.values())
    assert "PATH=" not in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name, how in OUT.items() if how == "--overwrite"])
def test_a_file_that_is_there_is_replaced_by_its_owners_word_alone(name: str, tiltyard: Tiltyard, tmp_path: Path) -> None:
    command = name.split()[0]
    (tmp_path / "there").mkdir()
    files = ("report.html", "report.json", "report.sarif", "junit.xml", "bom.cdx.json")
    for file in files:
        (tmp_path / "there" / file).write_text("mine")
    (tmp_path / "a.toml").write_text('profile = "quick"\n[target]\nsample = "census"\n[data]\nsample = "census"\n')
    words = {"assess": ["a.toml"], "report": ["last"], "bom": [], "demo": [], "probe": ["http://127.0.0.1:9"]}[command]
    out = {"report": "there/report.html", "bom": "there/bom.cdx.json"}.get(command, "there")
    if command == "report":
        pytest.importorskip("sqlalchemy")
        from tiltyard.samples.catalog import load
        from tiltyard.store.store import Store
        from tiltyard.validation.performance import Performance

        sample, store = load("census"), Store()
        run = store.begin("x", sample.target.identity, sample.data.identity)
        store.add(run.id, Performance(rows=10)(sample.target, sample.data))
    said = tiltyard(command, *words, "--out", out)
    assert said.code == 2 and "which is there" in said.err and "--overwrite" in said.err
    assert {(tmp_path / "there" / file).read_text() for file in files} == {"mine"}
    if command in ("report", "bom"):
        assert tiltyard(command, *words, "--out", out, "--overwrite").code == 0
        assert (tmp_path / out).read_text() != "mine"


@pytest.mark.parametrize("own", ["users.json", "keys.json"])
def test_a_report_is_never_written_over_tiltyards_own_files(
    own: str, tiltyard: Tiltyard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"TILTYARD_{own.partition('.')[0].upper()}", str(tmp_path / own))
    (tmp_path / own).write_text("true")
    for name in (own, f"./x/../{own}", str(tmp_path / own)):
        (tmp_path / "x").mkdir(exist_ok=True)
        assert tiltyard("bom", "--out", name, "--overwrite").code == 2
    assert (tmp_path / own).read_text() == "true"


@pytest.mark.parametrize("role", ["analyst", "admin"])
@pytest.mark.parametrize("words", [("bom", "--out", "new.json"), ("report", "last", "--out", "new.html")])
def test_behind_a_shared_login_the_command_line_writes_nothing_either(
    words: tuple[str, ...], role: str, tiltyard: Tiltyard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TILTYARD_USER", "ann")
    monkeypatch.setenv("TILTYARD_ROLE", role)
    assert tiltyard(*words).code == 2
    assert not (tmp_path / words[-1]).exists()


@pytest.mark.parametrize(
    "words",
    [
        ("assess", "{}"),
        ("bom", "{}"),
        ("monitor", "{}"),
        ("report", "last", "--policy", "{}"),
        ("check", "validation.performance", "--sample", "census", "--data", "{}"),
        ("labels", "http://127.0.0.1:9", "{}"),
    ],
)
def test_behind_a_shared_login_nothing_of_a_file_comes_back(
    words: tuple[str, ...], tiltyard: Tiltyard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the person's own folder too, an error about a file quotes none of it; elsewhere it is not opened."""
    monkeypatch.setenv("TILTYARD_USER", "ann")
    monkeypatch.setenv("TILTYARD_ROLE", "admin")
    (tmp_path / "root" / "ann").mkdir(parents=True)
    monkeypatch.setenv("TILTYARD_DATA_ROOT", str(tmp_path / "root"))
    for place in (tmp_path / ".env", tmp_path / "root" / "ann" / "x.csv", tmp_path / "root" / "ann" / "x.toml", Path("/etc/passwd")):
        if not place.exists():
            place.write_text("DATABASE_PASSWORD=hunter2\nSECRET = not toml\n")
        said = tiltyard(*(word.format(place) for word in words))
        assert said.code == 2
        assert not re.search(r"DATABASE|hunter2|SECRET|root:", said.err + said.out)
