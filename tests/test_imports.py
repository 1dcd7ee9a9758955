"""What an import costs: the heavy libraries load when they are first needed, not before."""

import importlib
import json
import pickle
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from tiltyard.catalogue import COMPOSED, TOPICS
from tiltyard.published.scan_list import ScanList

HEAVY = {"torch", "shap", "opacus", "fairlearn", "sklearn", "scipy", "matplotlib", "pandas", "numba"}
SLOWEST = {"torch", "shap", "opacus", "fairlearn"}
# What a shell, a panel or a report starts from. The mathematics on tensors and the torch targets are imported late, by those who need them.
SCRIPTS = {"tiltyard.samples.train"}
FRONTS = """artifacts artifacts.judges artifacts.skops assessment audit campaign cli cli.commands comparison datasets execution files formatting
guidelines published reports samples serving standards statistics store""".split()
TOPIC_PACKAGES = [f"tiltyard.{topic}" for topic in TOPICS if topic not in COMPOSED]
ASK = """
import importlib, json, sys
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def loaded_by(*names: str, cwd: Path) -> set[str]:
    """The top-level modules in a fresh interpreter once ``names`` are imported."""
    done = subprocess.run([sys.executable, "-c", ASK, json.dumps(names)], capture_output=True, text=True, cwd=cwd, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def modules_of(package: str) -> list[str]:
    found = pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}.")
    return [m.name for m in found if m.name not in SCRIPTS and "._" not in m.name]


@pytest.mark.parametrize("name", ["tiltyard", "tiltyard_widgets"])
def test_an_import_leaves_the_heavy_libraries_alone(name: str, tmp_path: Path) -> None:
    loaded = loaded_by(name, cwd=tmp_path)
    assert name in loaded
    assert not loaded & HEAVY


def test_the_catalogue_loads_without_the_slowest(tmp_path: Path) -> None:
    steps = [module for package in TOPIC_PACKAGES for module in modules_of(package)]
    assert len(steps) > 3
    assert not loaded_by("tiltyard.catalogue", *steps, cwd=tmp_path) & SLOWEST


def test_a_scan_starts_with_little_and_writes_the_json_that_is_published(tmp_path: Path) -> None:
    """Pydantic alone takes longer to import than a small file to judge."""
    (tmp_path / "m.pkl").write_bytes(pickle.dumps({"a": 1}))
    ask = "import json, sys; from tiltyard.cli import main; code = main(['scan', 'm.pkl', '--no-cache']); print(json.dumps([code, *sys.modules]))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, cwd=tmp_path, check=True)
    code, *loaded = json.loads(done.stdout.splitlines()[-1])
    assert code == 0 and "tiltyard.artifacts.verdict" in loaded
    assert not {name.partition(".")[0] for name in loaded} & (HEAVY | {"pydantic", "typer", "rich", "numpy", "sqlalchemy"})
    done = subprocess.run(
        [sys.executable, "-m", "tiltyard", "scan", "m.pkl", "--json"], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    kept = ScanList.model_validate(json.loads(done.stdout))
    assert kept.files[0].verdict is not None and kept.files[0].verdict.verdict == "safe"
    with pytest.raises(ValueError, match="other"):
        ScanList.model_validate(json.loads(done.stdout) | {"other": 1})


@pytest.mark.parametrize("front", FRONTS)
def test_a_front_loads_without_the_slowest_and_without_panels(front: str, tmp_path: Path) -> None:
    package = f"tiltyard.{front}"
    assert not loaded_by(package, *modules_of(package), cwd=tmp_path) & (SLOWEST | {"ipywidgets", "anywidget"})


def test_every_panel_loads_without_the_slowest(tmp_path: Path) -> None:
    modules = [module for room in ("theme", "controls", "views", "panels") for module in modules_of(f"tiltyard_widgets.{room}")]
    assert len(modules) > 10
    assert not loaded_by("tiltyard_widgets", *modules, cwd=tmp_path) & SLOWEST
