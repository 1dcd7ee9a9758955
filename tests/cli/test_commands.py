import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tiltyard.catalogue import checks, defenses
from tiltyard.published.schemas import FOLDER, PUBLISHED, schema

Tiltyard = Callable[..., Any]
QUICK = ("--sample", "census", "--data-rows", "300")


def valid(name: str, text: str) -> Any:
    """The JSON, held against its published schema."""
    from jsonschema import Draft202012Validator

    value = json.loads(text)
    published = json.loads((FOLDER / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(published)
    Draft202012Validator(published).validate(value)
    assert next(iter(value)) == "format"
    return value


def wordless(value: Any) -> Any:
    """A schema without its descriptions, whose wording may change without notice."""
    if isinstance(value, dict):
        return {key: wordless(part) for key, part in value.items() if not (key == "description" and isinstance(part, str))}
    return [wordless(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", list(PUBLISHED))
def test_the_published_schema_is_the_models(name: str) -> None:
    published = json.loads((FOLDER / f"{name}.schema.json").read_text())
    assert wordless(published) == wordless(json.loads(schema(name))), "run python -m tiltyard.published.schemas"


def test_help_and_version_load_nothing_heavy(tmp_path: Path) -> None:
    ask = "import sys; from tiltyard.cli import main; main(['--help']); print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, cwd=tmp_path)
    heavy = {"torch", "shap", "opacus", "pandas", "sklearn", "scipy", "sqlalchemy", "fairlearn", "matplotlib"}
    assert not heavy & set(done.stdout.splitlines()[-1].split())
    for word in ("demo", "app", "lab", "scan", "assess", "checks", "check", "runs", "compare", "report", "doctor"):
        assert f"\n  {word} " in done.stdout


def test_python_dash_m_is_the_same(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "tiltyard", "--version"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout.split()[0]) == (0, "tiltyard")


def test_checks_lists_all_that_is_registered(tiltyard: Tiltyard) -> None:
    said = tiltyard("checks")
    assert all(name in said.out for name in (*checks(), *defenses()))
    listed = valid("checks", tiltyard("checks", "--json").out)
    assert [s["id"] for s in listed["steps"]] == [*checks(), *defenses()]
    assert all(p["help"] for s in listed["steps"] for p in s["parameters"])


@pytest.mark.parametrize("name", [*checks(), *defenses()])
def test_each_check_explains_its_parameters(tiltyard: Tiltyard, name: str) -> None:
    said = tiltyard("check", name, "--help")
    assert said.code == 0
    cls = {**checks(), **defenses()}[name]
    for parameter in cls.model_fields:
        assert f"--{parameter.replace('_', '-')} " in said.out
    assert cls.question.split()[0] in said.out


def test_a_check_is_run_and_kept_and_repeats(tiltyard: Tiltyard) -> None:
    first = tiltyard("check", "fairness.groups", *QUICK, "--json")
    assert first.code == 0
    record = valid("record", first.out)
    assert record["check"] == "fairness.groups"
    runs = valid("runs", tiltyard("runs", "--json").out)
    assert (runs["total"], runs["runs"][0]["counts"]) == (1, {record["result"]["status"]: 1})
    report = json.loads(tiltyard("report", "last", "--format", "json").out)
    assert report["command"] == shlex.join(["tiltyard", "check", "fairness.groups", *QUICK, "--json"])
    again = json.loads(tiltyard("check", "fairness.groups", *QUICK, "--json", "--no-store").out)
    assert again["result"] == record["result"]
    assert json.loads(tiltyard("runs", "--json").out)["total"] == 1


def test_two_runs_are_compared_and_reported(tiltyard: Tiltyard, tmp_path: Path) -> None:
    for rows in (200, 4000):
        assert tiltyard("check", "privacy.membership_threshold", "--sample", "census", "--rows", rows).code in (0, 2), (
            "2: more rows would settle it"
        )
    runs = json.loads(tiltyard("runs", "--json").out)["runs"]
    a, b = runs[1]["id"], runs[0]["id"][:10]
    found = valid("comparison", tiltyard("compare", a, b, "--json").out)
    assert {"what": "privacy.membership_threshold rows", "before": "200", "after": "4000"} in found["changed"]
    said = tiltyard("compare", a, "last").out
    assert "better or worse only where" in said and " points [" in said and " % [" in said
    said = tiltyard("report", "last", "--format", "html", "--out", tmp_path / "r.html")
    assert (said.code, (tmp_path / "r.html").read_text()[:15].lower()) == (0, "<!doctype html>")
    assert json.loads(tiltyard("report", a).out)["run_id"] == a
    for form, start in (("sarif", "{"), ("junit", "<?xml")):
        assert tiltyard("report", a, "--format", form).out.startswith(start)
    assert tiltyard("runs", "--delete", a).code == 0
    assert json.loads(tiltyard("runs", "--json").out)["total"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("check", "no.such", "--help"), "a check or defense"),
        (("check", "fairness.groups"), "either --sample NAME, or --model FILE or --url URL"),
        (("check", "fairness.groups", "--sample", "nothing"), "a sample"),
        (("check", "fairness.groups", "--model", "none.pt", "--data", "x.csv"), "a model file"),
        (("check", "fairness.groups", "--wrong", "1"), "--wrong"),
        (("check", "fairness.groups", "--seed", "-1", *QUICK), "seed of fairness.groups"),
        (("check", "fairness.groups", "--sample", "census", "--data-rows", "many"), "--data-rows as a whole number"),
        (("runs", "--limit", "0"), "limit"),
        (("nonsense",), "nonsense"),
        (("compare", "a", "b"), "none has"),
        (("report", "last"), "no run at all"),
        (("report", "last", "--out", "x.doc"), "a format, or a file name ending in"),
        (("assess", "none.toml"), "nothing at none.toml"),
        (("scan", "none.pt"), ""),
        (("scan", "--json", "--sarif", "x"), "one form of output"),
        (("lab", "--folder", "nowhere"), "a folder to open"),
        (("app", "--port", "70000"), "65535"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_2(tiltyard: Tiltyard, words: tuple[str, ...], said: str) -> None:
    found = tiltyard(*words)
    assert found.code == 2
    if said:
        assert said in found.line
        assert "Traceback" not in found.err


def test_debug_shows_the_traceback(tiltyard: Tiltyard) -> None:
    from tiltyard.errors import Problem

    with pytest.raises(Problem):
        tiltyard("--debug", "assess", "none.toml")


def test_a_bug_is_one_line_that_says_what_to_do(tiltyard: Tiltyard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiltyard.cli.commands.checks.facts", lambda step: 1 / 0)
    found = tiltyard("checks")
    assert found.code == 2
    assert "ZeroDivisionError" in found.line
    assert "--debug" in found.line


def test_a_store_that_cannot_be_opened_is_one_line(tiltyard: Tiltyard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TILTYARD_STORE", str(tmp_path / "no" / "where.sqlite"))
    found = tiltyard("runs")
    assert (found.code, "the store" in found.line) == (2, True)


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    line = f"'{sys.executable}' -m tiltyard checks --json | head -c 10; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ})
    assert (done.returncode, done.stderr) == (0, "")


def test_no_runs_says_what_to_do(tiltyard: Tiltyard) -> None:
    assert "tiltyard demo" in tiltyard("runs").out


def every_command() -> list[tuple[str, ...]]:
    import typer

    from tiltyard.cli.app import app
    from tiltyard.cli.commands.federation_commands import federate  # noqa: F401

    groups = [((), typer.main.get_group(app))]
    found: list[tuple[str, ...]] = []
    while groups:
        path, group = groups.pop()
        for name, command in group.commands.items():
            found.append((*path, name))
            if isinstance(command, typer.core.TyperGroup):
                groups.append(((*path, name), command))
    return sorted(found)


def test_every_help_is_plain_text(tiltyard: Tiltyard) -> None:
    assert tiltyard("--help").code == 0
    commands = every_command()
    assert len(commands) > 25
    for command in commands:
        said = tiltyard(*command, "--help")
        assert said.code == 0 and f"tiltyard {' '.join(command)}" in said.out and "\\[" not in said.out, command
