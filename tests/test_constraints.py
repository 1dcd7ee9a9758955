"""One set of pinned versions, for `make`, for CI and for Binder: complete, and the one that is tested here."""

import ast
import re
import sys
import tomllib
from importlib import metadata
from itertools import product
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = ("3.11", "3.12", "3.13")
EXTRAS = ("audit", "dev", "distributed", "federated", "hub", "onnx", "serve")
LINES = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
PINS = {canonicalize_name(r.name): r for r in map(Requirement, LINES)}
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


def needed() -> set[str]:
    """Names of all that the project, its development and the extras that are tested install, as far as it is installed here."""
    waiting = [Requirement(r) for r in PROJECT["dependencies"]]
    waiting += [Requirement(r) for extra in EXTRAS for r in PROJECT["optional-dependencies"][extra]]
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
