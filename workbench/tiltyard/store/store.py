"""Runs and their records, kept from the moment they start."""

import json
import time
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..access.line import line
from ..access.person import Person, me
from ..audit import notes as audit
from ..catalogue import effective
from ..check import Step, versions
from ..defense import Defense
from ..errors import Problem
from ..result import Identity, Record
from ..sealing.broken import Broken
from . import anchoring
from .artifacts import Artifacts
from .database import WAIT, Database
from .entries import Entries, writing
from .jobs import Jobs
from .lines import BROKEN, CUT_OFF, RUNNING, ModelLine, Run, RunLine, StepLine, Tally, Timing
from .outside import forgotten
from .process import Process
from .proving import NOT_PROVEN, Proof, Prover
from .rows import going, matching, object_of, record_of, record_or_why, run_fields, step_line, worst
from .sealed_records import opened, shut
from .tallies import tallies
from .visibility import Visibility
from .writers import Alive, mine, writer, wrote

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from .known import Known

NAMED = ("name", "fingerprint", "detail")  # of an identity in a run's row; each record holds all of it


class Store:
    """Where runs are kept.

    Parameters
    ----------
    url
        A file, an SQLAlchemy URL (``postgresql+psycopg://…``), or None for TILTYARD_STORE and then
        ``runs.sqlite`` in the user's data folder.
    wait
        Milliseconds to wait for another program's lock before giving up in one line.
    person
        Whose store it is: their runs are marked as theirs, and whoever came through a shared login and is no admin
        sees these alone. The person of this process where it is not given.
    makes
        Whether a file that is not there is made; one who only looks leaves that to the first run.

    Raises
    ------
    Problem
        From any method, in one line, where the store is locked, read-only, full, damaged, gone or newer.

    Attributes
    ----------
    jobs
        What is under way, in this process and in others.
    artifacts
        The files that steps made.
    """

    def __init__(self, url: str | Path | None = None, wait: int = WAIT, person: Person | None = None, makes: bool = True) -> None:
        if url is None and line() is not None:
            raise Problem("`tiltyard.store.opening.open_store()` on a page behind a shared login", "`Store()`", "Call that")
        self._database = Database(url, wait, makes)
        self.person = person or me()
        self._visible = Visibility(self._database, self.person)
        self.jobs = Jobs(self._database, self._visible.may_change)
        self._prover = Prover(self._database)
        self.artifacts = Artifacts(self._database, self._visible.may_change, self._prover)

    @property
    def url(self) -> str:
        """Where it is, without a password."""
        return self._database.place

    def mark(self) -> str:
        """Changes with every write to the store, by whichever process; costs next to nothing to ask."""
        return self._database.mark()

    def begin(self, name: str, target: Identity, data: Identity, config: dict[str, Any] | None = None) -> Run:
        """A new run, kept at once."""
        from . import tables

        run_id = uuid.uuid4().hex
        values = mine() | {"id": run_id, "name": name, "started": time.time(), "verdict": ""}
        values |= {f"{of}_{k}": getattr(known, k) for of, known in (("target", target), ("data", data)) for k in NAMED}
        values |= {"versions": json.dumps(versions()), "config": json.dumps(config or {})}
        with writing(self._database) as entries:
            entries.add(tables.runs, values, run_id)
            if "owners" in self._database.knows:
                entries.add(tables.owners, {"run_id": run_id, "name": self.person.name}, run_id)
        self._anchored(entries)
        return self._run(run_id, proven=False)

    def tried(self) -> None:
        """Write a run and take it back in one transaction; raises where that is not possible."""
        from sqlalchemy import delete, insert

        from . import tables

        run_id = uuid.uuid4().hex
        names = {f"{of}_{k}": "" for of in ("target", "data") for k in ("name", "fingerprint", "detail")}
        values = mine() | names | {"id": run_id, "name": "tried", "started": time.time(), "versions": "{}", "config": "{}"}
        with writing(self._database) as entries:
            entries.connection.execute(insert(tables.runs).values(values))
            entries.connection.execute(delete(tables.runs).where(tables.runs.c.id == run_id))

    def end(self, run_id: str, verdict: str = "") -> None:
        """Say that nothing more follows in this run."""
        from . import tables

        self._own(run_id)
        with writing(self._database) as entries:
            self.jobs.end(entries, run_id)
            entries.change(tables.runs, run_id, {"ended": time.time(), "verdict": verdict})
        self._anchored(entries)

    def start(self, run_id: str, step: Step) -> str:
        """Write that ``step`` runs from now; the token is for ``finish``."""
        from . import tables

        self._own(run_id)
        token = uuid.uuid4().hex
        given = json.dumps(step.model_dump(mode="json", include=set(step.model_fields_set)))
        values = mine() | {
            "token": token,
            "run_id": run_id,
            "step": step.id,
            "title": step.title,
            "state": RUNNING,
            "given": given,
            "severity": "",
        }
        values |= {"kind": "defense" if isinstance(step, Defense) else "check", "started": time.time()}
        with writing(self._database) as entries:
            entries.add(tables.records, values, run_id, step.id)
        return token

    def finish(self, token: str, record: Record, files: Mapping[str, bytes] = MappingProxyType({})) -> None:
        """Keep the record of the step that ``start`` gave ``token`` for, and the ``files`` it names, in one transaction."""
        from . import tables

        values: dict[str, Any] = {"state": str(record.result.status), "severity": worst(record.result)}
        values |= {"ended": time.time(), "record": shut(record.model_dump_json(), token)}
        with self.artifacts.shut(token, files) as rows, writing(self._database) as entries:
            begun = entries.change(tables.records, token, values)
            if begun is None:
                raise Problem("the run this step belongs to", "that it was deleted meanwhile", "Run the step again in a new run")
            _belongs(entries.connection, begun.run_id, record)
            self.artifacts.put(entries, begun.run_id, begun.step, rows)

    def wrote(self, token: str, by: Process | None) -> bool:
        """Did this process, where it is known, begin the step, and is it under way still?"""
        from . import tables

        at = tables.records.c
        return by is not None and wrote(self._database, tables.records, (at.token == token) & (at.state == RUNNING), by)

    def add(self, run_id: str, record: Record) -> None:
        """Keep a record that was made of others and so was never under way; for analysts."""
        from . import tables

        self.person.must("run")
        self._own(run_id)
        token = uuid.uuid4().hex
        values = mine() | {"token": token, "run_id": run_id, "step": record.check, "title": record.title, "kind": record.kind}
        values |= {"state": str(record.result.status), "given": json.dumps(record.given), "severity": worst(record.result)}
        values |= {"started": record.started.timestamp(), "ended": time.time(), "record": shut(record.model_dump_json(), token)}
        with writing(self._database) as entries:
            _belongs(entries.connection, run_id, record)
            entries.add(tables.records, values, run_id, record.check)

    def runs(self, limit: int = 100, offset: int = 0, search: str = "") -> list[RunLine]:
        """Runs, newest first, each with whether it holds; ``search`` is looked for in the names of run, target and data."""
        from . import tables

        anchors = self._prover.anchors()
        with self._database.read() as connection:
            query = (
                matching(search, self._visible.may_see())
                .order_by(tables.runs.c.started.desc(), tables.runs.c.id)
                .limit(limit)
                .offset(offset)
            )
            rows = connection.execute(self._visible.with_owner(query)).mappings().all()
            alive = Alive()
            now = going(connection, query, alive, "jobs" in self._database.knows)
            proofs = self._prover.proofs(connection, query, anchors)
            found = tallies(connection, [str(row["id"]) for row in rows])
        return [
            RunLine.model_construct(
                **run_fields(row, now, alive, proofs.get(str(row["id"]), NOT_PROVEN), found.get(str(row["id"]), Tally()))
            )
            for row in rows
        ]

    def count(self, search: str = "") -> int:
        """How many runs there are (that match ``search``)."""
        from sqlalchemy import func, select

        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(matching(search, self._visible.may_see()).subquery())).scalar_one()

    def severities(self, run_ids: Sequence[str]) -> dict[str, dict[str, int]]:
        """Of each run, how many of its checks have each severity as that of their worst finding; a run without findings is left out."""
        from sqlalchemy import select

        from . import tables

        with self._database.read() as connection:
            mine = select(tables.runs.c.id).where(tables.runs.c.id.in_(run_ids), self._visible.may_see())
            found = tallies(connection, [str(id) for id in connection.execute(mine).scalars()])
        return {run: dict(one.severities) for run, one in found.items() if one.severities}

    def models(self, limit: int = 200) -> list[ModelLine]:
        """The models that runs were made of, the last assessed first."""
        from . import overview

        anchors = self._prover.anchors()
        with self._database.read() as connection:
            return overview.models(connection, self._visible.may_see(), limit, lambda ids: self._prover.proofs(connection, ids, anchors))

    def timings(self, limit: int = 1000) -> list[Timing]:
        """How long steps took on this machine, the newest first; one that was cancelled or failed is none of them."""
        from . import overview, tables
        from .process import host

        with self._database.read() as connection:
            return overview.timings(connection, host(), self._visible.may_see(tables.records.c.run_id), limit)

    def run(self, run_id: str) -> Run:
        """The run with this id or unique beginning of one, and whether it holds; ``"last"`` is the newest."""
        return self._run(run_id)

    def doubts(self) -> list[str]:
        """What speaks against the store as a whole, a line each: a chain that does not hold, runs that are gone behind its back."""
        anchors = self._prover.anchors()
        with self._database.read() as connection:
            return self._prover.doubts(connection, anchors) if self.person.sees_all else []

    def _run(self, run_id: str, proven: bool = True) -> Run:
        from sqlalchemy import select

        from . import tables

        at = tables.runs.c
        query = select(tables.runs).order_by(at.started.desc()).limit(2)
        query = query.limit(1) if run_id == "last" else query.where(at.id.startswith(run_id, autoescape=True))
        anchors = self._prover.anchors() if proven else []
        with self._database.read() as connection:
            rows = connection.execute(self._visible.with_owner(query.where(self._visible.may_see()))).mappings().all()
            alive, ids = Alive(), select(at.id).where(at.id.in_([row["id"] for row in rows]))
            now = going(connection, ids, alive, "jobs" in self._database.knows)
            proofs = self._prover.proofs(connection, ids, anchors) if proven else {}
            found = tallies(connection, [str(row["id"]) for row in rows])
        if not rows or not run_id:
            none = "no run at all" if run_id == "last" else f"{run_id!r}, which none has"
            raise Problem("the id of a run, or its beginning", none, "See `tiltyard runs`")
        if len(rows) > 1:
            raise Problem("the beginning of one run's id", f"{run_id!r}, with which several begin", "Give more of its characters")
        row = rows[0]
        more: dict[str, Any] = {"versions": object_of(row["versions"]), "config": object_of(row["config"]), "process": writer(row)}
        proof = proofs.get(str(row["id"]), NOT_PROVEN) if proven else None
        return Run.model_construct(**run_fields(row, now, alive, proof, found.get(str(row["id"]), Tally())), **more)

    def records(self, run_id: str, latest: bool = False) -> list[Record]:
        """Finished records in the order they were started; ``latest``: the last of each step and parameters.

        Raises
        ------
        Broken
            The run is not as it was written, or the store's chain does not hold.
        """
        texts, proof = self._texts(run_id)
        if proof.state == BROKEN:
            raise Broken(f"run {run_id[:8]} as it was written", proof.why, "Do not use it; see `tiltyard verify`")
        found = [record_of(opened(text, token)) for token, text in texts]
        if not latest:
            return found
        return list({(r.kind, r.check, json.dumps(effective(r), sort_keys=True)): r for r in found}.values())

    def known(self, target: str, data: str, have: Collection[str] = ()) -> "Known":
        """Every record of a model and its data, by their fingerprints, over all runs that the person may see and that hold.

        Parameters
        ----------
        have
            Tokens of records that the caller has from before; only where they stand is told of these.
        """
        from .known import Known, known, runs_of

        if self._database.absent:
            return Known()
        with self._database.read() as connection:
            return known(connection, runs_of(target, data, self._visible.may_see()), self._prover, have)

    def mark_of(self, target: str, data: str) -> str:
        """Changes with every record of a model and its data that is written or deleted; cheaper than `known`."""
        from .known import mark_of, runs_of

        if self._database.absent:
            return ""
        with self._database.read() as connection:
            return mark_of(connection, runs_of(target, data, self._visible.may_see()))

    def steps(self, run_id: str) -> list[StepLine]:
        """Every step of a run, also those running and cut off, each with what of it is not as it was written."""
        from . import tables

        doubts = self._texts(run_id)[1].of_steps()
        lines = self._steps(tables.records.c.run_id == run_id)
        return [line.model_copy(update={"doubt": doubts[line.token]}) if line.token in doubts else line for line in lines]

    def outcomes(self, run_id: str) -> dict[str, Record | Problem]:
        """The record of each step that ended, by the step's token; of one that cannot be read or was changed, why."""
        texts, proof = self._texts(run_id)
        doubts = proof.of_steps()
        bad = {token: Broken("a record as it was written", doubt, "Do not use it") for token, doubt in doubts.items()}
        return {token: bad.get(token) or record_or_why(text, token) for token, text in texts}

    def unproven_outcomes(self, run_id: str) -> dict[str, Record | Problem]:
        """As `outcomes`, but not held against the chain: `checking` calls it, and does that itself."""
        return {token: record_or_why(text, token) for token, text in self._texts(run_id, proven=False)[0]}

    @contextmanager
    def reading(self) -> "Iterator[tuple[Connection, frozenset[str]]]":
        """A read transaction, and which tables the store has; for `checking`."""
        with self._database.read() as connection:
            yield connection, self._database.knows

    def cancel(self, run_id: str) -> int:
        """Ask the jobs of a run to stop, in whichever process they are; how many were asked. Analysts only."""
        self.person.must("run")
        run = self._run(run_id, proven=False)
        asked = self.jobs.cancel(run.id)
        if asked:
            audit.note("run cancelled", run.target.fingerprint, {"run": run.id, "jobs": asked}, self.person.name, self.url)
        return asked

    def cut_off(self) -> list[StepLine]:
        """Steps that were running when their process ended; their runs keep every finished record."""
        from . import tables

        return [line for line in self._steps(tables.records.c.state == RUNNING) if line.state == CUT_OFF]

    def _texts(self, run_id: str, proven: bool = True) -> "tuple[list[tuple[str, str]], Proof]":
        """Token and record, as it is kept, of each step that ended, in the order they were started; and whether the run holds."""
        from sqlalchemy import select

        from . import tables

        at = tables.records.c
        query = select(at.token, at.record).where(at.run_id == run_id, at.record.is_not(None)).order_by(at.number)
        anchors = self._prover.anchors() if proven else []
        with self._database.read() as connection:
            texts = [(token, text) for token, text in connection.execute(query.where(self._visible.may_see(at.run_id)))]
            ids = select(tables.runs.c.id).where(tables.runs.c.id == run_id, self._visible.may_see())
            proof = self._prover.proofs(connection, ids, anchors, content=True).get(run_id) if proven else None
        return texts, proof or NOT_PROVEN

    def _anchored(self, entries: Entries) -> None:
        """Write the head of the chain into the audit log. Where that fails the run goes on, and `tiltyard verify` reports that it is missing."""
        if not entries.ended:  # else it was written with them
            anchoring.anchor(self.url, entries.head)

    def _steps(self, where: Any) -> list[StepLine]:
        from sqlalchemy import select

        from . import tables

        at = tables.records.c
        columns = [c for c in at if c.name != "record"]
        with self._database.read() as connection:
            rows = connection.execute(select(*columns).where(where, self._visible.may_see(at.run_id)).order_by(at.number)).mappings().all()
        alive = Alive()
        return [step_line(row, alive) for row in rows]

    def delete(self, run_id: str) -> str:
        """Forget a run and its records; admins only. Returns why it is not in the audit log, or nothing."""
        from . import tables

        self.person.must("delete")
        audit.ready(self.url)
        gone = self._run(run_id, proven=False)
        with writing(self._database) as entries:
            kept = self.artifacts.kept_of(entries, gone.id)
            entries.remove(tables.runs, gone.id, gone.id)
        self._anchored(entries)
        facts = {"run": gone.id, "name": gone.name, "owner": gone.owner}
        noted = audit.note("run deleted", gone.target.fingerprint, facts, self.person.name, self.url)
        forgotten(kept)
        return noted

    def share(self, run_id: str, on: bool = True) -> str:
        """Let everybody look at a run of one's own, or no longer; an admin may for anybody's. Returns as `delete` does."""
        from . import tables

        self.person.must("run")
        audit.ready(self.url)
        run = self._run(run_id, proven=False)
        self._own(run.id)
        with writing(self._database) as entries:
            if "shares" not in self._database.knows:
                raise Problem(
                    "a store that knows of shared runs", "one that is older and may only be read", "Open it where it may be written"
                )
            entries.remove(tables.shares, run.id, run.id)
            if on:
                entries.add(tables.shares, {"run_id": run.id}, run.id)
        self._anchored(entries)
        what = "run shared" if on else "run no longer shared"
        return audit.note(what, run.target.fingerprint, {"run": run.id, "name": run.name, "owner": run.owner}, self.person.name, self.url)

    def shared(self) -> set[str]:
        """Ids of the runs everybody may look at."""
        from sqlalchemy import select

        from . import tables

        with self._database.read() as connection:
            return set(connection.execute(select(tables.shares.c.run_id)).scalars()) if "shares" in self._database.knows else set()

    def _own(self, run_id: str) -> None:
        """Raise where the run is another's, whether the person may look at it or not."""
        if self.person.sees_all:
            return
        run = self._run(run_id, proven=False)
        if run.owner != self.person.name:
            raise Problem("a run of your own", f"{run.short}, which {run.owner} shares for looking at", "Begin one of your own")


def _belongs(connection: "Connection", run_id: str, record: Record) -> None:
    """A run holds records of its own model, whole or as a threat model shows it, and of its own data.

    Raises
    ------
    Problem
        The record is of others.
    """
    from sqlalchemy import select

    from . import tables

    at = tables.runs.c
    row = connection.execute(select(at.target_fingerprint, at.data_fingerprint, at.target_name).where(at.id == run_id)).first()
    if row is None or record.data.fingerprint != row[1] or row[0] not in (record.target.fingerprint, record.target.view_of):
        found = f"one of {record.target.name} on {record.data.name}, which differ from the run's"
        raise Problem(f"a record of {row[2] if row else 'the run'}'s own model and data", found, "Begin a run of these")
