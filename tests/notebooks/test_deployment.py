"""The files for containers say what the app can do, and agree with each other and with the package."""

import json
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks" / "deployment"
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def told(what: str) -> list[str]:
    """What the lines of the Dockerfile that begin with this word say after it, the last one last."""
    return re.findall(rf"^{what} (.+)$", DOCKERFILE, re.MULTILINE)


def values() -> dict[str, Any]:
    import yaml

    found: dict[str, Any] = yaml.safe_load((FOLDER / "values.yaml").read_text(encoding="utf-8"))
    return found


def test_the_image_is_not_root_and_starts_the_app_for_the_hub() -> None:
    assert told("USER")[-1] == "tiltyard" and "--uid 1000 tiltyard" in DOCKERFILE
    assert json.loads(told("CMD")[-1]) == ["tiltyard", "app", "--hub"]
    extras = re.search(r'"/src\[([\w,]+)\]"', DOCKERFILE)
    assert extras and set(extras[1].split(",")) <= set(PROJECT["project"]["optional-dependencies"]) and "ARG INDEX" in DOCKERFILE
    python = re.search(r"python:(\d\.\d+)-", told("FROM")[0])
    assert python and f"Programming Language :: Python :: {python[1]}" in PROJECT["project"]["classifiers"]


def test_what_it_starts_is_a_command_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    from tiltyard.cli import main

    program, command, option = json.loads(told("CMD")[-1])
    assert program in PROJECT["project"]["scripts"]
    assert main([command, "--help"]) == 0 and option in capsys.readouterr().out


def test_all_that_a_wheel_is_made_of_is_in_the_image_and_no_history() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    let_in = [line[2:] for line in lines if line.startswith("!/")]
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    wanted = [*wheel["packages"], *wheel["force-include"], *wheel["shared-data"], PROJECT["tool"]["hatch"]["version"]["path"]]
    wanted += ["pyproject.toml", "constraints.txt", PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]]
    assert not [path for path in wanted if not any(fnmatch(path, f"{one}*") for one in let_in)]
    assert not [one for one in let_in if one.startswith((".git", ".venv"))]


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A server that gives every page this status; its port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Location", "/hub/login")
            self.end_headers()

        def log_message(self, *said: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def healthy(port: int, host: str = "127.0.0.1") -> bool:
    command = json.loads(told("HEALTHCHECK")[0].partition("CMD ")[2])
    words = [sys.executable, *command[1:]]
    url = {"JUPYTERHUB_SERVICE_URL": f"http://{host}:{port}/user/ada/"}
    return subprocess.run(words, env=url, stderr=subprocess.DEVNULL, check=False).returncode == 0


def test_a_server_that_sends_people_to_the_login_is_healthy_and_one_that_breaks_or_is_gone_is_not() -> None:
    with answering(302) as port:
        assert healthy(port) and healthy(port, "0.0.0.0")
    assert not healthy(port)
    with answering(500) as port:
        assert not healthy(port)


def test_the_charts_values_are_those_of_the_image() -> None:
    single = values()["singleuser"]
    assert single["cmd"] == json.loads(told("CMD")[-1])
    assert single["storage"]["homeMountPath"] == told("WORKDIR")[-1]  # else uploads lie on the container's own disk and go with it
    rights = values()["hub"]["config"]["KubeSpawner"]["container_security_context"]
    assert single["uid"] == rights["runAsUser"] == 1000 and rights["runAsNonRoot"] and rights["readOnlyRootFilesystem"]
    assert "/tmp" in [mount["mountPath"] for mount in single["storage"]["extraVolumeMounts"]]
    assert "secretKeyRef" in single["extraEnv"]["TILTYARD_STORE"]["valueFrom"]  # no password in the file
    assert values()["cull"]["enabled"] is True


def test_nobody_comes_in_by_the_charts_defaults_and_the_store_is_reached() -> None:
    """The chart's own: any name with any password, a proxy open to the outside over plain HTTP, no way to a private address."""
    assert values()["hub"]["config"]["JupyterHub"]["authenticator_class"] not in ("dummy", None)
    assert values()["proxy"]["service"]["type"] == "ClusterIP"
    policy = values()["singleuser"]["networkPolicy"]
    assert policy["enabled"] is True and {"protocol": "TCP", "port": 5432} in policy["egress"][0]["ports"]
