"""The JupyterLab extension as it is committed: built from these sources, with the engine's own types and panels. No Node needed."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

import tiltyard

HOME = Path(__file__).parents[2] / "widgets" / "labextension"


def script(name: str) -> ModuleType:
    """A script of the extension's folder as a module."""
    spec = importlib.util.spec_from_file_location(f"labextension_{name}", HOME / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BUILD, GENERATE = script("build"), script("generate")


def test_the_bundle_was_built_from_these_sources() -> None:
    made = json.loads((BUILD.BUNDLE / BUILD.MADE).read_text())
    assert len(BUILD.sources()) > 5
    assert made["sources"] == BUILD.digest(BUILD.sources()), "Sources changed: python widgets/labextension/build.py"
    assert made["bundle"] == BUILD.digest(BUILD.built()), "The bundle was changed by hand: python widgets/labextension/build.py"


def members(source: str) -> set[tuple[str, str]]:
    """Every line of every declaration, with the line that opens it."""
    lines, head = set(), ""
    for line in source.splitlines():
        head = line if line.startswith("export") else head
        lines |= {(head, line)} if head else set()
    return {(head, line) for head, line in lines if not line.startswith(("/*", "}")) and line}


def test_the_types_are_the_engines() -> None:
    """What the extension reads is what the engine says; what the engine adds breaks nothing."""
    committed = members((HOME / "src" / "generated" / "api.d.ts").read_text())
    assert len(committed) > 50
    assert committed - members(GENERATE.api()) == set(), "python widgets/labextension/generate.py"


def test_its_look_reaches_no_panel() -> None:
    """Its stylesheet is in every page of JupyterLab, so a class that a panel has, too, would move that panel about."""
    panels = HOME.parent / "tiltyard_widgets"
    told = [path.read_text() for kind in ("py", "css", "js") for path in panels.rglob(f"*.{kind}")]
    theirs = {name for text in told for name in re.findall(r"(?<![\w-])tiltyard-[a-z]+(?![\w-])", text)}
    ours = set(re.findall(r"\.(tiltyard-[a-z]+)", (HOME / "style" / "index.css").read_text()))
    assert len(ours) > 20 and len(theirs) > 10
    assert ours & theirs == set()


def test_it_has_the_packages_version() -> None:
    assert json.loads((HOME / "package.json").read_text())["version"] == tiltyard.__version__


def test_the_locks_name_no_host() -> None:
    assert not re.search(r"https?://|__archiveUrl", (HOME / "yarn.lock").read_text())
    assert '"resolved"' not in (HOME.parent / "package-lock.json").read_text()


def test_what_checks_the_sources_is_what_the_bundle_is_built_with() -> None:
    """`make web` has a lock of its own, without the builder; what both name is asked for alike."""
    built = json.loads((HOME / "package.json").read_text())
    asked = built["dependencies"] | built["devDependencies"]
    checked = json.loads((HOME.parent / "package.json").read_text())["devDependencies"]
    assert set(built["dependencies"]) | {"typescript", "vitest", "jsdom"} == set(checked) - {"@biomejs/biome"}
    assert {name: asked[name] for name in checked if name in asked} == {name: checked[name] for name in checked if name in asked}


def test_what_loads_at_start_stays_light() -> None:
    package = json.loads((BUILD.BUNDLE / "package.json").read_text())
    entry = BUILD.BUNDLE / package["jupyterlab"]["_build"]["load"]
    assert entry.stat().st_size < 50_000


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "integer"}, "number"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string | null"),
        ({"type": "array", "items": {"anyOf": [{"type": "number"}, {"type": "null"}]}}, "(number | null)[]"),
        ({"type": "object", "additionalProperties": {"$ref": "#/$defs/Metric"}}, "Record<string, Metric>"),
        ({"enum": ["a", 'b"']}, '"a" | "b\\""'),
        ({"const": "tiltyard-report"}, '"tiltyard-report"'),
        ({"type": "object", "properties": {"a-b": {"type": "string"}}, "required": ["a-b"]}, '{ "a-b": string; }'),
        ({}, "unknown"),
    ],
)
def test_a_schema_as_a_type(schema: dict[str, object], said: str) -> None:
    assert GENERATE.type_of(schema) == said
