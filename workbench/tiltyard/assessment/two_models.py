"""Two models side by side: what is known of each on the same data, over all their runs."""

from ..comparison.comparison import Comparison, compare_records, differing
from ..errors import Problem
from ..result import Identity, Record
from ..store.lines import Run, RunLine
from ..store.store import Store
from .standing import Standing, standing_of


def standing_in(store: Store, target: Identity, data: Identity) -> Standing:
    """What ``store`` knows of a model and its data."""
    return standing_of(store.known(target.fingerprint, data.fingerprint).records.values(), target, data)


def compare_models(store: Store, before: RunLine | Run, after: RunLine | Run) -> Comparison:
    """The model of run ``before`` and that of run ``after``, each with all that is known of it on its data.

    Raises
    ------
    Problem
        It is one model twice, or their data differ.
    """
    if before.data.fingerprint != after.data.fingerprint:
        raise Problem("two models on the same data", f"{before.data.name} and {after.data.name}, which differ", "Choose others")
    if before.target.fingerprint == after.target.fingerprint:
        raise Problem("two models", f"{before.target.name} twice", "Choose another")
    a, b = (standing_in(store, line.target, line.data) for line in (before, after))
    return compare_records(before.target.name, _checks(a), after.target.name, _checks(b), differing(before, after))


def _checks(stands: Standing) -> list[Record]:
    return [step.counted for step in stands.steps.values() if step.kind == "check" and step.counted is not None]
