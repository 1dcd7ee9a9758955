import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from tiltyard.access.users import Users
from tiltyard.cli import main
from tiltyard.cli.commands import apart, window
from tiltyard.cli.commands.window import HOST, Door, free_port, jupyterlab, notebook, opened, voila
from tiltyard.errors import Problem


def test_a_taken_port_is_told_or_gone_round() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Problem, match=f"port {port} free"):
            free_port(1, port)
        assert free_port(port, None) != port


def test_the_servers_bind_to_this_machine_alone(tmp_path: Path) -> None:
    assert notebook().name == "workbench.ipynb"
    assert f"--Voila.ip={HOST}" in voila(1, Door())
    assert f"--ServerApp.ip={HOST}" in jupyterlab(1, False, tmp_path)
    assert "--App.login=token" in voila(1, Door())
    assert not [word for word in jupyterlab(1, False, tmp_path) if "token" in word]


def test_a_data_root_is_a_folder_for_people_behind_a_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTYARD_USERS", str(tmp_path / "users.json"))
    Users().add("ada", "viewer", "correct horse battery")
    for root in (tmp_path / "none", tmp_path / "users.json", Path("/"), tmp_path / ".." / ".." / ".." / ".." / ".." / ".."):
        with pytest.raises(Problem, match="one of each person"):
            Door("password", data_root=root).ready()
    with pytest.raises(Problem, match="--data-root with --password"):
        Door("token", data_root=tmp_path).ready()
    (tmp_path / "root" / "shared").mkdir(parents=True)
    Door("password", data_root=tmp_path / "root").ready()
    for variable in ("TILTYARD_USERS", "TILTYARD_STORE", "TILTYARD_KEYS", "TILTYARD_AUDIT"):
        with monkeypatch.context() as within:
            within.setenv(variable, str(tmp_path / "root" / "shared" / "file"))
            with pytest.raises(Problem, match="none of Tiltyard's own files"):
                Door("hub", data_root=tmp_path / "root").ready()


def test_a_door_that_lets_nobody_or_everybody_in_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTYARD_USERS", str(tmp_path / "users.json"))
    with pytest.raises(Problem, match="tiltyard user add"):
        Door("password").ready()
    with pytest.raises(Problem, match="--no-token"):
        Door("none", "models.example").ready()
    Users().add("ada", "admin", "correct horse battery")
    Door("password", "models.example").ready()
    assert main(["app", "--password", "--no-token"]) == 2


def test_a_secret_among_what_every_kernel_reads_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "impossible", lambda: "")
    monkeypatch.setattr(apart, "python_places", lambda: (str(tmp_path / "site"),))
    for variable in ("TILTYARD_USERS", "TILTYARD_STORE", "TILTYARD_KEYS", "TILTYARD_AUDIT", "TILTYARD_AUDIT_KEY", "TILTYARD_STORE_KEY"):
        with monkeypatch.context() as patch:
            patch.setenv(variable, str(tmp_path / "site" / "secret"))
            with pytest.raises(Problem, match="Keep it elsewhere"):
                apart.kept_apart()
    apart.kept_apart()
    (tmp_path / "data" / "shared").mkdir(parents=True)
    monkeypatch.setenv("TILTYARD_USERS", str(tmp_path / "data" / "shared" / "users.json"))
    apart.kept_apart()
    with pytest.raises(Problem, match="away from people's data"):
        apart.kept_apart(tmp_path / "data")


@pytest.mark.parametrize("variable", ["TILTYARD_STORE", "TILTYARD_AUDIT"])
def test_a_store_or_log_without_a_folder_is_told_before_anybody_logs_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv("TILTYARD_USERS", str(tmp_path / "users.json"))
    Users().add("ada", "admin", "correct horse battery")
    monkeypatch.setenv(variable, str(tmp_path / "gone" / "file"))
    with pytest.raises(Problem, match=r"none at .*gone"):
        Door("password").ready()
    (tmp_path / "gone").mkdir()
    Door("password").ready()


def _stop(*_: object) -> int:
    raise KeyboardInterrupt


