"""The panels that stand alone in a cell, from their classes."""

import importlib
import inspect

from .markdown import code, page, prose, table


def pages() -> dict[str, str]:
    return {"reference/panels.md": page("Panels", INTRODUCTION, table(("Panel", "What it is", "Import"), rows()), label="panels")}


INTRODUCTION = """Each takes what `ty.check` takes, a target and data or a model and a table, and stands alone in a cell of JupyterLab or Notebook.
`Workbench` of `tiltyard_widgets.panels.workbench` composes them over one shared state."""


def rows() -> list[tuple[str, str, str]]:
    from tiltyard_widgets.server.code import panels

    return [(code(p.name), first(p.module, p.name), code(f"from {p.module} import {p.name}")) for p in panels()]


def first(module: str, name: str) -> str:
    """The first sentence of the class."""
    doc = prose(inspect.getdoc(getattr(importlib.import_module(module), name)))
    return doc.split("\n\n")[0].replace("\n", " ")
