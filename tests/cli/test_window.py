import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tiltyard.access.users import Users
from tiltyard.cli import main
from tiltyard.cli.window import HOST, Door, free_port, jupyterlab, notebook, opened, voila
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


def test_a_door_that_lets_nobody_or_everybody_in_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTYARD_USERS", str(tmp_path / "users.json"))
    with pytest.raises(Problem, match="tiltyard user add"):
        Door("password").ready()
    with pytest.raises(Problem, match="--no-token"):
        Door("none", "models.example").ready()
    Users().add("ada", "admin", "correct horse battery")
    Door("password", "models.example").ready()
    assert main(["app", "--password", "--no-token"]) == 2


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
        code = app.wait(30)
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
