"""Which commands a fork can stand in for."""

import subprocess
import sys

import pytest

from tiltyard_widgets.warm.changes import stamp
from tiltyard_widgets.warm.provisioner import asked
from tiltyard_widgets.warm.request import Request, module_in, read

LAUNCH = ["-m", "ipykernel_launcher", "-f", "x.json"]


def test_a_request_comes_over_as_it_was() -> None:
    request = Request("m", ("a", "b"), {"A": "ü"}, "/", (7,), True)
    assert read(request.written()) == request


@pytest.mark.parametrize(
    ("command", "module"),
    [
        ([sys.executable, *LAUNCH], "ipykernel_launcher"),
        ([sys.executable, "-Xfrozen_modules=off", *LAUNCH], "ipykernel_launcher"),
        ([sys.executable, "-P", *LAUNCH], "ipykernel_launcher"),
        ([sys.executable, "-O", *LAUNCH], None),
        ([sys.executable, "script.py"], None),
        ([sys.executable, "-m"], None),
        (["/usr/bin/env", *LAUNCH], None),
        (["no such python", *LAUNCH], None),
        ([], None),
    ],
)
def test_only_a_module_of_this_python_is_forked(command: list[str], module: str | None) -> None:
    at = module_in(command)
    assert (at if at is None else command[at]) == module


def test_what_a_fork_cannot_give_is_started_from_nothing() -> None:
    command = [sys.executable, *LAUNCH]
    found = asked(command, {"env": {"A": "b"}, "cwd": "/tmp", "pass_fds": (5,)})
    assert found == Request("ipykernel_launcher", ("-f", "x.json"), {"A": "b"}, "/tmp", (5,))
    quiet = asked(command, {"env": {}, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL})
    assert quiet is not None and quiet.quiet
    assert asked(command, {"env": {}, "stdout": subprocess.PIPE}) is None
    assert asked(command, {"env": {}, "preexec_fn": print}) is None


def test_the_stamp_is_the_same_until_something_changes(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("tiltyard_widgets.warm.changes._roots", lambda: (str(tmp_path),))
    (tmp_path / "a.py").write_text("1")
    first = stamp()
    assert stamp() == first
    (tmp_path / "a.py").write_text("12")
    second = stamp()
    (tmp_path / "b.py").write_text("")
    assert len({first, second, stamp()}) == 3
