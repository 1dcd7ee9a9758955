"""`binder/` as repo2docker reads it: the pinned environment, and a session that opens on the workbench."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
BINDER = ROOT / "binder"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
START = BINDER / "start"


def lines(name: str) -> list[str]:
    return [line for line in (BINDER / name).read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def test_repo2docker_finds_only_what_it_knows() -> None:
    known = {"requirements.txt", "runtime.txt", "start", "postBuild", "apt.txt"}
    assert {"requirements.txt", "runtime.txt", "start"} <= {p.name for p in BINDER.iterdir() if p.is_file()} <= known


def test_the_environment_is_the_pinned_one() -> None:
    constraint, project = lines("requirements.txt")
    flag, path = constraint.split()
    assert flag == "-c"
    assert (BINDER / path).resolve() == ROOT / "constraints.txt"
    asked = re.fullmatch(r"-e \.\[([\w,]+)\]", project)
    assert asked
    assert set(asked[1].split(",")) <= set(PROJECT["optional-dependencies"])


def test_what_make_run_installs_is_what_binder_installs() -> None:
    assert f'".{lines("requirements.txt")[1].removeprefix("-e .")}"' in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_python_is_one_the_project_allows() -> None:
    (runtime,) = lines("runtime.txt")
    version = runtime.removeprefix("python-")
    assert f"{version}.0" in SpecifierSet(PROJECT["requires-python"])
    pins = [Requirement(line) for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    at = {"python_version": version, "python_full_version": f"{version}.9"}
    assert [str(pin) for pin in pins if pin.marker and not pin.marker.evaluate(at)] == []


def test_the_first_page_is_a_notebook_that_is_there() -> None:
    config = json.loads((BINDER / "jupyter" / "jupyter_server_config.json").read_text(encoding="utf-8"))
    pages = {config[app]["default_url"] for app in ("ServerApp", "LabApp")}
    (page,) = pages
    assert (ROOT / page.removeprefix("/voila/render/")).is_file()


def test_the_labs_first_page_is_made_without_the_solutions(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "notebooks" / "labs", tmp_path / "notebooks" / "labs", ignore=shutil.ignore_patterns("built"))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([BINDER / "postBuild"], cwd=tmp_path, env=environment, check=True, capture_output=True)
    built = tmp_path / "notebooks" / "labs" / "built"
    assert {path.name for path in built.iterdir()} == {"student", "slides"}
    page = "".join(json.loads((built / "student" / "start.ipynb").read_text(encoding="utf-8"))["cells"][0]["source"])
    links = re.findall(r"\((lab\d_\w+\.ipynb)\)", page)
    assert len(links) == 8 and all((built / "student" / link).is_file() for link in links)


def test_start_hands_over_to_the_given_command(tmp_path: Path) -> None:
    code = "import os; print(os.environ['JUPYTER_PATH'], os.environ['JUPYTER_CONFIG_PATH'], sep='\\n')"
    said = subprocess.run([START, sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.splitlines()
    templates, config = (Path(line.split(os.pathsep)[0]) for line in said)
    assert (templates / "voila" / "templates" / "tiltyard" / "conf.json").is_file()
    assert config == BINDER / "jupyter"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[str]:
    """The address of a Jupyter server started as a Binder session starts it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [START, sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1", f"--port={port}", "--no-browser", "--IdentityProvider.token="]
    command += [f"--ServerApp.root_dir={ROOT}", "--ServerApp.port_retries=0", *(["--allow-root"] if os.geteuid() == 0 else [])]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        yield f"http://127.0.0.1:{port}"
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@pytest.mark.slow
def test_a_session_opens_on_the_workbench(session: str) -> None:
    begun = time.monotonic()
    while True:
        try:
            with urlopen(f"{session}/", timeout=60) as answer:
                assert answer.url.startswith(f"{session}/voila/render/notebooks/apps/workbench.ipynb")
                assert "<title>Tiltyard</title>" in answer.read().decode()
            return
        except OSError:
            assert time.monotonic() - begun < 300
            time.sleep(0.3)
