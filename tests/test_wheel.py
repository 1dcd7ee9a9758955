"""What is built is what works: the wheel is made, looked into, and used far from the checkout."""

import os
import subprocess
import sys
import tomllib
from email import message_from_string
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
SAMPLES_MOST = 4 * 10**6  # bytes: what the shipped samples may add to a download
CODE = {".py", ".pyc"}
SHARED = {"data/share/jupyter/labextensions", "data/etc/jupyter/jupyter_server_config.d"}  # what stands outside the packages

pytestmark = pytest.mark.slow


def ran(*command: str, cwd: Path, path: Path | None = None) -> str:
    """Standard output of a command that must succeed, with only ``path`` added to what Python imports from."""
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "TILTYARD_STORE")} | ({"PYTHONPATH": str(path)} if path else {})
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def pip(*arguments: str, cwd: Path) -> None:
    ran(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(out), str(ROOT), cwd=out)
    (made,) = out.glob("tiltyard-*.whl")
    return made


@pytest.fixture(scope="module")
def sizes(wheel: Path) -> dict[str, int]:
    with ZipFile(wheel) as archive:
        return {item.filename: item.file_size for item in archive.infolist()}


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    pip("install", "--no-deps", "--no-index", "--target", str(target), str(wheel), cwd=target)
    return target


def test_every_tracked_file_of_the_packages_is_in_the_wheel(sizes: dict[str, int]) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("no git checkout here to compare with")
    for source in ("workbench/tiltyard", "widgets/tiltyard_widgets"):
        tracked = ran("git", "ls-files", "--", source, cwd=ROOT).splitlines()
        there = [p for p in tracked if (ROOT / p).exists()]
        assert there
        assert {p.partition("/")[2] for p in there} - set(sizes) == set()


@pytest.mark.parametrize(
    "pattern",
    [
        "tiltyard/py.typed",
        "tiltyard/samples/data/*",
        "tiltyard/samples/models/*.safetensors",
        "tiltyard/reports/templates/*",
        "tiltyard/reports/schemas/*.json",
        "tiltyard/standards/*.toml",
        "tiltyard_widgets/py.typed",
        "tiltyard_widgets/controls/*.js",
        "tiltyard_widgets/views/*.js",
        "tiltyard_widgets/theme/*.js",
        "tiltyard_widgets/theme/*.css",
        "tiltyard_widgets/jupyter/voila/templates/tiltyard/**",
        "tiltyard_widgets/apps/workbench.ipynb",
        "share/jupyter/labextensions/tiltyard/package.json",
        "share/jupyter/labextensions/tiltyard/install.json",
        "share/jupyter/labextensions/tiltyard/static/remoteEntry.*.js",
        "share/jupyter/labextensions/tiltyard/schemas/tiltyard/plugin.json",
        "tiltyard_widgets/server/openapi.json",
        "etc/jupyter/jupyter_server_config.d/tiltyard.json",
        "tiltyard-*.dist-info/licenses/LICENSE",
        "tiltyard-*.dist-info/entry_points.txt",
    ],
)
def test_the_wheel_holds(pattern: str, installed: Path) -> None:
    assert [p for p in installed.glob(pattern) if p.stat().st_size or p.name == "py.typed"]


def test_the_wheel_holds_nothing_else(sizes: dict[str, int]) -> None:
    tops = {name.split("/")[0] for name in sizes if ".dist-info/" not in name}
    (data,) = tops - {"tiltyard", "tiltyard_widgets"}
    assert data.endswith(".data")
    assert {"/".join(name.split("/")[1:5]) for name in sizes if name.startswith(data)} <= SHARED
    assert not [
        name for name in sizes if name.endswith((".pyc", ".sqlite", ".map")) or "/.ipynb_checkpoints/" in name or "node_modules" in name
    ]


def test_the_samples_stay_small(sizes: dict[str, int]) -> None:
    samples = {name: size for name, size in sizes.items() if name.startswith("tiltyard/samples/") and Path(name).suffix not in CODE}
    assert samples
    assert sum(samples.values()) <= SAMPLES_MOST


