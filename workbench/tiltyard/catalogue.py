"""All that is registered: found by walking the topic folders and the entry points, never by a list."""

import difflib
import importlib
import inspect
import logging
import pkgutil
from collections.abc import Callable, Collection, Mapping
from functools import cache
from importlib import metadata
from types import MappingProxyType, ModuleType
from typing import Any

from .check import Check, Step, named
from .datasets.dataset import Dataset
from .defense import Defense
from .errors import Problem
from .keywords import keywords_of, misspelt, nearest
from .result import Record
from .targets.target import Target

TOPICS: dict[str, str] = {
    "evasion": "Adversarial attacks",
    "privacy": "Data privacy",
    "theft": "Model stealing",
    "fairness": "Bias and fairness",
    "explanation": "Explanation",
    "validation": "Input validation",
    "poisoning": "Poisoning",
    "supply_chain": "Supply chain and patching",
    "endpoint": "Deployment",
    "federated": "Federation",
    "cross_risk": "What a defense does to the others",
    "campaign": "Red teaming",
    "guidelines": "Ethical guidelines",
}

# Topics without a folder of checks: their results are made of the other topics' results.
COMPOSED = ("cross_risk", "campaign", "guidelines")

FACTS = ("id", "title", "question")
_broken: dict[tuple[str, str, str], str] = {}


def topic_of(step: type[Step] | str) -> str:
    """The topic folder a check or defense stands in, from its id (``"evasion.pgd"``)."""
    return (step if isinstance(step, str) else step.id).split(".")[0]


