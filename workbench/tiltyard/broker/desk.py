"""What the broker does for one kernel: each call with what its role must allow, its arguments checked, in its person's name."""

import logging
import uuid
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, NamedTuple

from pydantic import ConfigDict, Field, ValidationError, validate_call
from pydantic_core import to_jsonable_python

from ..access.frames import Message
from ..access.line import described
from ..access.remote_users import UNSEEN
from ..access.roles import Action, Denied, Role
from ..access.users import User, Users
from ..audit import notes as audit
from ..audit.wording import OF_KERNELS
from ..catalogue import find
from ..errors import Problem
from ..progress import Report
from ..result import Identity, Record
from ..serving.keys import Key, KeyStore, Made, Scope, default_place
from ..store.artifacts import Artifact
from ..store.known import Known
from ..store.lines import ModelLine, Run, RunLine, StepLine, Timing, Underway
from ..store.store import Store
from ..store.writers import writing_for
from .client import Allowance, Client
from .running import Lanes, Place
from .weight import LESS, weigh

Id = Annotated[str, Field(max_length=64)]
Exact = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Short = Annotated[str, Field(max_length=2000)]
Page = Annotated[int, Field(ge=0, le=1000)]
Ids = Annotated[list[Id], Field(max_length=2000)]
Tokens = Annotated[list[Id], Field(max_length=100_000)]
Text = Annotated[str, Field(max_length=32 << 20)]
Share = Annotated[float, Field(ge=0, le=1)]
Files = Mapping[str, bytes]
MOST_STEPS = 10_000
MOST_WORKING = 100


class Rule(NamedTuple):
    """``needs`` is what the role must allow; ``grows`` says that the disk gets fuller by it; ``files`` that it takes some."""

    needs: Action
    grows: bool = False
    files: bool = False


RULES: dict[str, Rule] = {
    **dict.fromkeys(("mark", "runs", "count", "severities", "models", "run", "records", "steps", "outcomes"), Rule("look")),
    **dict.fromkeys(("known", "mark_of", "cut_off", "shared", "underway", "timings", "files", "ready", "doubts"), Rule("look")),
    **dict.fromkeys(("begin", "end", "start", "add", "share", "job_open"), Rule("run", grows=True)),
    "finish": Rule("run", grows=True, files=True),
    **dict.fromkeys(("worker", "worker_leave"), Rule("run")),
    **dict.fromkeys(("cancel", "job_tell", "job_asked", "job_close", "file"), Rule("run")),
    **dict.fromkeys(("delete", "file_delete"), Rule("delete")),
    "note": Rule("look", grows=True),  # each of its words has a need of its own
    "log": Rule("log"),
    **dict.fromkeys(("users", "user_add", "user_change", "user_remove"), Rule("users")),
    **dict.fromkeys(("keys", "key_new", "key_revoke", "key_revoke_line"), Rule("keys")),
}


