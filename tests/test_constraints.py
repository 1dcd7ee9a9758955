"""One set of pinned versions, for `make`, for CI and for Binder: complete, and the one that is tested here; for a release, with hashes."""

import ast
import hashlib
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from itertools import product
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = ("3.11", "3.12", "3.13")
EXTRAS = ("audit", "boosters", "dev", "distributed", "docs", "federated", "hub", "huggingface", "onnx", "serve")
LINES = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
PINS = {canonicalize_name(r.name): r for r in map(Requirement, LINES)}
RELEASED = tuple(extra for extra in PROJECT["optional-dependencies"] if extra not in ("dev", "docs"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
LOCKED = [(Requirement(line.strip().rstrip("\\")), hashes) for line, hashes in re.findall(r"(?m)^([^\s#].*\n)((?: .*\n)*)", LOCK)]
PLATFORMS = ("linux x86_64", "linux aarch64", "darwin arm64", "win32 AMD64")
FROM_CUDA = re.compile(r"nvidia-|cuda-|triton$")  # torch pins its own


def declared() -> set[str]:
    extras = PROJECT["optional-dependencies"]
    return {canonicalize_name(Requirement(r).name) for part in [PROJECT["dependencies"], *extras.values()] for r in part}


def libraries(root: str) -> set[str]:
    """Top-level names of what the sources below ``root`` import from outside, inside functions too."""
    nodes = [node for path in (ROOT / root).rglob("*.py") for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    names = [a.name for node in nodes if isinstance(node, ast.Import) for a in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level and node.module]
    ours = {"tiltyard", "tiltyard_widgets"}
    return {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) - ours


def applies(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    environments = [
        dict(default_environment(), python_version=p, python_full_version=f"{p}.9", extra=e) for p, e in product(PYTHONS, ["", *extras])
    ]
    return marker is None or any(marker.evaluate(environment) for environment in environments)


def needed(extras: tuple[str, ...] = EXTRAS) -> set[str]:
    """Names of all that the project and these extras of it install, as far as it is installed here."""
    waiting = [Requirement(r) for r in PROJECT["dependencies"]]
    waiting += [Requirement(r) for extra in extras for r in PROJECT["optional-dependencies"][extra]]
    waiting = [r for r in waiting if applies(r, set())]
    done: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (key := (name, frozenset(requirement.extras))) in done:
            continue
        done.add(key)
        try:
            wanted = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        waiting += [r for r in map(Requirement, wanted) if applies(r, requirement.extras)]
    return {name for name, _ in done if not FROM_CUDA.match(name)} - {"pip"}  # which reads the pins, and stays as it is


def test_every_version_is_pinned() -> None:
    assert len(needed()) > 100
    assert needed() - set(PINS) == set()
    assert [str(r) for r in PINS.values() if not re.fullmatch(r"==[\w.]+", str(r.specifier))] == []


@pytest.mark.parametrize("root", ["workbench", "widgets/tiltyard_widgets", "tests", "benchmarks"])
def test_every_library_we_import_is_declared(root: str) -> None:
    owners = metadata.packages_distributions()
    unknown = {name for name in libraries(root) if name in owners and not {canonicalize_name(o) for o in owners[name]} & declared()}
    assert unknown == set()


def test_nothing_is_named_twice() -> None:
    assert len(PINS) == len(LINES)


def test_the_pins_name_no_place() -> None:
    assert not re.search(r"://|@|--|\+", "\n".join(LINES))
    assert PINS["torch"].specifier == SpecifierSet("==2.13.0")


def test_the_pins_lie_within_what_the_project_allows() -> None:
    lists = [PROJECT["dependencies"], *(PROJECT["optional-dependencies"][extra] for extra in EXTRAS)]
    asked = [Requirement(r) for requirements in lists for r in requirements]
    outside = [str(r) for r in asked if str(PINS[canonicalize_name(r.name)].specifier).removeprefix("==") not in r.specifier]
    assert outside == []


@pytest.mark.parametrize("python", PYTHONS)
def test_the_pins_hold_for(python: str) -> None:
    """What is installed here says which Pythons it runs on; a pin that leaves one out needs a marker."""
    old = []
    for name, pin in PINS.items():
        try:
            wants = metadata.metadata(name).get("Requires-Python")
        except metadata.PackageNotFoundError:
            continue
        versions = [f"{python}.0", f"{python}.9"]
        at = [v for v in versions if pin.marker is None or pin.marker.evaluate({"python_version": python, "python_full_version": v})]
        old += [f"{pin} wants Python {wants}, not {v}" for v in at if wants and v not in SpecifierSet(wants)]
    assert old == []


def locked(python: str, platform: str) -> dict[str, str]:
    """Name and version of what the lock installs there."""
    system, machine = platform.split()
    at = {"python_version": python, "python_full_version": f"{python}.9", "sys_platform": system, "platform_machine": machine}
    at |= {"os_name": "nt" if system == "win32" else "posix", "platform_system": {"win32": "Windows"}.get(system, system.title())}
    at |= {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    there = [r for r, _ in LOCKED if r.marker is None or r.marker.evaluate(at)]
    assert len({canonicalize_name(r.name) for r in there}) == len(there)  # one version of each
    return {canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in there}


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_installs_the_pinned_versions(python: str, platform: str) -> None:
    there = locked(python, platform)
    assert "torch" in there
    pins = {name: str(pin.specifier).removeprefix("==") for name, pin in PINS.items()}
    assert {name: version for name, version in there.items() if pins.get(name, version) != version} == {}
    only_there = {name for name in there if name not in pins and not FROM_CUDA.match(name)}
    assert only_there <= {"appnope", "colorama", "pywinpty"}  # of macOS and Windows, so not among what is tested


def test_the_lock_is_all_that_a_release_needs() -> None:
    there = locked(f"{sys.version_info[0]}.{sys.version_info[1]}", "linux x86_64")
    assert len(there) > 150
    assert needed(RELEASED) - set(there) == set()
    made = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert set(RELEASED) == set(re.findall(r"(?m)^RELEASED := (.*)$", made)[0].split())


def test_every_locked_version_has_hashes_and_no_other_word() -> None:
    assert [str(r) for r, hashes in LOCKED if not re.fullmatch(r"(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+", hashes)] == []
    assert [str(r) for r, _ in LOCKED if r.url or not re.fullmatch(r"==[\w.]+", str(r.specifier))] == []
    assert [line for line in LOCK.splitlines() if line.lstrip().startswith("-") and "--hash=" not in line] == []  # no index, no find-links
    assert "://" not in LOCK


def test_another_file_under_a_locked_name_is_refused(tmp_path: Path) -> None:
    """An index, or whoever stands between, hands out another wheel of the same name and version."""
    entry = next(f"{line}{hashes}" for line, hashes in re.findall(r"(?m)^(zipp==.*\n)((?: .*\n)*)", LOCK))
    version = str(PINS["zipp"].specifier).removeprefix("==")
    wheel = tmp_path / f"zipp-{version}-py3-none-any.whl"
    with ZipFile(wheel, "w") as archive:
        archive.writestr("zipp/__init__.py", "raise SystemExit('not what was locked')")
        archive.writestr(f"zipp-{version}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: zipp\nVersion: {version}\n")
        archive.writestr(f"zipp-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"zipp-{version}.dist-info/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    locks = {"ours": entry, "theirs": f"zipp=={version} --hash=sha256:{digest}\n", "loose": f"zipp=={version}\n"}
    took = {}
    for name, text in locks.items():
        lock = tmp_path / f"{name}.lock"
        lock.write_text(re.sub(r" ; [^\\\n]*", " ", text, count=1), encoding="utf-8")
        words = [
            "download",
            "--require-hashes",
            "--no-deps",
            "--no-index",
            "--find-links",
            str(tmp_path),
            "-r",
            str(lock),
            "-d",
            str(tmp_path / name),
        ]
        done = subprocess.run([sys.executable, "-m", "pip", "--isolated", *words], capture_output=True, text=True, check=False)
        took[name] = (done.returncode, "HASH" in done.stderr or "hash" in done.stderr)
    assert took == {"ours": (1, True), "theirs": (0, False), "loose": (1, True)}


@pytest.mark.parametrize(
    ("said", "code", "word"),
    [
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", 1, "DO NOT MATCH"),
        ("ERROR: Hashes are required in --require-hashes mode", 1, "Hashes are required"),
        ("ERROR: No matching distribution found (from versions: none)", 0, "Skipped"),
    ],
)
def test_the_trial_of_the_hashes_skips_only_where_no_index_answers(tmp_path: Path, said: str, code: int, word: str) -> None:
    """`.ci/hashes` with a pip that fails in each way."""
    pip = tmp_path / "python"
    pip.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n", encoding="utf-8")
    pip.chmod(0o755)
    done = subprocess.run([ROOT / ".ci" / "hashes"], env={**os.environ, "PYTHON": str(pip)}, capture_output=True, text=True, check=False)
    assert (done.returncode, word in done.stderr) == (code, True)
