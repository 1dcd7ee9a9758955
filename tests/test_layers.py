"""The import order of the house, held by reading every import statement, those inside functions included."""

import ast
from collections.abc import Collection, Mapping
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tiltyard.catalogue import COMPOSED, TOPICS

ROOT = Path(__file__).parents[1]
SOURCES = {"tiltyard": ROOT / "workbench" / "tiltyard", "tiltyard_widgets": ROOT / "widgets" / "tiltyard_widgets"}

# A unit is a module or folder of `tiltyard`, or the whole of `tiltyard_widgets`. It imports from its own layer and from those before it.
FOLDERS = {*TOPICS} - {*COMPOSED}
LAYERS = [
    {
        "",
        "version",
        "errors",
        "error_codes",
        "frozen",
        "lean",
        "charts",
        "result",
        "progress",
        "statistics",
        "formatting",
        "files",
        "showing",
        "keywords",
    },
    {"standards"},
    {"artifacts", "sealing"},
    {"access"},
    {"datasets", "targets", "child_processes"},
    {"attacks", "privacy_accounting"},
    {"needs", "attempt", "check", "defense", "parameters", "signature", "topic"},
    FOLDERS,
    {"catalogue"},
    {"samples", "testing", "scoring"},
    {"audit", "store", "execution", "comparison", "campaign", "guidelines", "assessment"},
    {"reports", "serving", "monitoring", "published"},
    {"display", "tracking"},
    {"broker", "arguments", "api", "pytest_plugin"},
    {"labs"},
    {"cli", "__main__", "tiltyard_widgets"},
]
LAYER = {unit: number for number, layer in enumerate(LAYERS) for unit in layer}
PANELS_ONLY = {"ipywidgets", "anywidget", "IPython", "voila", "tiltyard_widgets"}


def unit_of(module: str) -> str:
    root, _, rest = module.partition(".")
    return root if root == "tiltyard_widgets" else rest.partition(".")[0]


def layer_of(unit: str) -> int:
    return LAYER.get(unit, 0)


