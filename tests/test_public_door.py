"""``import tiltyard as ty``: its names, what they load, and that what is printed with them runs."""

import ast
import importlib
import json
import operator
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tiltyard as ty
from tiltyard.catalogue import COMPOSED, TOPICS, checks, defenses, topic_of
from tiltyard.errors import Problem
from tiltyard.published.stubs import path_of, stub_of
from tiltyard.samples.catalog import Sample
from tiltyard.store.store import Store
from tiltyard_widgets.panels import history, report

ROOT = Path(ty.__file__).parent
FUNCTIONS = {"open", "read", "load", "check", "checks", "assess", "defend", "compare", "report", "scorer"}
FOLDERS = [topic for topic in TOPICS if topic not in COMPOSED]
LOADED = "import importlib, json, sys, types, typing; before = set(sys.modules); {}; print(json.dumps(sorted({{*sys.modules}} - before)))"


def loaded_by(code: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", LOADED.format(code)], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_the_public_names_are_these_and_no_others() -> None:
    assert set(dir(ty)) == FUNCTIONS | set(FOLDERS) | {"labs"}


def test_the_stub_says_the_same_names() -> None:
    (names,) = [n.value for n in ast.parse((ROOT / "__init__.pyi").read_text()).body if isinstance(n, ast.Assign)]
    assert ast.literal_eval(names) == dir(ty)


@pytest.mark.parametrize("topic", FOLDERS)
def test_the_stub_of_a_topic_says_where_its_classes_are(topic: str) -> None:
    """What an editor reads in the place of what is found at run time."""
    assert path_of(topic).read_text() == stub_of(topic), "run python -m tiltyard.published.stubs"


def test_the_panels_have_a_door_of_their_own() -> None:
    import tiltyard_widgets

    stub = (Path(tiltyard_widgets.__file__).parent / "__init__.pyi").read_text()
    assert sorted(re.findall(r"(\w+) as \1", stub)) == dir(tiltyard_widgets)
    for name in dir(tiltyard_widgets):
        assert getattr(tiltyard_widgets, name).__name__ == name


def test_importing_and_completing_load_nothing_of_ours_nor_of_others() -> None:
    assert loaded_by("import tiltyard as ty; dir(ty)") == {"tiltyard", "tiltyard.version"}


def test_a_topic_is_completed_and_used_without_the_heavy_libraries() -> None:
    assert not loaded_by("import tiltyard as ty; dir(ty.evasion); ty.evasion.PGD") & {"torch", "shap", "opacus", "fairlearn", "sklearn"}


def test_one_step_of_a_topic_imports_no_other_topic() -> None:
    loaded = loaded_by("import tiltyard as ty; ty.evasion.PGD")
    assert {m.split(".")[1] for m in loaded if m.startswith("tiltyard.")} & set(FOLDERS) == {"evasion"}


@pytest.mark.parametrize("topic", FOLDERS)
def test_a_topic_lists_its_checks_and_defenses_by_class(topic: str) -> None:
    steps = {s.__name__: s for s in [*checks().values(), *defenses().values()] if topic_of(s) == topic}
    package = getattr(ty, topic)
    assert dir(package) == sorted(steps)
    assert {name: getattr(package, name) for name in steps} == steps


@pytest.mark.parametrize("id", [*checks(), *defenses()])
def test_the_class_of_an_id_is_called_as_the_id_is(id: str) -> None:
    topic, _, name = id.partition(".")
    named = {c.replace("_", "").lower(): c for c in dir(getattr(ty, topic))}
    assert getattr(getattr(ty, topic), named[name.replace("_", "")]).id == id


@pytest.mark.parametrize("name", ["Pgd", "nothing", "__path_hooks__"])
def test_what_a_topic_does_not_have_is_an_attribute_error(name: str) -> None:
    with pytest.raises(AttributeError, match=f"'tiltyard.evasion' has no attribute '{name}'"):
        getattr(ty.evasion, name)
    with pytest.raises(AttributeError, match=f"'tiltyard' has no attribute '{name}'"):
        getattr(ty, name)


def test_the_module_of_the_class_check_leaves_the_function_in_its_place() -> None:
    module = importlib.import_module("tiltyard.check")
    assert module.Check in checks()["evasion.pgd"].__mro__
    assert ty.check is importlib.import_module("tiltyard.api").check


@pytest.fixture(scope="module")
def sample() -> Sample:
    loaded: Sample = ty.load("census")
    return loaded


def test_check_takes_an_id_or_a_class_and_its_parameters(sample: Sample) -> None:
    by_id = ty.check("fairness.groups", sample.target, sample.data, rows=200)
    by_class = ty.check(ty.fairness.Groups, sample.target, sample.data, rows=200)
    assert by_id.effective["rows"] == 200 and by_id.result == by_class.result
    with pytest.raises(Problem, match=r"Expected a check; found 'theft.output_policy', which is a defense"):
        ty.check("theft.output_policy", sample.target, sample.data)
    with pytest.raises(Problem, match=r"Expected a defense; found 'fairness.groups', which is a check"):
        ty.defend("fairness.groups", sample.target, sample.data)


def test_the_code_of_the_report_panel_runs(sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tiltyard.execution.profiles.checks", lambda: {"fairness.groups": ty.fairness.Groups})
    exec(report.CODE, {"target": sample.target, "data": sample.data})  # noqa: S102 (the code that the panel shows)
    assert ty.fairness.Groups.title in (tmp_path / "report.html").read_text()


def test_the_code_of_the_history_panel_runs(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TILTYARD_STORE", str(tmp_path / "runs.sqlite"))
    kept = Store(tmp_path / "runs.sqlite")
    runs = [ty.assess(sample.target, sample.data, [ty.fairness.Groups(rows=rows)], store=kept).run for rows in (100, 200)]
    exec(history.CODE.format(a=runs[0].short, b=runs[1].short), {})  # noqa: S102 (the code that the panel shows)
    assert "fairness.groups" in capsys.readouterr().out


def test_the_readme_names_what_there_is() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT.parents[1] / "README.md").read_text(), re.DOTALL)
    names = {node for block in blocks for node in re.findall(r"\bty\.(\w+(?:\.\w+)?)", block)}
    assert len(names) > 3
    for name in names:
        operator.attrgetter(name)(ty)


def test_a_panel_refuses_what_is_no_model_and_no_table_in_one_line() -> None:
    from tiltyard_widgets import AttackPanel

    for model, data, message in (
        (len, None, "a data set or a table; found None"),
        (None, [1], "a model; found NoneType"),
        (42, [1], "a model; found int"),
    ):
        with pytest.raises(Problem, match=message):
            AttackPanel(model, data, label="y")
