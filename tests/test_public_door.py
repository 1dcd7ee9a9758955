"""``import tiltyard as ty``: its names, what they load, and that what is printed with them runs."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import tiltyard as ty
from tiltyard.catalogue import COMPOSED, TOPICS, checks, defenses, topic_of

ROOT = Path(ty.__file__).parent
FUNCTIONS = {"open", "read", "load", "check", "checks", "assess", "defend", "compare", "report"}
FOLDERS = [topic for topic in TOPICS if topic not in COMPOSED]
LOADED = "import importlib, json, sys, types, typing; before = set(sys.modules); {}; print(json.dumps(sorted({{*sys.modules}} - before)))"


def loaded_by(code: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", LOADED.format(code)], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_the_public_names_are_these_and_no_others() -> None:
    assert set(dir(ty)) == FUNCTIONS | set(FOLDERS)


def test_the_stub_says_the_same_names() -> None:
    (names,) = [n.value for n in ast.parse((ROOT / "__init__.pyi").read_text()).body if isinstance(n, ast.Assign)]
    assert ast.literal_eval(names) == dir(ty)


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
