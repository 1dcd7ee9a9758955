"""Every code of an error has its words and its page, every page is reached by a kind of error, and it is told where errors are."""

import importlib
import sys
from pathlib import Path

import pytest

from tiltyard.access.roles import Denied
from tiltyard.cli import main
from tiltyard.error_codes import CODES, VARIABLE, address
from tiltyard.errors import Problem
from tiltyard.sealing.broken import Broken
from tiltyard_widgets.theme.markup import words
from tiltyard_widgets.views.message import Message

DOCS = Path(__file__).parents[1] / "docs"
GIVEN = ("a number", "a word", "Give a number")
HOLDERS = (
    "sealing.broken",
    "targets.open_options",
    "targets.query_budget",
    "targets.http.target",
    "targets.function_target",
    "targets.model_file",
)


def kinds(of: type[Problem] = Problem) -> list[type[Problem]]:
    return [of, *(one for kind in of.__subclasses__() for one in kinds(kind))]


def test_each_code_is_a_kinds_and_each_kinds_code_is_explained() -> None:
    for name in (*HOLDERS, "store.troubles", "endpoint.site", "files.reading", "access.roles"):
        importlib.import_module(f"tiltyard.{name}")
    used = {kind.code for kind in kinds() if kind.__module__.startswith("tiltyard")} - {""}
    assert used == set(CODES)


def test_each_code_has_a_place_on_the_page_and_leads_to_a_page_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DOCS)
    try:
        (text,) = importlib.import_module("_pages.codes").pages().values()
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "_pages"]:
            del sys.modules[name]
    for code, one in CODES.items():
        assert f"({code.lower()})=\n## {one.title}\n\n`{code}`\n\n{one.meaning}" in text
        assert (DOCS / f"{one.page}.md").is_file(), one.page


def test_the_line_ends_with_the_code_and_with_a_link_where_the_documentation_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert Broken(*GIVEN).coded == "Expected a number; found a word. Give a number. [TY-SEAL]"
    assert Problem(*GIVEN).coded == str(Problem(*GIVEN))
    assert Denied(*GIVEN)._render_traceback_() == ["Denied: Expected a number; found a word. Give a number. [TY-ROLE]"]
    monkeypatch.setenv(VARIABLE, "https://docs.example/tiltyard/")
    assert Broken(*GIVEN).coded.endswith("[TY-SEAL https://docs.example/tiltyard/reference/errors.html#ty-seal]")
    assert address("TY-NONE") == ""
    monkeypatch.setenv(VARIABLE, "javascript:alert(1)")
    assert address("TY-SEAL") == ""


def test_the_shell_tells_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assess", str(tmp_path / "nothing.toml")]) == 2
    assert capsys.readouterr().err.rstrip().endswith("[TY-FILE]")


def test_a_panel_explains_it_and_links_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "https://docs.example")
    message = Message()
    message.say(Broken(*GIVEN))
    shown = words(message.tree[0])
    assert "TY-SEAL" in shown and CODES["TY-SEAL"].meaning in shown
    assert "https://docs.example/reference/errors.html#ty-seal" in str(message.tree)
    message.say("It is done.", level="info")
    assert "TY-" not in words(message.tree[0])
