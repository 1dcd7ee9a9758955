"""Files that steps made (a defended model, adversarial rows, a guard), kept in the store and encrypted where its records are.

Their bytes lie in the database, or where `outside` puts them; then they are written before the row that points at them, and go after it. Each row is written in one transaction with its record, which names its SHA-256: a kill or a full disk leaves both or neither,
deleting a run deletes them, and whoever reads one gets the bytes that the record names, or an error where they are others.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from ..errors import Problem
from ..result import Frozen
from ..sealing.broken import Broken
from . import anchoring
from .database import Database
from .entries import Entries, writing
from .lines import BROKEN
from .outside import BARE, POINTER, fetched, forgotten, kept_outside
from .proving import Proof, Prover
from .rows import record_or_why
from .sealed_records import MARK, PLAIN, opened_bytes, shut_bytes

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

LARGEST = 256 << 20
GONE = "Run the step again; what is too large to be kept, `tiltyard check ID --save` writes to a file"


class Artifact(Frozen):
    """One file of a run. ``kept`` is false of what only its hash is known of: too large, deleted, or kept elsewhere by its maker."""

    run: str
    token: str
    step: str
    name: str
    sha256: str
    size: int | None = None
    kept: bool = False


class Artifacts:
    """The files of a store.

    Parameters
    ----------
    database
        The store's.
    mine
        Which rows the person may take files of, by their run: their own. A shared run may be looked at, no more.
    prover
        Proves that a run is as it was written.
    """

    def __init__(self, database: Database, mine: "Callable[[ColumnElement[str]], ColumnElement[bool]]", prover: Prover) -> None:
        self._database = database
        self._mine = mine
        self._prover = prover

    @contextmanager
    def shut(self, token: str, files: Mapping[str, bytes]) -> Iterator[list[dict[str, Any]]]:
        """Rows for the files of the step ``token``, encrypted, and outside the database where they go there; those past `LARGEST` bytes are not kept.

        Made before the transaction that `put` writes them in, which locks all others out. Where that fails, what lies outside goes again.
        """
        rows: list[dict[str, Any]] = []
        try:
            for name, content in files.items():
                if len(content) <= LARGEST:
                    kept = kept_outside(shut_bytes(content, token, name))
                    rows.append({"token": token, "name": name, "size": len(content), "content": kept})
            yield rows
        except BaseException:
            with suppress(Problem):
                forgotten(row["content"] for row in rows)
            raise

    def put(self, entries: Entries, run_id: str, step: str, rows: list[dict[str, Any]]) -> None:
        """Keep the files that `shut` made rows of, in the transaction that keeps their record."""
        from . import tables

        if "artifacts" in self._database.knows:
            for row in rows:
                entries.add(tables.artifacts, row, run_id, step)

    def kept_of(self, entries: Entries, run_id: str) -> list[bytes]:
        """What the database keeps of each file of a run, for `outside.forgotten` once the run is deleted; nothing where no file can be outside."""
        from sqlalchemy import func, select

        from . import tables

        if "artifacts" not in self._database.knows:
            return []
        at = tables.artifacts.c
        query = select(at.content).join(tables.records, tables.records.c.token == at.token)
        query = query.where(tables.records.c.run_id == run_id, func.length(at.content) <= POINTER)
        return list(entries.connection.execute(query).scalars())

    def of_run(self, run_id: str, readable: bool = False) -> list[Artifact]:
        """Every file that the records of a run name, in the order of its steps.

        A record that cannot be read raises, or is left out where all that is ``readable`` is asked for; a run that is not as it was
        written raises too, or is not held against the chain.
        """
        sizes = self._sizes(run_id)
        found: list[Artifact] = []
        texts, proof = self._texts(run_id, proven=not readable)
        if proof is not None and proof.state == BROKEN:
            raise Broken(f"run {run_id[:8]} as it was written", proof.why, "Do not use its files; see `tiltyard verify`")
        for token, text in texts:
            record = record_or_why(text, token)
            if isinstance(record, Problem):
                if readable:
                    continue
                raise record
            for name, digest in record.result.artifacts.items():
                size = sizes.get((token, name))
                facts = {"run": run_id, "token": str(token), "step": record.check, "name": name, "sha256": digest}
                found.append(Artifact(**facts, size=size, kept=size is not None))
        return found

    def find(self, run_id: str, which: str) -> Artifact:
        """The file of this name, or whose SHA-256 begins so (8 digits or more)."""
        found = [a for a in self.of_run(run_id) if a.name == which or (len(which) >= 8 and a.sha256.startswith(which))]
        same = {a.sha256: a for a in found}
        if not same:
            raise Problem("the name of a file of this run, or the beginning of its SHA-256", repr(which), "See `tiltyard artifacts list`")
        if len(same) > 1:
            other = f"{which}, which {len(same)} files of it are called"
            raise Problem("one file of this run", other, "Give the beginning of its SHA-256; see `tiltyard artifacts list`")
        return next((a for a in found if a.kept), found[0])

    def content(self, artifact: Artifact) -> bytes:
        """Its bytes; `Broken` where they are not those the record speaks of, `Problem` where they are not kept."""
        from sqlalchemy import select

        from . import tables

        at = tables.artifacts.c
        query = select(at.content).join(tables.records, tables.records.c.token == at.token)
        query = query.where(at.token == artifact.token, at.name == artifact.name, self._mine(tables.records.c.run_id))
        with self._database.read() as connection:
            kept = connection.execute(query).scalar() if "artifacts" in self._database.knows else None
        if kept is None:
            raise Problem(f"{artifact.name} in the store", "its hash alone", GONE)
        content = opened_bytes(fetched(kept), artifact.token, artifact.name)
        if sha256(content).hexdigest() != artifact.sha256:
            raise Broken(f"{artifact.name} with SHA-256 {artifact.sha256[:16]}…, as its record says", "other bytes", "Do not use it")
        return content

    def delete(self, artifact: Artifact) -> None:
        """Forget the bytes; the record goes on naming their hash."""
        from sqlalchemy import func, select

        from . import tables

        at, kept = tables.artifacts.c, []
        with writing(self._database) as entries:
            if "artifacts" in self._database.knows:
                query = select(at.content).where(at.token == artifact.token, at.name == artifact.name, func.length(at.content) <= POINTER)
                kept = list(entries.connection.execute(query).scalars())
                entries.remove(tables.artifacts, f"{artifact.token}/{artifact.name}", artifact.run)
        if not entries.ended:  # else it was written with them
            anchoring.anchor(self._database.place, entries.head)
        forgotten(kept)

    def in_the_clear(self, run_id: str) -> int:
        """How many records and files of a run are not encrypted."""
        from sqlalchemy import func, select

        from . import tables

        record, file = tables.records.c, tables.artifacts.c
        plain = select(func.count()).where(record.run_id == run_id, record.record.is_not(None), ~record.record.startswith(MARK))
        bare = select(func.count()).join(tables.records, record.token == file.token).where(record.run_id == run_id)
        bare = bare.where(func.substr(file.content, 1, 1).in_((PLAIN, BARE)))
        with self._database.read() as connection:
            asked = (plain, bare) if "artifacts" in self._database.knows else (plain,)
            return sum(connection.execute(query).scalar_one() for query in asked)

    def _texts(self, run_id: str, proven: bool) -> tuple[list[tuple[str, str]], Proof | None]:
        from sqlalchemy import select

        from . import tables

        at = tables.records.c
        query = select(at.token, at.record).where(at.run_id == run_id, at.record.is_not(None), self._mine(at.run_id)).order_by(at.number)
        ids = select(tables.runs.c.id).where(tables.runs.c.id == run_id)
        anchors = self._prover.anchors() if proven else []
        with self._database.read() as connection:
            texts = [(token, text) for token, text in connection.execute(query)]
            return texts, self._prover.proofs(connection, ids, anchors, content=True).get(run_id) if proven else None

    def _sizes(self, run_id: str) -> dict[tuple[str, str], int]:
        from sqlalchemy import select

        from . import tables

        at = tables.artifacts.c
        query = select(at.token, at.name, at.size).join(tables.records, tables.records.c.token == at.token)
        with self._database.read() as connection:
            if "artifacts" not in self._database.knows:
                return {}
            return {
                (token, name): size if isinstance(size, int) else 0
                for token, name, size in connection.execute(query.where(tables.records.c.run_id == run_id))
            }