def test_the_app_says_at_its_start_where_kernels_are_not_confined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TILTYARD_USERS", str(tmp_path / "users.json"))
    Users().add("ada", "admin", "correct horse battery")
    monkeypatch.setattr(window, "unconfined", lambda: "Kernels are not confined here.")
    monkeypatch.setattr(window, "free_port", _stop)
    for login, said in (("password", True), ("token", False)):
        with pytest.raises(KeyboardInterrupt):
            window.app(None, False, Door(login))
        assert ("Kernels are not confined here." in capsys.readouterr().err) is said


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What would be started, with nothing started."""
    seen: list[list[str]] = []

    @contextmanager
    def started(command: list[str], line: str = "") -> Iterator[SimpleNamespace]:
        seen.append(command)
        yield SimpleNamespace(wait=lambda: 0)

    monkeypatch.setattr("tiltyard.cli.commands.window.started", started)
    monkeypatch.setattr("tiltyard.cli.commands.window.answers", lambda server, port: None)
    return seen


@pytest.mark.parametrize("root", [True, False])
def test_root_is_warned_of_and_opens_jupyterlab_only_where_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], commands: list[list[str]], tmp_path: Path, root: bool
) -> None:
    monkeypatch.setattr("tiltyard.cli.commands.window.as_root", lambda: root)
    assert main(["app"]) == 0
    assert ("Started as root" in capsys.readouterr().err) == root
    assert main(["lab", "--folder", str(tmp_path)]) == (2 if root else 0)
    assert ("--allow-root" in capsys.readouterr().err) == root
    assert main(["lab", "--folder", str(tmp_path), "--allow-root"]) == 0
    assert ("--allow-root" in commands[-1]) == root
    assert len(commands) == (2 if root else 3)


def test_a_browser_gets_the_token_from_a_file_of_its_owner_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("webbrowser.open", asked.append)
    with opened("http://127.0.0.1:1/?token=secret"):
        page = Path(asked[0].removeprefix("file://"))
        assert "secret" in page.read_text(encoding="utf-8")
        assert "secret" not in asked[0]
        assert page.parent.stat().st_mode & 0o077 == 0
    assert not page.exists()


@pytest.mark.slow
def test_the_app_answers_and_ends_with_its_server(tmp_path: Path) -> None:
    environment = {**os.environ, "TILTYARD_STORE": str(tmp_path / "runs.sqlite")}
    app = subprocess.Popen(
        [sys.executable, "-m", "tiltyard", "app"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    try:
        assert app.stdout is not None
        said = app.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:(\d+)/\?token=[\w-]{43,}", said)
        assert url, said
        with httpx.Client(timeout=120, follow_redirects=True) as browser:
            assert "Paste the token" in browser.get(url[0].partition("?")[0]).text
            page = browser.get(url[0])
        text = page.text
        assert (page.status_code, str(page.url)) == (200, url[0].partition("?")[0])
        assert not re.findall(r"(?:src|href)=[\"'](?:https?:)?//(?!127\.0\.0\.1)", text)
    finally:
        app.send_signal(signal.SIGTERM)
        code = app.wait(300)
        app.stdout.close() if app.stdout else None
    assert code == 130
    with socket.socket() as probe:
        for _ in range(50):
            if probe.connect_ex((HOST, int(url[1]))) != 0:
                break
            time.sleep(0.1)
        else:
            pytest.fail("the server outlived the command")


@pytest.mark.parametrize("which", ["app", "lab"])
def test_a_file_of_the_folder_one_works_in_is_never_taken_for_a_library(tmp_path: Path, which: str) -> None:
    """Beside a stranger's model may lie a stranger's random.py: started there, the servers used to run it."""
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    for name in ("random", "jinja2", "voila", "tornado", "jupyterlab"):
        (stranger / f"{name}.py").write_text("from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\nraise ImportError\n")
    words = voila(1, Door()) if which == "app" else jupyterlab(1, False, stranger)
    module = words.index("-m") + 2
    done = subprocess.run([*words[:module], "--version"], cwd=stranger, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert not list(stranger.glob("*.ran"))
