"""What is known of a step before it is run on anybody's model: the sentences of its tests, and what it saw of planted faults."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tiltyard.catalogue import topic_of
from tiltyard.check import Step

from .markdown import sentence, table

ROOT = Path(__file__).parents[2]
SEEN = ROOT / "docs" / "what_checks_see.md"


@cache
def _tests(path: Path) -> tuple[tuple[str, str], ...]:
    """Name and source of each test in a file."""
    text = path.read_text(encoding="utf-8")
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    return tuple((node.name, ast.get_source_segment(text, node) or "") for node in nodes)


def _own(step: type[Step], path: Path) -> bool:
    """Is the file the mirror of the step's module?"""
    return path.stem in (f"test_{step.__module__.rpartition('.')[2]}", f"test_{step.id.partition('.')[2]}")


def tests_of(step: type[Step]) -> Iterator[tuple[Path, list[str]]]:
    """The tests that hold the step to an answer known before, by file: all of its own file, and of the topic's others those that name it."""
    named = re.compile(rf"\b{step.__name__}\b|[\"']{re.escape(step.id)}[\"']")
    for path in sorted((ROOT / "tests" / topic_of(step)).glob("test_*.py")):
        names = [name for name, source in _tests(path) if _own(step, path) or named.search(source)]
        if names:
            yield path.relative_to(ROOT), names


def answers(step: type[Step]) -> str:
    """The tests as sentences, by file."""
    parts = [f"`{path}`\n\n" + "\n".join(f"- {sentence(name)}" for name in names) for path, names in tests_of(step)]
    return "\n\n".join(parts)


@cache
def _lines() -> tuple[list[str], ...]:
    lines = [line for line in SEEN.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    return tuple([cell.strip() for cell in line.strip("|").split("|")] for line in lines)


def planted(step: type[Step]) -> str:
    """What the step saw of planted faults, from the page that holds all of them."""
    mine = [row[1:] for row in _lines() if row[0] == f"`{step.id}`"]
    measured = [row for row in mine if len(row) > 2]
    why = [row[0] for row in mine if len(row) == 1]
    if why:
        return f"No faults are planted for it: {why[0]}."
    heads = ("Planted fault", "Size", "Models", "Passed", "Found", "Not settled", "Wrong")
    return table(heads, measured)