class Desk:
    """The calls of one kernel. Steps and jobs that it began, by a broker that died since too, are its own; it ends none of another's."""

    def __init__(self, client: Client, allowance: Allowance, lanes: Lanes) -> None:
        self.client = client
        self.lanes = lanes
        self.person = client.person
        self.allowance = allowance
        self.store = Store(person=client.person)
        self.unlogged = ""
        self._steps: set[str] = set()
        self._jobs: set[str] = set()
        self._working: set[str] = set()
        self._holding: set[str] = set()
        self._name = uuid.uuid4().hex

    def answer(self, question: Message) -> Message:
        """Never raises: what goes wrong is a problem in the answer."""
        self.unlogged = ""
        try:
            value, files = self._done(question)
            return Message({"value": to_jsonable_python(value), "unlogged": self.unlogged}, files)
        except Problem as problem:
            return Message({"problem": described(problem)})
        except Exception as error:  # the one kernel must not end it for all
            logging.getLogger("tiltyard").exception("the broker broke at a call")
            found = f"that it broke ({type(error).__name__})"
            return Message(
                {"problem": described(Problem("the app's keeper of runs to answer", found, "Tell who runs it; its log says more"))}
            )

    def _done(self, question: Message) -> tuple[Any, Files]:
        call, given = question.says.get("call"), question.says.get("given")
        rule = RULES.get(call) if isinstance(call, str) else None
        if rule is None or not isinstance(given, dict) or bool(question.files) > rule.files:
            raise Problem("a call that the broker knows", "another", "Open the page again")
        self.client.check()
        self.person.must(rule.needs)
        if rule.grows:
            self.allowance.take(self.person.name, sum(map(len, question.files.values())) + len(str(given)))
        if rule.files:
            given = given | {"files": question.files}
        with ExitStack() as during:
            during.enter_context(writing_for(self.client.process))
            try:
                value = CALLS[str(call)](self, **given)
            except (ValidationError, TypeError) as error:
                raise Problem(f"what `{call}` takes", f"other words ({type(error).__name__})", "Open the page again") from None
        return ("", {"content": value}) if isinstance(value, bytes) else (value, {})

    # Runs

    def mark(self) -> str:
        return self.store.mark()

    def begin(self, name: Short, target: Identity, data: Identity, config: dict[str, Any]) -> Run:
        audit.ready(self.store.url)
        return self.store.begin(name, target, data, config)

    def end(self, run_id: Exact, verdict: Short) -> None:
        self.store.end(run_id, verdict)

    def start(self, run_id: Exact, step: Id, given: dict[str, Any]) -> str:
        if len(self._steps) >= MOST_STEPS:
            raise Problem(f"at most {MOST_STEPS:,} steps of one page", "more", "Open the page again")
        asked = find(step).model_construct(_fields_set=set(given), **given)  # kept, not run: so nothing that it names is looked at
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            token = self.store.start(run_id, asked)
        self._steps.add(token)
        return token

    def finish(self, token: Id, record: Text, files: Files) -> None:
        if token not in self._steps and not self.store.wrote(token, self.client.process):
            raise Denied("a step that this page began", "another", "Run the step again")
        self.store.finish(token, Record.model_validate_json(record), files)

    def add(self, run_id: Exact, record: Text) -> None:
        self.store.add(run_id, Record.model_validate_json(record))

    def runs(self, limit: Page, offset: Annotated[int, Field(ge=0)], search: Short) -> list[RunLine]:
        return self.store.runs(limit, offset, search)

    def count(self, search: Short) -> int:
        return self.store.count(search)

    def severities(self, run_ids: Ids) -> dict[str, dict[str, int]]:
        return self.store.severities(run_ids)

    def models(self, limit: Page) -> list[ModelLine]:
        return self.store.models(limit)

    def run(self, run_id: Id) -> Run:
        return self.store.run(run_id)

    def records(self, run_id: Id, latest: bool) -> list[str]:
        return [record.model_dump_json() for record in self.store.records(run_id, latest)]

    def known(self, target: Short, data: Short, have: Tokens) -> Known:
        return self.store.known(target, data, have)

    def mark_of(self, target: Short, data: Short) -> str:
        return self.store.mark_of(target, data)

    def steps(self, run_id: Id) -> list[StepLine]:
        return self.store.steps(run_id)

    def outcomes(self, run_id: Id) -> dict[str, Any]:
        found = self.store.outcomes(run_id)
        return {token: described(one) if isinstance(one, Problem) else one.model_dump_json() for token, one in found.items()}

    def cancel(self, run_id: Id) -> int:
        return self.store.cancel(run_id)

    def timings(self, limit: Page) -> list[Timing]:
        return self.store.timings(limit)

    def cut_off(self) -> list[StepLine]:
        return self.store.cut_off()

    def delete(self, run_id: Id) -> str:
        return self.store.delete(run_id)

    def share(self, run_id: Id, on: bool) -> str:
        return self.store.share(run_id, on)

    def shared(self) -> set[str]:
        return self.store.shared()

    def doubts(self) -> list[str]:
        return self.store.doubts()

    # Jobs

    def job_open(self, run_id: Exact) -> str:
        run = self.store.run(run_id)
        if not self.person.sees_all and run.owner != self.person.name:
            raise Problem("a run of your own", f"{run.short}, which {run.owner} shares for looking at", "Begin one of your own")
        id = self.store.jobs.open(run.id)
        self._jobs.add(id)
        return id

    def job_tell(self, id: Id, done: Share, message: Short, left: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None) -> None:
        self.store.jobs.tell(self._job(id), Report(done, message, left, 0.0))

    def job_asked(self, id: Id) -> bool:
        return self.store.jobs.asked(self._job(id))

    def job_close(self, id: Id) -> None:
        self.store.jobs.close(self._job(id))
        self._jobs.discard(id)

    def underway(self, run_ids: Ids | None) -> dict[str, Underway]:
        return self.store.jobs.underway(run_ids)

    def _job(self, id: str) -> str:
        if id not in self._jobs and not self.store.jobs.wrote(id, self.client.process):
            raise Denied("a job that this page began", "another", "Run it again")
        return id

    # Workers

    def worker(self, id: Exact, seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)], holds: bool = False) -> Place:
        """``holds`` says that a broker which died since gave it one; that is believed of a kernel that had a line to it."""
        if id not in self._working and len(self._working) >= MOST_WORKING:
            raise Problem(f"at most {MOST_WORKING} checks of one page that run or wait", "more", "Wait until some have ended")
        self._working.add(id)
        place = self.lanes.ask(self._mine(id), self.person.name, seconds, holds and self.client.renewed)
        if not place.place:
            self._holding.add(id)
            self._weighed()
        return place

    def worker_leave(self, id: Exact) -> None:
        self.lanes.leave(self._mine(id))
        self._working.discard(id)
        if id in self._holding:
            self._holding.discard(id)
            self._weighed()

    def _weighed(self) -> None:
        """Pages of others come first while this one holds a worker."""
        if self.client.process is not None:
            weigh(self.client.process.pid, LESS if self._holding else 0)

    def close(self) -> None:
        """The kernel is gone, and holds no worker any more."""
        for id in list(self._working):
            self.worker_leave(id)

    def _mine(self, id: str) -> str:
        """Apart from whatever another kernel calls its own."""
        return f"{self._name} {id}"

    # Files

    def files(self, run_id: Exact, readable: bool) -> list[Artifact]:
        return self.store.artifacts.of_run(run_id, readable)

    def file(self, run_id: Exact, token: Id, name: Short) -> bytes:
        audit.ready(self.store.url)
        artifact = self._file(run_id, token, name)
        content = self.store.artifacts.content(artifact)
        self._noted("artifact taken", artifact.sha256, _facts(artifact))
        return content

    def file_delete(self, run_id: Exact, token: Id, name: Short) -> None:
        audit.ready(self.store.url)
        artifact = self._file(run_id, token, name)
        self.store.artifacts.delete(artifact)
        self._noted("artifact deleted", artifact.sha256, _facts(artifact))

    def _file(self, run_id: str, token: str, name: str) -> Artifact:
        found = [one for one in self.store.artifacts.of_run(run_id) if (one.token, one.name) == (token, name)]
        if not found:
            raise Problem("a file of this run", "none of this name", "Look at the run again")
        return found[0]

    # The audit log

    def ready(self) -> None:
        audit.ready(self.store.url)

    def note(self, what: Short, fingerprint: Annotated[str, Field(max_length=200)], parameters: dict[str, Any]) -> str:
        if what not in OF_KERNELS:
            raise Denied("what a page may write to the audit log", "another word", "Nothing can be done; whoever does it writes it")
        self.person.must(OF_KERNELS[what])
        return audit.note(what, fingerprint, parameters, self.person.name, self.store.url)

    def log(self, last: Page) -> audit.Read | None:
        return audit.read(last, self.store.url)

    def _noted(self, what: str, fingerprint: str = "", parameters: dict[str, Any] | None = None) -> None:
        self.unlogged = audit.note(what, fingerprint, parameters, self.person.name, self.store.url)

    # People

    def users(self) -> list[User]:
        return [_bare(user) for user in Users().all()]

    def user_add(self, name: Short, role: Role, password: Annotated[str, Field(max_length=4096)], once: bool = False) -> User:
        audit.ready(self.store.url)
        user = Users().add(name, role, password, once)
        self._noted("user added", parameters={"name": user.name, "role": str(user.role)})
        return _bare(user)

    def user_change(
        self, name: Short, role: Role | None, password: Annotated[str, Field(max_length=4096)] | None, once: bool = False
    ) -> User:
        if role is not None:
            self._another(name)
        audit.ready(self.store.url)
        user = Users().change(name, role, password, once)
        if role is not None:
            self._noted("role changed", parameters={"name": name, "role": str(user.role)})
        if password is not None:
            self._noted("password changed", parameters={"name": name})
        return _bare(user)

    def user_remove(self, name: Short) -> User:
        self._another(name)
        audit.ready(self.store.url)
        user = Users().remove(name)
        self._noted("user removed", parameters={"name": name})
        return _bare(user)

    def _another(self, name: str) -> None:
        if name == self.person.name:
            raise Problem("another person than yourself", name, "Let another admin do it")

    # Keys of the endpoint

    def keys(self) -> list[Key]:
        return [_unhashed(key) for key in KeyStore(default_place()).all()]

    def key_new(
        self, name: Short, scopes: tuple[Scope, ...], seconds: Annotated[float, Field(gt=0, le=4e8)] | None, budget: int | None
    ) -> Made:
        audit.ready(self.store.url)
        made = KeyStore(default_place()).new(name, scopes, None if seconds is None else timedelta(seconds=seconds), budget)
        self._noted("key made", parameters={"name": made.key.name, "id": made.key.id})
        return replace(made, key=_unhashed(made.key))

    def key_revoke(self, id: Id) -> Key:
        audit.ready(self.store.url)
        ended = KeyStore(default_place()).revoke(id)
        self._noted("key revoked", parameters={"name": ended.name, "id": ended.id})
        return _unhashed(ended)

    def key_revoke_line(self, id: Id) -> list[Key]:
        audit.ready(self.store.url)
        ended = KeyStore(default_place()).revoke_line(id)
        self._noted("keys of an account revoked", parameters={"id": id, "ended": " ".join(key.id for key in ended)})
        return [_unhashed(key) for key in ended]


def _bare(user: User) -> User:
    return user.model_copy(update={"password": UNSEEN})


def _unhashed(key: Key) -> Key:
    return key.model_copy(update={"hash": ""})


def _facts(artifact: Artifact) -> dict[str, str]:
    return {"run": artifact.run, "step": artifact.step, "name": artifact.name}


_checked = validate_call(config=ConfigDict(arbitrary_types_allowed=True))
CALLS: dict[str, Any] = {name: _checked(getattr(Desk, name)) for name in RULES}
