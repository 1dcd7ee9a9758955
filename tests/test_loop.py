"""The inner loop: what `make watch` runs after a change, hooks that fetch nothing, issue forms that a forge reads."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FORMS = [path for path in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")) if path.stem != "config"]


@pytest.fixture(scope="module")
def watching() -> ModuleType:
    spec = importlib.util.spec_from_file_location("watching", ROOT / ".ci" / "watch.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("changed", "tests"),
    [
        ("tests/test_loop.py", "tests/test_loop.py"),
        ("tests/serving/processes.py", "tests/serving"),
        ("workbench/tiltyard/targets/restricted.py", "tests/targets/test_restricted.py"),
        ("workbench/tiltyard/artifacts/verdict.py", "tests/artifacts/test_verdict.py"),
        ("workbench/tiltyard/artifacts/skops/trees.py", "tests/artifacts"),
        ("workbench/tiltyard/errors.py", "tests/test_errors.py"),
        ("widgets/tiltyard_widgets/views/chart.py", "tests/widgets/views/test_chart.py"),
        ("workbench/tiltyard/version.py", None),
        ("README.md", None),
    ],
)
def test_a_change_runs_the_tests_that_mirror_it(watching: ModuleType, changed: str, tests: str | None) -> None:
    assert watching.tests_of(Path(changed)) == (Path(tests) if tests else None)


def test_a_run_leaves_out_what_is_slow(watching: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(watching.subprocess, "run", lambda command, **_: ran.append(command))
    watching.run([Path("README.md")])
    watching.run([Path("tests/test_loop.py"), Path("tests/test_loop.py")])
    assert [command[-3:] for command in ran] == [["-m", "not slow and not ui", "tests/test_loop.py"]]


def test_every_slow_test_is_there() -> None:
    """A test that was renamed is measured anew; until then its old name goes from the list."""
    slow = (ROOT / "tests" / "slow.txt").read_text(encoding="utf-8").split()
    assert len(slow) > 100
    gone = [f"{file}::{name}" for file, _, name in (line.partition("::") for line in slow) if f"def {name}(" not in _text(file)]
    assert gone == []


def _text(file: str) -> str:
    path = ROOT / file
    return path.read_text(encoding="utf-8") if path.exists() else ""


def test_hooks_are_local_and_run_the_checkouts_own_tools() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert {repository["repo"] for repository in hooks["repos"]} == {"local"}
    assert all(h["language"] == "system" and h["entry"].startswith(".venv/bin/") for r in hooks["repos"] for h in r["hooks"])


@pytest.mark.parametrize("path", FORMS, ids=lambda p: p.stem)
def test_an_issue_form_asks_for_what_it_needs(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert form["name"] and form["description"]
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert fields and len({field["id"] for field in fields}) == len(fields)
    assert all(field["attributes"]["label"] for field in fields)
    assert any(field.get("validations", {}).get("required") for field in fields)
