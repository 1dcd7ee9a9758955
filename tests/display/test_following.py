"""Progress where one works: a bar in a notebook's cell, a line in a terminal, nothing where neither is, and never in what is piped."""

import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from tiltyard.display import following as module
from tiltyard.display.following import following, words
from tiltyard.progress import Progress, Report


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    monkeypatch.setattr(module, "OFTEN", 0.0)
    monkeypatch.delitem(sys.modules, "IPython", raising=False)


def test_the_words_say_how_far_it_is_and_what_is_left() -> None:
    assert words(Report(0.424, "PGD · row 3", 12.0, 9.0)) == "42 % · PGD · row 3 · about 10 s left"
    assert words(Report(0.0, "\x1b[2Jstarting", None, 0.0)) == "0 % · \N{REPLACEMENT CHARACTER}[2Jstarting"


def test_a_terminal_has_one_line_that_is_gone_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Terminal()
    monkeypatch.setattr(sys, "stderr", out)
    with following() as listener:
        Progress(listener=listener).step(0.5, "rows")
        assert "50 % · rows" in out.getvalue() and "Ctrl-C stops" in out.getvalue()
    assert out.getvalue().endswith("\r") and "\n" not in out.getvalue()


def test_what_is_piped_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with following() as listener:
        assert listener is None


def test_a_cell_has_one_bar_that_is_redrawn_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []

    def publish(data: dict[str, str], metadata: dict[str, Any], *, transient: dict[str, str], update: bool) -> None:
        sent.append({"html": data["text/html"], "id": transient["display_id"], "update": update})

    shell = SimpleNamespace(kernel=object(), display_pub=SimpleNamespace(publish=publish))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    with following() as listener:
        Progress(listener=listener).step(0.25, "<b>rows</b>")
        Progress(listener=listener).step(0.75, "rows")
    assert [s["update"] for s in sent] == [False, True, True] and len({s["id"] for s in sent}) == 1
    assert "&lt;b&gt;rows" in sent[0]["html"] and 'value="0.250"' in sent[0]["html"] and sent[-1]["html"] == "<span></span>"


def test_who_gave_a_listener_hears_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    heard: list[Report] = []
    with following(heard.append) as listener:
        Progress(listener=listener).step(0.5)
    assert len(heard) == 1 and sys.stderr.getvalue() == ""  # type: ignore[attr-defined]


def test_what_is_over_at_once_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 60.0)
    monkeypatch.setattr(sys, "stderr", Terminal())
    with following() as listener:
        Progress(listener=listener).step(0.5)
    assert sys.stderr.getvalue() == ""  # type: ignore[attr-defined]
