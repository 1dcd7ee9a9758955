"""What other packages bring to the catalogue, and what a broken one of them must not take away."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tiltyard import catalogue

WHOLE = """
from typing import ClassVar
from tiltyard.check import Check
from tiltyard.result import CheckResult, Status


class Whole(Check):
    id: ClassVar[str] = "{id}"
    title: ClassVar[str] = "From another package"
    question: ClassVar[str] = "Does it run?"

    def run(self, target, data, progress):
        return CheckResult(status=Status.PASSED, summary="It ran.")
"""
BROKEN = {
    "raises": ("import nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
    "exits": ("raise SystemExit(3)", "SystemExit: 3"),
    "wrong": ("Whole = int", "is not a Check that can be run"),
    "gone": ("", "has no attribute 'Whole'"),
    "half": (
        "from tiltyard.check import Check\nclass Whole(Check):\n    def run(self, *_): ...",
        "does not say its id and title and question",
    ),
    "thief": (WHOLE.format(id="evasion.pgd"), "the id 'evasion.pgd' is taken"),
    "stray": (WHOLE.format(id="nonsense.whole"), "'nonsense.whole' is under none of the topics"),
}


def package(folder: Path, name: str, source: str, group: str = "tiltyard.checks") -> None:
    """An installed package of one module whose entry point is ``Whole``."""
    (folder / f"other_{name}.py").write_text(source)
    facts = folder / f"other_{name}-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: other-{name}\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(f"[{group}]\n{name} = other_{name}:Whole\n")


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of installed packages, and a catalogue that has not looked yet."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(catalogue, "_broken", {})
    for cached in (catalogue.checks, catalogue.defenses):
        monkeypatch.setattr(catalogue, cached.__name__, catalogue.cache(cached.__wrapped__))
    return tmp_path


def test_a_whole_one_is_found_beside_broken_ones_which_are_named_in_a_line_each(fresh: Path, caplog: pytest.LogCaptureFixture) -> None:
    own = set(catalogue.checks())
    catalogue.checks.cache_clear()
    for name, (source, _) in BROKEN.items():
        package(fresh, name, source)
    package(fresh, "whole", WHOLE.format(id="evasion.whole"))
    assert set(catalogue.checks()) == own | {"evasion.whole"}
    assert catalogue.checks()["evasion.pgd"].__module__ == "tiltyard.evasion.pgd"
    told = {line.split("'")[1]: line for line in catalogue.broken()}
    assert set(told) == set(BROKEN)
    for name, (_, reason) in BROKEN.items():
        assert reason in told[name]
        assert f"of other-{name} is left out" in told[name]
        assert "\n" not in told[name]
    assert sorted(record.getMessage() for record in caplog.records) == sorted(told.values())


def test_a_defense_cannot_take_the_id_of_a_check(fresh: Path) -> None:
    source = WHOLE.format(id="evasion.pgd").replace("check import Check", "defense import Defense").replace("(Check)", "(Defense)")
    package(fresh, "defense", source.replace("def run", "def apply"), "tiltyard.defenses")
    assert "evasion.pgd" not in catalogue.defenses()
    assert "the id 'evasion.pgd' is taken" in catalogue.broken()[0]


def test_the_shell_lists_the_others_and_says_so(tmp_path: Path) -> None:
    package(tmp_path, "raises", BROKEN["raises"][0])
    paths = [str(tmp_path), *sys.path]
    code = f"import sys; sys.path[:] = {paths!r}; from tiltyard.cli.app import app; sys.argv = ['tiltyard', 'checks']; app()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "evasion.pgd" in done.stdout
    assert "'raises' of other-raises is left out: ModuleNotFoundError" in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_of_ours_is_broken() -> None:
    assert [point.name for point in metadata.entry_points(group="tiltyard.checks")] == []
    assert catalogue.broken() == ()
