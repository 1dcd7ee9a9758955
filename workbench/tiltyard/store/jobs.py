"""Jobs under way, as other processes see them: how far they are, and whether someone elsewhere cancelled them."""

import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..progress import Report
from .database import Database
from .entries import Entries, writing
from .lines import Underway
from .process import Process
from .writers import Alive, mine, writer, wrote

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, RowMapping


class Jobs:
    """The jobs under way in a store; one that ended has no row, one that was killed a row whose process is dead.

    Parameters
    ----------
    database
        The store's.
    seen
        Which rows the person may see, by their run; of others they see and cancel no job.
    """

    def __init__(self, database: Database, seen: "Callable[[ColumnElement[str]], ColumnElement[bool]]") -> None:
        self._database = database
        self._seen = seen

    def open(self, run_id: str) -> str:
        """A job of this process begins in the run; the id is for `tell` and `close`. Empty where the store keeps none."""
        from . import tables

        id = uuid.uuid4().hex
        with writing(self._database) as entries:
            if "jobs" not in self._database.knows:
                return ""
            entries.add(tables.jobs, mine() | {"id": id, "run_id": run_id, "told": time.time()}, run_id)
        return id

    def tell(self, id: str, report: Report) -> None:
        """Keep how far the job is."""
        from sqlalchemy import update

        from . import tables

        values = {"done": report.done, "message": report.message, "left": report.left, "told": time.time()}
        with self._database.write() as connection:
            connection.execute(update(tables.jobs).where(tables.jobs.c.id == id).values(values))

    def asked(self, id: str) -> bool:
        """Did someone ask the job to stop?"""
        from sqlalchemy import select

        from . import tables

        with self._database.read() as connection:
            return connection.execute(select(tables.jobs.c.cancel).where(tables.jobs.c.id == id)).scalar() is not None

    def wrote(self, id: str, process: Process | None) -> bool:
        """Did this process, where it is known, begin the job?"""
        from . import tables

        return process is not None and wrote(self._database, tables.jobs, tables.jobs.c.id == id, process)

    def close(self, id: str) -> None:
        """The job has ended."""
        from sqlalchemy import select

        from . import tables

        at = tables.jobs.c
        with writing(self._database) as entries:
            run_id = entries.connection.execute(select(at.run_id).where(at.id == id)).scalar()
            if run_id is not None:
                entries.remove(tables.jobs, id, run_id)

    def end(self, entries: Entries, run_id: str) -> None:
        """All jobs of a run have ended; in the transaction that ends the run."""
        from sqlalchemy import select

        from . import tables

        if "jobs" in self._database.knows:
            for id in entries.connection.execute(select(tables.jobs.c.id).where(tables.jobs.c.run_id == run_id)).scalars().all():
                entries.remove(tables.jobs, id, run_id)

    def cancel(self, run_id: str) -> int:
        """Ask all jobs under way in a run to stop, in whichever process they are; returns how many were asked."""
        from sqlalchemy import update

        from . import tables

        with self._database.write() as connection:
            living = [row["id"] for row in self._rows(connection, [run_id])]
            connection.execute(update(tables.jobs).where(tables.jobs.c.id.in_(living)).values(cancel=time.time()))
        return len(living)

    def processes(self) -> list[Process]:
        """The processes that have a job under way."""
        with self._database.read() as connection:
            return [writer(row) for row in self._rows(connection, None)]

    def underway(self, run_ids: Sequence[str] | None = None) -> dict[str, Underway]:
        """Where the jobs of these runs (or of all) stand, by run; a run without one is left out."""
        with self._database.read() as connection:
            return {row["run_id"]: _underway(row) for row in self._rows(connection, run_ids)}

    def _rows(self, connection: Any, run_ids: Sequence[str] | None) -> "list[RowMapping]":
        from sqlalchemy import select

        from . import tables

        if "jobs" not in self._database.knows:
            return []
        run = tables.jobs.c.run_id
        query = select(tables.jobs).where(self._seen(run)).order_by(tables.jobs.c.told)
        query = query if run_ids is None else query.where(run.in_(run_ids))
        alive = Alive()
        return [row for row in connection.execute(query).mappings() if alive(row)]


def _underway(row: "RowMapping") -> Underway:
    written = datetime.fromtimestamp(row["told"], UTC)
    return Underway(done=row["done"], message=row["message"], left=row["left"], told=written, cancelling=row["cancel"] is not None)
