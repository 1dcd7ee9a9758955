"""Two models side by side, by the same checks on the same data: of all that the store knows of each, or measured now."""

from collections.abc import Callable, Sequence

from ..check import Step
from ..comparison.comparison import Comparison, compare_records, differ, differing
from ..datasets.dataset import Dataset
from ..errors import Cancelled, Problem
from ..execution.runner import Runner
from ..progress import Report
from ..result import Identity, Record
from ..store.lines import Run, RunLine
from ..store.store import Store
from ..targets.target import Target
from .assessment import Assessment, assess
from .standing import Standing, standing_of


def standing_in(store: Store, target: Identity, data: Identity) -> Standing:
    """What ``store`` knows of a model and its data."""
    return standing_of(store.known(target.fingerprint, data.fingerprint).records.values(), target, data)


def compare_models(store: Store, before: RunLine | Run, after: RunLine | Run) -> Comparison:
    """The model of run ``before`` and that of run ``after``, each with all that is known of it on its data.

    Numbers are held against each other where a check ran with the same parameters on both; checks of which one model alone has such a
    record are listed by themselves, with the parameters that differ.

    Raises
    ------
    Problem
        It is one model twice, or their data differ.
    """
    refuse_unlike(before.target, before.data, after.target, after.data)
    a, b = (standing_in(store, line.target, line.data) for line in (before, after))
    first, second = named_apart(before.target, after.target)
    return compare_records(first, _checks(a), second, _checks(b), differing(before, after), alike=True)


def measure_models(
    before: Target,
    after: Target,
    data: Dataset,
    steps: Sequence[Step],
    runner: Runner | None = None,
    on_progress: Callable[[Report], None] | None = None,
) -> tuple[Comparison, tuple[Assessment, Assessment]]:
    """Run the same ``steps`` on two models and the same rows, each in a run of its own, and lay them side by side.

    A rate over the same rows has the interval of a paired difference; see `MetricChange`.

    Raises
    ------
    Problem
        It is one model twice, or there is nothing to run.
    Cancelled
        By Ctrl-C; what was measured is kept.
    """
    refuse_unlike(before.identity, data.identity, after.identity, data.identity)
    found: list[Assessment] = []
    for model in (before, after):
        found.append(assess(model, data, steps, runner, f"{model.name} on {data.name}", on_progress=on_progress))
        if found[-1].cancelled:
            raise Cancelled
    one, other = found
    first, second = named_apart(before.identity, after.identity)
    facts = differ("target ", before.identity.model_dump(), after.identity.model_dump())
    return compare_records(first, one.records, second, other.records, facts, alike=True), (one, other)


def refuse_unlike(before: Identity, data: Identity, after: Identity, other: Identity) -> None:
    """A `Problem` where it is one model twice, or their data differ."""
    if data.fingerprint != other.fingerprint:
        raise Problem("two models on the same data", f"{data.name} and {other.name}, which differ", "Choose others")
    if before.fingerprint == after.fingerprint:
        raise Problem("two models", f"{before.name} twice", "Choose another")


def named_apart(before: Identity, after: Identity) -> tuple[str, str]:
    """The names of two models, with the beginnings of their fingerprints where these are one name."""
    if before.name != after.name:
        return before.name, after.name
    return f"{before.name} ({before.fingerprint[:8]})", f"{after.name} ({after.fingerprint[:8]})"


def _checks(stands: Standing) -> list[Record]:
    return [step.counted for step in stands.steps.values() if step.kind == "check" and step.counted is not None]
