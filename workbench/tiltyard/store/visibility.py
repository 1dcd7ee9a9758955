"""Which runs a person may look at and change, as conditions on queries."""

from typing import TYPE_CHECKING, Any

from ..access.person import Person
from .database import Database

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select


class Visibility:
    """What a person sees of a store. Each method is called inside a transaction, when it is known which tables the store has.

    Where ``run_id`` is given, it is the column that names the run of a row; else the rows are those of `tables.runs`.
    """

    def __init__(self, database: Database, person: Person) -> None:
        self._database = database
        self._person = person

    def may_see(self, run_id: "ColumnElement[str] | None" = None) -> "ColumnElement[bool]":
        """Rows that the person may look at: of their own runs and of shared ones."""
        from sqlalchemy import or_, select

        from . import tables

        own = self.may_change(run_id)
        if self._person.sees_all or "shares" not in self._database.knows:
            return own
        return or_(own, (tables.runs.c.id if run_id is None else run_id).in_(select(tables.shares.c.run_id)))

    def may_change(self, run_id: "ColumnElement[str] | None" = None) -> "ColumnElement[bool]":
        """Rows that the person may change: of their own runs."""
        from sqlalchemy import false, select, true

        from . import tables

        if self._person.sees_all:
            return true()
        if "owners" not in self._database.knows:
            return false()
        own = select(tables.owners.c.run_id).where(tables.owners.c.name == self._person.name)
        return (tables.runs.c.id if run_id is None else run_id).in_(own)

    def with_owner(self, query: "Select[Any]") -> "Select[Any]":
        """The query over runs, with the name of who started each as ``owner``."""
        from sqlalchemy import literal

        from . import tables

        if "owners" not in self._database.knows:
            return query.add_columns(literal("").label("owner"))
        return query.add_columns(tables.owners.c.name.label("owner")).outerjoin(tables.owners, tables.owners.c.run_id == tables.runs.c.id)
