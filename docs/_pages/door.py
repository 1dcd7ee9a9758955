"""The public interface of Python: what ``dir(tiltyard)`` shows, and the nouns that these functions take and give."""

import importlib
import inspect
from types import ModuleType
from typing import Any

from pydantic import BaseModel

import tiltyard

from .forms import fields
from .markdown import code, page, prose, table
from .steps import every

FOLDER = "reference/api"
NOUNS = {
    "The model and the data": (
        "targets.target:Target",
        "datasets.dataset:Dataset",
        "datasets.schema:Schema",
        "datasets.feature:Feature",
        "datasets.cohorts:Cohort",
        "samples.catalog:Sample",
    ),
    "Questions and answers": ("check:Step", "check:Check", "defense:Defense", "check:parameter", "progress:Progress", "testing:check_step"),
    "What comes back": (
        "result:Record",
        "result:CheckResult",
        "result:Status",
        "result:Metric",
        "result:Finding",
        "result:Severity",
        "result:Table",
        "result:Chart",
        "assessment.assessment:Assessment",
        "comparison.remeasure:Remeasured",
        "comparison.comparison:Comparison",
    ),
    "Running and keeping": ("execution.runner:Runner", "store.store:Store", "store.opening:open_store", "assessment.policy:Policy"),
    "Errors": ("errors:Problem", "errors:Unavailable", "errors:Cancelled"),
}


def pages() -> dict[str, str]:
    """A page for each function of the door and each noun, and their index."""
    made = {f"{FOLDER}/{name}.md": object_page(f"ty.{name}", value) for name, value in functions().items()}
    made |= {f"{FOLDER}/{value.__name__}.md": object_page(value.__name__, value) for value in nouns()}
    return {f"{FOLDER}/index.md": index(), **made}


def functions() -> dict[str, Any]:
    """What the door shows beside the topics."""
    found = {name: getattr(tiltyard, name) for name in dir(tiltyard)}
    return {name: value for name, value in found.items() if not isinstance(value, ModuleType) and callable(value)}


def noun(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(f"tiltyard.{module}"), name)


def nouns() -> list[Any]:
    return [noun(place) for places in NOUNS.values() for place in places]


def line(name: str, value: Any) -> tuple[str, str]:
    """A row of the index: the name, and its first sentence."""
    first = prose(value.__doc__).split("\n\n")[0].replace("\n", " ")
    return f"[`{name}`]({name.removeprefix('ty.')}.md)", first.partition(": ``")[0]


def index() -> str:
    parts = [
        "```python\nimport tiltyard as ty\n```",
        "## Functions\n\n" + table(("Name", "Does"), [line(f"ty.{n}", v) for n, v in functions().items()]),
    ]
    for title, places in NOUNS.items():
        parts.append(f"## {title}\n\n" + table(("Name", "Is"), [line(noun(p).__name__, noun(p)) for p in places]))
    parts.append("## Topics\n\n" + TOPICS + "\n\n" + table(("Class", "Page"), classes()))
    names = [*functions(), *(value.__name__ for value in nouns())]
    toc = "```{toctree}\n:hidden:\n\n" + "\n".join(dict.fromkeys(names)) + "\n```"
    return page("Python", INTRODUCTION, *parts, toc, label="api", depth=1)


INTRODUCTION = """`dir(ty)` and Tab show these names. They are imported when they are first used, so that `import tiltyard` takes a moment. Names
below modules that begin with an underscore are nobody's but ours."""
TOPICS = (
    "Each topic is a module whose names are its checks and defenses as classes: call one with its parameters, then on a target and data."
)


def classes() -> list[tuple[str, str]]:
    return [(code(step.spelling().name), f"[{step.title}](../checks/{id}.md)") for id, step in every().items()]


def object_page(title: str, value: Any) -> str:
    """One function, class or model."""
    path = f"{value.__module__}.{value.__qualname__}"
    if inspect.isclass(value) and issubclass(value, BaseModel):
        return page(title, code(path), prose(value.__doc__), "## Fields\n\n" + fields(value), members(value, path), depth=1)
    if inspect.isclass(value):
        return page(title, rst(f".. autoclass:: {path}\n   :no-index-entry:"), members(value, path), depth=1)
    return page(title, rst(f".. autofunction:: {path}"), depth=1)


def members(value: type, path: str) -> str:
    """The public methods and properties that the class itself has, in the order of its source."""
    own = [name for name, member in vars(value).items() if not name.startswith("_") and shown(member)]
    lines = [f".. auto{'property' if isinstance(vars(value)[name], property) else 'method'}:: {path}.{name}" for name in own]
    return "## Methods\n\n" + rst("\n\n".join(lines)) if lines else ""


def shown(member: Any) -> bool:
    """Is it a method or property with a docstring, and no validator of pydantic?"""
    plain = isinstance(member, property | classmethod | staticmethod) or inspect.isfunction(member)
    return plain and bool(inspect.getdoc(member))


def rst(text: str) -> str:
    return f"```{{eval-rst}}\n{text}\n```"
