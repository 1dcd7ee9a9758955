"""Names of runs and models are others' words: a terminal shows them and obeys none of them."""

import sys
from pathlib import Path

import pytest

from tiltyard.cli import main
from tiltyard.cli.console import pour, shown
from tiltyard.result import Identity
from tiltyard.store.store import Store

HOSTILE = "\x1b[2K\x1b]52;c;aGk=\x07\x9b31m✓ intact\r\x1b[1A\u202e\u2066x"
COMMANDS = [["runs"], ["compare", "last", "last"], ["artifacts", "list"], ["report", "last"], ["report", HOSTILE], ["runs", HOSTILE]]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: " ".join(words).encode("ascii", "replace").hex()[:40])
def test_a_terminal_obeys_no_name(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TILTYARD_STORE", str(tmp_path / "runs.sqlite"))
    what = Identity(name=HOSTILE, fingerprint="0" * 64, detail=HOSTILE)
    store = Store()
    store.end(store.begin(HOSTILE, what, what, {HOSTILE: HOSTILE}).id, HOSTILE)
    main(command)
    said = "".join(capfd.readouterr())
    assert said and not {sign for sign in said if not sign.isprintable()} - {"\n", "\t"}


def test_a_document_is_whole_for_a_program_and_shown_to_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for terminal, wanted in ((False, HOSTILE), (True, shown(HOSTILE))):
        monkeypatch.setattr(sys.stdout, "isatty", lambda terminal=terminal: terminal)
        pour(HOSTILE)
        assert capsys.readouterr().out == wanted
