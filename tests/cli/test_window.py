import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tiltyard.cli.window import HOST, free_port, jupyterlab, notebook, voila
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
    assert f"--Voila.ip={HOST}" in voila(1, browser=False)
    assert f"--ServerApp.ip={HOST}" in jupyterlab(1, False, tmp_path)
    assert "--no-browser" in voila(1, browser=False)
    assert "--no-browser" not in voila(1, browser=True)
    assert not [word for word in jupyterlab(1, False, tmp_path) if "token" in word]


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
        url = re.search(r"http://127\.0\.0\.1:(\d+)/", said)
        assert url, said
        with urllib.request.urlopen(url[0], timeout=60) as page:
            text = page.read().decode()
        assert page.status == 200
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
