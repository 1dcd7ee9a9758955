"""Markdown as the pages' makers write it: cells, tables, links to papers, docstrings as prose."""

import inspect
import re
from collections.abc import Iterable, Sequence

ARXIV = re.compile(r"arXiv[: ]\s*(\d{4}\.\d{4,5})")
BARE = re.compile(r"(?<![\w/.:])(\d{4}\.\d{4,5})(?![\w.]*\d)")
SECTION = re.compile(r"^\w[\w ]*\n-{3,}$", re.MULTILINE)


def cell(text: object) -> str:
    """Text that stays in one cell of a table."""
    return " ".join(str(text).split()).replace("\\", "\\\\").replace("|", "\\|")


def code(text: object) -> str:
    """Text as code, also in a cell; empty text stays empty."""
    shown = str(text)
    ticks = "``" if "`" in shown else "`"
    return f"{ticks}{shown}{ticks}" if shown else ""


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; empty where there are no rows."""
    lines = ["| " + " | ".join(map(cell, row)) + " |" for row in rows]
    head = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join([*head, *lines]) + "\n" if lines else ""


def linked(source: str) -> str:
    """A source with its arXiv number as a link."""
    return ARXIV.sub(lambda found: f"[arXiv {found[1]}](https://arxiv.org/abs/{found[1]})", source)


def prose(doc: str | None) -> str:
    """A docstring's sentences without its sections (Parameters, Attributes …)."""
    text = inspect.cleandoc(doc or "")
    section = SECTION.search(text)
    return linked(text[: section.start()] if section else text).strip()


def fenced(text: str, language: str = "") -> str:
    """A block of code."""
    ticks = "````" if "```" in text else "```"
    return f"{ticks}{language}\n{text.rstrip()}\n{ticks}\n"


def sentence(name: str) -> str:
    """The name of a test as the sentence that it is."""
    words = name.removeprefix("test_").replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def page(title: str, *parts: str, label: str = "", depth: int | None = None) -> str:
    """A whole page of these parts; empty parts leave no gap."""
    head = f"({label})=\n# {title}\n" if label else f"# {title}\n"
    front = "" if depth is None else f"---\nhtml_theme.sidebar_secondary.remove: {str(depth == 0).lower()}\n---\n\n"
    return front + "\n".join([head, *(part.strip("\n") + "\n" for part in parts if part.strip())])
