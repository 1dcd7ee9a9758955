"""What a person gave the functions of the public door, held to what they take: a wrong thing is told in one line, where it was given."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .assessment.assessment import Assessment
from .assessment.two_models import compare_models
from .comparison.comparison import Comparison, compare_records, differing, latest
from .comparison.comparison import compare as compare_runs
from .datasets.cohorts import Cohort
from .errors import Problem
from .progress import Report
from .result import Record
from .store.opening import open_store
from .store.store import Store

Kept = Store | str | Path | bool | None
Found = Record | Assessment | Sequence[Record]


def store_of(given: Kept) -> Store | None:
    """The store that a person names: one that is open, its file or address, True for the default one; None and False for none."""
    if given is None or given is False:
        return None
    if given is True:
        return open_store()
    if isinstance(given, str | Path):
        return open_store(given)
    if isinstance(given, Store):
        return given
    raise Problem("a store, its file, or True for the default one", _kind(given), "Leave store out to keep nothing")


def cohort_of(given: Cohort | None) -> Cohort | None:
    """A cohort as it is."""
    if given is None or isinstance(given, Cohort):
        return given
    raise Problem(
        "where = a Cohort",
        _kind(given),
        "Make one: Cohort.of(Among(column=…, levels=(…,))), from tiltyard.datasets.cohorts and .conditions",
    )


def listener_of(given: Callable[[Report], None] | None) -> Callable[[Report], None] | None:
    """A listener as it is."""
    if given is None or callable(given):
        return given
    raise Problem("on_progress = a function that takes a Report", _kind(given), "Leave it out for a bar in the cell")


def path_of(given: str | Path) -> Path:
    """A path as it is."""
    if isinstance(given, str | Path) and str(given):
        return Path(given)
    raise Problem("the path of the file to write", _kind(given), 'Give one, for instance "report.html"')


def names_of(given: Mapping[str, str] | None) -> dict[str, str]:
    """Who owns which topic, as it is."""
    if given is None or isinstance(given, Mapping):
        return dict(given or {})
    raise Problem('owners by topic, for instance {"privacy": "Ada"}', _kind(given), "Give a dict")


def records_of(given: Found) -> tuple[Record, ...]:
    """The records of what a check, `assess` or a list of records gave."""
    if isinstance(given, Record):
        return (given,)
    if isinstance(given, Assessment):
        return given.records
    many = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else (given,)
    if wrong := [one for one in many if not isinstance(one, Record)]:
        raise Problem(
            "what ty.assess or ty.check gave, or a list of records",
            _kind(wrong[0]),
            "Give the result itself, or .before or .after of a defense",
        )
    return many


def compared(before: str | Found, after: str | Found, store: Kept, models: bool = False) -> Comparison:
    """Two runs, the models of two runs, or what two calls gave, side by side."""
    if isinstance(before, str) and isinstance(after, str):
        kept = store_of(store) or open_store()
        one, other = kept.run(before), kept.run(after)
        if models:
            return compare_models(kept, one, other)
        return compare_runs(one, kept.records(one.id), other, kept.records(other.id))
    if models:
        raise Problem("the ids of two stored runs with models=True", _kind(before), "Leave models out")
    (name, a), (other_name, b) = (_side(given, word, store) for given, word in ((before, "before"), (after, "after")))
    return compare_records(name, latest(a), other_name, latest(b), differing(a[0], b[0]))


def _side(given: str | Found, word: str, store: Kept) -> tuple[str, Sequence[Record]]:
    """What one side is called, and its records."""
    if isinstance(given, str):
        kept = store_of(store) or open_store()
        run = kept.run(given)
        found: tuple[str, Sequence[Record]] = run.id, kept.records(run.id)
    else:
        kept_as = given.run.id if isinstance(given, Assessment) and given.run is not None else word
        found = kept_as, records_of(given)
    if not found[1]:
        raise Problem(f"at least one record {word}", "none", "Compare runs that have come to a result")
    return found


def _kind(given: object) -> str:
    return "nothing" if given is None else f"{type(given).__name__} {given!r:.60}"
