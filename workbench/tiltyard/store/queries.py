"""Queries that writing the chain and proving it share."""

from typing import TYPE_CHECKING, Any

from .chain import CONTENT, kept_columns

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select, Table


def run_and_step(table: "Table") -> "tuple[ColumnElement[str], ColumnElement[str]]":
    """The run and the step of a table's rows; files have those of their record, with which the query joins them."""
    from sqlalchemy import literal

    from . import tables

    if table.name in ("records", "artifacts"):
        return tables.records.c.run_id, tables.records.c.step
    return table.c.id if table.name == "runs" else table.c.run_id, literal("")


def kept_rows(table: "Table", content: bool) -> "Select[Any]":
    """All rows of a table: the columns that a link answers for, then ``of_run``, ``of_step`` and ``of_content``.

    The content is null where it is not asked for, or where the table has none. Files without a record have no run.
    """
    from sqlalchemy import null, select

    from . import tables

    run, step = run_and_step(table)
    held = table.c[CONTENT[table.name]] if content and table.name in CONTENT else null()
    query = select(*kept_columns(table), run.label("of_run"), step.label("of_step"), held.label("of_content"))
    return query.outerjoin(tables.records, tables.records.c.token == table.c.token) if table.name == "artifacts" else query


def links_and_hashes_before() -> "Select[Any]":
    """Every link, with the hash of the link before it as the last column; null before the first."""
    from sqlalchemy import select

    from . import tables

    at, before = tables.chain.c, tables.chain.alias("before")
    return select(*at, before.c.hash).outerjoin(before, before.c.number == at.number - 1)
