"""The store as a confined kernel sees it: the same methods, each a call to the broker, which knows whose kernel it is."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter

from ..access.line import Line, problem_of
from ..access.person import Person, me
from ..check import Step
from ..errors import Problem
from ..progress import Report
from ..result import Identity, Record
from .artifacts import Artifact, Artifacts
from .jobs import Jobs
from .known import Known
from .lines import ModelLine, Run, RunLine, StepLine, Timing, Underway
from .process import Process
from .store import Store

PLACE = "the app's store"


class RemoteStore(Store):
    """A store behind the broker; `opening.open_store` gives it. The broker knows by the line who asks; ``person`` is what panels show."""

    def __init__(self, asked: Line, person: Person | None = None) -> None:
        self._line = asked
        self.person = person or me()
        self.jobs = RemoteJobs(asked)
        self.artifacts = RemoteArtifacts(asked)

    @property
    def url(self) -> str:
        return PLACE

    def mark(self) -> str:
        return str(_value(self._line, "mark"))

    def begin(self, name: str, target: Identity, data: Identity, config: dict[str, Any] | None = None) -> Run:
        given = {"target": target.model_dump(mode="json"), "data": data.model_dump(mode="json"), "config": config or {}}
        return _RUN.validate_python(_value(self._line, "begin", name=name, **given))

    def end(self, run_id: str, verdict: str = "") -> None:
        _value(self._line, "end", run_id=run_id, verdict=verdict)

    def start(self, run_id: str, step: Step) -> str:
        given = step.model_dump(mode="json", include=set(step.model_fields_set))
        return str(_value(self._line, "start", run_id=run_id, step=step.id, given=given))

    def finish(self, token: str, record: Record, files: Mapping[str, bytes] = MappingProxyType({})) -> None:
        self._line.ask("finish", files=files, token=token, record=record.model_dump_json())

    def add(self, run_id: str, record: Record) -> None:
        _value(self._line, "add", run_id=run_id, record=record.model_dump_json())

    def runs(self, limit: int = 100, offset: int = 0, search: str = "") -> list[RunLine]:
        return _RUNS.validate_python(_value(self._line, "runs", limit=limit, offset=offset, search=search))

    def count(self, search: str = "") -> int:
        return int(_value(self._line, "count", search=search))

    def severities(self, run_ids: Sequence[str]) -> dict[str, dict[str, int]]:
        return _SEVERITIES.validate_python(_value(self._line, "severities", run_ids=list(run_ids)))

    def models(self, limit: int = 200) -> list[ModelLine]:
        return _MODELS.validate_python(_value(self._line, "models", limit=limit))

    def timings(self, limit: int = 1000) -> list[Timing]:
        return _TIMINGS.validate_python(_value(self._line, "timings", limit=limit))

    def run(self, run_id: str) -> Run:
        return _RUN.validate_python(_value(self._line, "run", run_id=run_id))

    def records(self, run_id: str, latest: bool = False) -> list[Record]:
        return [Record.model_validate_json(text) for text in _value(self._line, "records", run_id=run_id, latest=latest)]

    def known(self, target: str, data: str, have: Collection[str] = ()) -> Known:
        return _KNOWN.validate_python(_value(self._line, "known", target=target, data=data, have=sorted(have)))

    def mark_of(self, target: str, data: str) -> str:
        return str(_value(self._line, "mark_of", target=target, data=data))

    def steps(self, run_id: str) -> list[StepLine]:
        return _STEPS.validate_python(_value(self._line, "steps", run_id=run_id))

    def outcomes(self, run_id: str) -> dict[str, Record | Problem]:
        found = _value(self._line, "outcomes", run_id=run_id)
        return {token: problem_of(one) if isinstance(one, dict) else Record.model_validate_json(one) for token, one in found.items()}

    def cancel(self, run_id: str) -> int:
        return int(_value(self._line, "cancel", run_id=run_id))

    def cut_off(self) -> list[StepLine]:
        return _STEPS.validate_python(_value(self._line, "cut_off"))

    def delete(self, run_id: str) -> str:
        return str(_value(self._line, "delete", run_id=run_id))

    def share(self, run_id: str, on: bool = True) -> str:
        return str(_value(self._line, "share", run_id=run_id, on=on))

    def shared(self) -> set[str]:
        return set(_value(self._line, "shared"))

    def doubts(self) -> list[str]:
        return [str(one) for one in _value(self._line, "doubts")]

    def tried(self) -> None:
        raise _here("a trial of the store")

    def wrote(self, token: str, by: Process | None) -> bool:
        raise _here("who wrote a step")


class RemoteJobs(Jobs):
    """Jobs under way, listed and cancelled through the broker."""

    def __init__(self, asked: Line) -> None:
        self._line = asked

    def open(self, run_id: str) -> str:
        return str(_value(self._line, "job_open", run_id=run_id))

    def tell(self, id: str, report: Report) -> None:
        _value(self._line, "job_tell", id=id, done=report.done, message=report.message, left=report.left)

    def asked(self, id: str) -> bool:
        return bool(_value(self._line, "job_asked", id=id))

    def close(self, id: str) -> None:
        _value(self._line, "job_close", id=id)

    def cancel(self, run_id: str) -> int:
        raise _here("jobs cancelled one by one")

    def wrote(self, id: str, process: Process | None) -> bool:
        raise _here("who began a job")

    def processes(self) -> list[Process]:
        raise _here("the list of what works")

    def underway(self, run_ids: Sequence[str] | None = None) -> dict[str, Underway]:
        return _UNDERWAY.validate_python(_value(self._line, "underway", run_ids=None if run_ids is None else list(run_ids)))


class RemoteArtifacts(Artifacts):
    """Files that steps made; the broker gives their bytes, and writes that to the audit log."""

    def __init__(self, asked: Line) -> None:
        self._line = asked

    def of_run(self, run_id: str, readable: bool = False) -> list[Artifact]:
        return _FILES.validate_python(_value(self._line, "files", run_id=run_id, readable=readable))

    def content(self, artifact: Artifact) -> bytes:
        answer = self._line.ask("file", run_id=artifact.run, token=artifact.token, name=artifact.name)
        return answer.files["content"]

    def delete(self, artifact: Artifact) -> None:
        _value(self._line, "file_delete", run_id=artifact.run, token=artifact.token, name=artifact.name)

    def in_the_clear(self, run_id: str) -> int:
        raise _here("a check of the store")


_KNOWN = TypeAdapter(Known)
_RUN, _RUNS, _STEPS, _MODELS = TypeAdapter(Run), TypeAdapter(list[RunLine]), TypeAdapter(list[StepLine]), TypeAdapter(list[ModelLine])
_TIMINGS = TypeAdapter(list[Timing])
_FILES, _UNDERWAY, _SEVERITIES = TypeAdapter(list[Artifact]), TypeAdapter(dict[str, Underway]), TypeAdapter(dict[str, dict[str, int]])


def _value(asked: Line, call: str, **given: Any) -> Any:
    return asked.ask(call, **given).says["value"]


def _here(what: str) -> Problem:
    return Problem(f"{what} by the owner of this server", "somebody behind a shared login", "Ask who runs it")
