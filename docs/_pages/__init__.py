"""A Sphinx extension: the pages of the reference, written from the program itself before anything else is read."""

import re
from pathlib import Path
from typing import Any

FOLDERS = ("checks", "shell", "api", "schemas")


def setup(app: Any) -> dict[str, Any]:
    app.connect("builder-inited", write)
    app.connect("autodoc-process-docstring", shapes, priority=100)
    app.connect("html-page-context", timeless)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def shapes(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """A shape such as (n, *input_shape) is no emphasis."""
    lines[:] = [re.sub(r"(?<=[(\s])\*(?=\w)", r"\\*", line) for line in lines]


def timeless(app: Any, name: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Leave out how long a shown result took, so that two builds are alike."""
    if "took " in context.get("body", ""):
        context["body"] = re.sub(r"\s·\s*took\s[\d.,]+\s\w+", "", context["body"])


def write(app: Any) -> None:
    """Write every generated page; one that is as it was keeps its time, so that Sphinx need not read it again."""
    from . import codes, door, files, panels, rest, rules, schemas, shell, steps
    from .numbers import numbers

    docs = Path(app.srcdir)
    made = steps.pages(numbers(steps.every(), Path(app.doctreedir).parent / "numbers.json"))
    for maker in (codes, shell, door, panels, files, schemas, rest, rules):
        made |= maker.pages()
    for name, text in made.items():
        path = docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    schemas.copy(docs)
    _forget(docs, set(made))


def _forget(docs: Path, made: set[str]) -> None:
    """Remove the pages of what is there no more."""
    for folder in FOLDERS:
        for path in (docs / "reference" / folder).glob("*.md"):
            if path.relative_to(docs).as_posix() not in made:
                path.unlink()