def test_the_metadata_say_what_is_needed(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = message_from_string(archive.read(name).decode())
    assert metadata["Requires-Python"] == "<3.14,>=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert {"torch", "voila", "opacus"} <= {Requirement(r).name for r in metadata.get_all("Requires-Dist", [])}
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    assert {"onnx", "pdf", "serve", "federated", "postgresql", "dev"} <= extras == set(metadata.get_all("Provides-Extra", []))


def test_it_imports_far_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    code = "import tiltyard, tiltyard_widgets; print(tiltyard.__file__); print(tiltyard_widgets.__file__)"
    assert [Path(line).parents[1] for line in ran(sys.executable, "-c", code, cwd=tmp_path, path=installed).splitlines()] == [
        installed,
        installed,
    ]


def test_the_shell_lists_the_checks_far_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    code = "import tiltyard; from tiltyard.catalogue import checks; print(tiltyard.__file__); print(*checks())"
    where, names = ran(sys.executable, "-c", code, cwd=tmp_path, path=installed).splitlines()
    assert Path(where).is_relative_to(installed)
    listed = ran(sys.executable, "-m", "tiltyard", "checks", "--json", cwd=tmp_path, path=installed)
    assert names.split()
    assert [n for n in names.split() if f'"{n}"' not in listed] == []


def test_the_samples_open_far_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    code = """
import tiltyard
from tiltyard.samples import catalog
sample = catalog.load("census")
rows = sample.data.unseen
print(tiltyard.__file__)
print(float((sample.target.scores(rows.x[:500]).argmax(1) == rows.y[:500]).mean()))
"""
    where, accuracy = ran(sys.executable, "-c", code, cwd=tmp_path, path=installed).splitlines()
    assert Path(where).is_relative_to(installed)
    assert float(accuracy) > 0.75


def test_jupyterlab_finds_the_extension_enabled_and_whole(installed: Path, tmp_path: Path) -> None:
    code = f"""
import os, sys
os.environ["JUPYTER_PATH"] = {str(installed / "share" / "jupyter")!r}
from jupyterlab.labextensions import LabExtensionApp
sys.argv[1:] = ["list"]
LabExtensionApp.launch_instance()
"""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True, timeout=120)
    (line,) = [line for line in (done.stdout + done.stderr).splitlines() if line.strip().startswith("tiltyard v")]
    assert "enabled" in line and "OK" in line


def test_jupyter_server_starts_the_extension_by_its_config_file(installed: Path, tmp_path: Path) -> None:
    code = f"""
import os
os.environ["JUPYTER_CONFIG_PATH"] = {str(installed / "etc" / "jupyter")!r}
from jupyter_core.paths import jupyter_config_path
from jupyter_server.extension.config import ExtensionConfigManager
from jupyter_server.extension.manager import ExtensionPackage
name = "tiltyard_widgets.server"
print(ExtensionConfigManager(read_config_path=jupyter_config_path()).get_jpserver_extensions()[name])
print(ExtensionPackage(name=name).validate())
"""
    assert ran(sys.executable, "-c", code, cwd=tmp_path, path=installed).split() == ["True", "True"]


def files(folder: Path) -> set[str]:
    """Every file and folder below, but what Python compiles by itself."""
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if "__pycache__" not in p.parts}


def test_uninstalling_leaves_nothing_behind(wheel: Path, tmp_path: Path) -> None:
    ran(sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env"), cwd=tmp_path)
    before = files(tmp_path)
    into = ("--python", str(tmp_path / "env"))
    pip(*into, "install", "--no-deps", "--no-index", str(wheel), cwd=tmp_path)
    added = files(tmp_path) - before
    assert {"env/etc/jupyter/jupyter_server_config.d/tiltyard.json", "env/share/jupyter/labextensions/tiltyard/package.json"} <= added
    pip(*into, "uninstall", "--yes", "tiltyard", cwd=tmp_path)
    left = {p for p in files(tmp_path) - before if not (tmp_path / p).is_dir()}
    assert left == set()