def _modules(topic: str) -> list[ModuleType]:
    """The modules of a topic's folder; those that begin with ``_`` hold its mathematics and no step."""
    package = importlib.import_module(f"tiltyard.{topic}")
    names = [m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_")]
    return [importlib.import_module(f"tiltyard.{topic}.{name}") for name in sorted(names)]


def _own(module: ModuleType, base: type[Step]) -> list[type[Step]]:
    classes = [c for c in vars(module).values() if inspect.isclass(c) and issubclass(c, base) and c.__module__ == module.__name__]
    return [c for c in classes if not inspect.isabstract(c) and "id" in vars(c)]


def _found(base: type[Step], group: str) -> dict[str, type[Step]]:
    found = {c.id: c for topic in TOPICS if topic not in COMPOSED for module in _modules(topic) for c in _own(module, base)}
    taken = set(checks()) if base is Defense else set()
    for point in metadata.entry_points(group=group):
        try:
            step = _foreign(point, base, taken | set(found))
        except (Exception, SystemExit) as error:  # code of others: whatever it raises is reported, and the others stay
            _report(point, group, error)
            continue
        found[step.id] = step
    return found


def _foreign(point: metadata.EntryPoint, base: type[Step], known: Collection[str]) -> type[Step]:
    """What ``point`` brings, where it is a whole step with an id of its own."""
    step = point.load()
    if not (inspect.isclass(step) and issubclass(step, base)) or inspect.isabstract(step):
        raise TypeError(f"{point.value} is not a {base.__name__} that can be run")
    if lacking := [fact for fact in FACTS if not isinstance(getattr(step, fact, None), str)]:
        raise TypeError(f"{point.value} does not say its {' and '.join(lacking)}")
    if topic_of(step) not in TOPICS:
        raise ValueError(f"{step.id!r} is under none of the topics ({', '.join(TOPICS)})")
    if step.id in known:
        raise ValueError(f"the id {step.id!r} is taken")
    return step


def _report(point: metadata.EntryPoint, group: str, error: BaseException) -> None:
    package = point.dist.name if point.dist is not None else "a package of unknown name"
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    _broken[group, point.name, point.value] = f"{point.name!r} of {package} is left out: {reason}"
    logging.getLogger("tiltyard").warning(_broken[group, point.name, point.value])


def broken() -> tuple[str, ...]:
    """The checks and defenses of other packages that could not be had, a line each."""
    checks(), defenses()
    return tuple(_broken.values())


@cache
def checks() -> dict[str, type[Check]]:
    """Every check by id, in the order of `TOPICS` and then of module names."""
    return _found(Check, "tiltyard.checks")  # type: ignore[return-value]


@cache
def defenses() -> dict[str, type[Defense]]:
    """Every defense by id."""
    return _found(Defense, "tiltyard.defenses")  # type: ignore[return-value]


def find(id: str) -> type[Step]:
    """The check or defense called ``id``."""
    everything: dict[str, type[Step]] = {**checks(), **defenses()}
    if id not in everything:
        own = [known for known in everything if topic_of(known) == id]
        if own:
            raise Problem("the id of a check or defense", f"{id!r}, which is a topic", f"Name one of its own: {', '.join(own)}")
        raise Problem("a check or defense", repr(id), f"{_meant(id, everything)}See `tiltyard checks`, or ty.checks() in Python")
    return everything[id]


def step_of(
    which: str | type[Step] | Step, parameters: Mapping[str, Any] = MappingProxyType({}), function: Callable[..., Any] | None = None
) -> Step:
    """The step that a person names in Python: by id or class, with its parameters by name; or one that is made, which has its own.

    Parameters
    ----------
    function
        Who takes ``parameters`` beside keywords of its own: one that is no parameter of the step may be a misspelt keyword of it.

    Raises
    ------
    Problem
        There is no such step, a parameter is wrong, or a made step came with more parameters.
    Misspelt
        A parameter is a misspelt keyword of ``function``.
    """
    if isinstance(which, Step):
        if parameters:
            name, given = type(which).__name__, ", ".join(parameters)
            raise Problem(
                f"no parameters beside a {name} that is made", given, f"Write {name}({next(iter(parameters))}=…), or give the class"
            )
        return which
    kind = find(which) if isinstance(which, str) else which
    if not (inspect.isclass(kind) and issubclass(kind, Step)):
        raise Problem("the id or class of a check or defense", f"{type(which).__name__} {which!r}", "See ty.checks()")
    own = keywords_of(function) if function is not None else []
    for name in parameters if own else ():
        if not {*kind.present({name: None})} <= {*kind.model_fields} and nearest(name, [*kind.model_fields, *own]) in own:
            raise misspelt(function.__name__, name, own)  # type: ignore[union-attr]
    return named(kind, dict(parameters))


def _meant(id: str, known: Mapping[str, type[Step]]) -> str:
    """What was probably meant: by the id, or by the name of the class."""
    names = {step.__name__.lower(): other for other, step in known.items()}
    near = difflib.get_close_matches(str(id).lower(), [*known, *names], n=1, cutoff=0.7)
    return f"Did you mean {names.get(near[0], near[0])!r}? " if near else ""


@cache
def _own_steps(topic: str) -> dict[str, type[Step]]:
    return {step.__name__: step for module in _modules(topic) for step in _own(module, Step)}


def steps_by_class(topic: str) -> dict[str, type[Step]]:
    """The checks and defenses of ``topic``, third parties' included, by the name of their class."""
    others = [step for step in (*checks().values(), *defenses().values()) if topic_of(step) == topic]
    return {step.__name__: step for step in others} | _own_steps(topic)


def step_called(topic: str, name: str) -> type[Step] | None:
    """The step of ``topic`` whose class is called ``name``; only where the topic's own modules have none is every topic imported."""
    return _own_steps(topic).get(name) or steps_by_class(topic).get(name)


def present(id: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of the step called ``id``, as a stored record or a policy has them, under the names they have now."""
    step = {**checks(), **defenses()}.get(id)
    return dict(parameters) if step is None else step.present(parameters)


def effective(record: Record) -> dict[str, Any]:
    """The parameters that a record's step ran with, under the names they have now."""
    return present(record.check, record.effective)


def titles() -> dict[str, str]:
    """The titles of all checks, then of all defenses, by id."""
    return {id: step.title for id, step in {**checks(), **defenses()}.items()}


def unmet(target: Target, data: Dataset) -> dict[str, str]:
    """Why each check and defense that cannot be run on ``target`` and ``data`` with its defaults cannot, by id."""
    reasons = {}
    for id, step in {**checks(), **defenses()}.items():
        try:
            reasons[id] = step().unmet(target, data)
        except Problem as problem:
            reasons[id] = str(problem)
    return {id: reason for id, reason in reasons.items() if reason}