def imported(text: str, package: str) -> set[str]:
    """Absolute dotted names of all that a source imports; `from a import b` counts as `a.b`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            names |= {".".join([*base, *([node.module] if node.module else []), alias.name]) for alias in node.names}
    return names


def name_of(path: Path, root: str) -> str:
    parts = path.relative_to(SOURCES[root]).with_suffix("").parts
    return ".".join([root, *(parts[:-1] if parts[-1] == "__init__" else parts)])


def package_of(path: Path, root: str) -> str:
    return ".".join([root, *path.relative_to(SOURCES[root]).parent.parts])


@cache
def imports() -> dict[str, set[str]]:
    """What every module of ours imports, by its dotted name."""
    return {
        name_of(path, root): imported(path.read_text(encoding="utf-8"), package_of(path, root))
        for root, folder in SOURCES.items()
        for path in sorted(folder.rglob("*.py"))
    }


@cache
def ours() -> dict[str, set[str]]:
    """The same, of ours alone."""
    return {name: {i for i in names if i.split(".")[0] in SOURCES} for name, names in imports().items()}


def breach(importer: str, wanted: str) -> str | None:
    """Why this import breaks the order, or None."""
    here, there = unit_of(importer), unit_of(wanted)
    if here == there or (here == "" and layer_of(there) == 0):
        return None
    if here in FOLDERS and there in FOLDERS:
        return "topics never import one another"
    if here in LAYERS[-1] and there == "tiltyard_widgets":
        return "the engine never imports the panels"
    return f"{here} stands before {there}" if layer_of(there) > layer_of(here) else None


def test_the_sources_are_found() -> None:
    assert {"tiltyard.result", "tiltyard.check", "tiltyard.catalogue", "tiltyard_widgets"} <= set(imports())
    assert sum(len(names) for names in ours().values()) > 100


def test_every_folder_and_every_module_of_the_root_has_its_place() -> None:
    folders = {path.parent.name for path in SOURCES["tiltyard"].glob("*/__init__.py")}
    assert folders | {path.stem for path in SOURCES["tiltyard"].glob("*.py")} - {"__init__"} <= set(LAYER)


def test_each_layer_imports_only_those_before_it() -> None:
    broken = [
        f"{importer} imports {wanted}: {why}" for importer, names in ours().items() for wanted in names if (why := breach(importer, wanted))
    ]
    assert not broken, "\n".join(sorted(broken))


def test_units_of_one_layer_do_not_import_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for importer, names in ours().items():
        graph.setdefault(unit_of(importer), set()).update(u for u in map(unit_of, names) if u not in ("", unit_of(importer)))
    list(TopologicalSorter(graph).static_order())


def modules_among(names: set[str], modules: Collection[str]) -> set[str]:
    """The modules that these imported names stand for: `from a import b` is the module `a.b`, or a name out of the module `a`."""
    return {name if name in modules else name.rpartition(".")[0] for name in names} & set(modules)


def circles(graph: Mapping[str, set[str]]) -> list[set[str]]:
    """The modules that import one another, directly or by way of others; each set is as large as it goes."""
    reached = {name: _reached_from(name, graph) for name in graph}
    found: list[set[str]] = []
    for name in graph:
        together = {other for other in reached[name] if name in reached[other]}
        if together and together not in found:
            found.append(together)
    return found


def _reached_from(name: str, graph: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    following = [*graph[name]]
    while following:
        if (one := following.pop()) not in reached:
            reached.add(one)
            following += graph[one]
    return reached


def test_modules_do_not_import_in_a_circle() -> None:
    """Imports inside functions and for types alone count too."""
    found = circles({name: modules_among(names, ours()) - {name} for name, names in ours().items()})
    assert not found, f"import circles: {[sorted(circle) for circle in found]}"


def test_a_circle_is_seen_through_lazy_and_typing_imports() -> None:
    texts = {
        "p.a": "def f():\n    from . import b",
        "p.b": "if TYPE_CHECKING:\n    from .c import C",
        "p.c": "import p.a",
        "p.d": "from . import a",
    }
    graph = {name: modules_among(imported(text, "p"), texts) for name, text in texts.items()}
    assert circles(graph) == [{"p.a", "p.b", "p.c"}]


def test_the_engine_does_without_the_panels_libraries() -> None:
    broken = [
        f"{m} imports {n}"
        for m, names in imports().items()
        if unit_of(m) != "tiltyard_widgets"
        for n in names
        if n.split(".")[0] in PANELS_ONLY
    ]
    assert not broken, "\n".join(sorted(broken))


@pytest.mark.parametrize(
    ("importer", "text", "complains"),
    [
        ("tiltyard.evasion.pgd", "def f():\n    from ..privacy import gap", True),
        ("tiltyard.evasion.pgd", "from tiltyard.privacy.gap import Gap", True),
        ("tiltyard.evasion.pgd", "from ..store import store", True),
        ("tiltyard.evasion.pgd", "from .. import reports", True),
        ("tiltyard.targets.target", "import tiltyard.check", True),
        ("tiltyard.cli.app", "import tiltyard_widgets.panels.workbench", True),
        ("tiltyard.privacy_accounting.accountants", "from ..check import Check", True),
        ("tiltyard.evasion.pgd", "from ..attacks.norms import ball\nfrom .fgsm import FGSM\nfrom ..check import Check", False),
        ("tiltyard.store.store", "from ..check import Step, versions", False),
        ("tiltyard_widgets.panels.attack", "from tiltyard.evasion.pgd import PGD\nfrom ..theme.look import style", False),
    ],
)
def test_a_breach_is_seen(importer: str, text: str, complains: bool) -> None:
    names = {n for n in imported(text, importer.rpartition(".")[0]) if n.split(".")[0] in SOURCES}
    assert any(breach(importer, name) for name in names) is complains
