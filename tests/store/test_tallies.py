"""What a list of runs says of each, without reading its records, is what the standing says that reads them."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tiny import Share, tiny_data, tiny_target

from tiltyard.assessment.standing import standing_of
from tiltyard.check import Check
from tiltyard.datasets.dataset import Dataset
from tiltyard.result import CheckResult, Evidence, Finding, Record, Severity, Status
from tiltyard.store.store import Store
from tiltyard.targets.restricted import RestrictedTarget
from tiltyard.targets.target import Target

DATA = tiny_data()
WHOLE = tiny_target(DATA)
VIEW = RestrictedTarget(WHOLE, frozenset({"labels"}))
FOUND = Finding(title="Found", severity=Severity.HIGH, evidence=Evidence(sentence="so"), advice="Mend it.")
STEPS = ("evasion.pgd", "privacy.membership_threshold", "campaign.matrix", "cross_risk.after", "privacy.dp_sgd")


def made(check: str, status: Status, whole: bool) -> Record:
    record = Share()(WHOLE if whole else VIEW, DATA)
    findings = (FOUND,) * (status is Status.FINDING)
    result = CheckResult(status=status, summary="So it ended.", findings=findings)
    kind = "defense" if check == "privacy.dp_sgd" else "check"
    return record.model_copy(update={"check": check, "kind": kind, "result": result})


records = st.builds(made, st.sampled_from(STEPS), st.sampled_from(Status), st.booleans())


@settings(max_examples=15, deadline=None)
@given(st.lists(records, max_size=8))
def test_lists_say_what_the_standing_says(tmp_path_factory: pytest.TempPathFactory, found: list[Record]) -> None:
    store = Store(tmp_path_factory.mktemp("store") / "runs.sqlite")
    run = store.begin("a run", WHOLE.identity, DATA.identity)
    for record in found:
        store.add(run.id, record)
    stands = standing_of(store.records(run.id), WHOLE.identity, DATA.identity)
    with_finding = [s for s in stands.steps.values() if s.kind == "check" and s.state == "finding"]
    (line,) = store.runs()
    assert (line.asked, line.with_finding) == (stands.asked, len(with_finding))
    assert (store.run(run.id).asked, store.run(run.id).sentence) == (line.asked, line.sentence)
    assert store.severities([run.id]).get(run.id, {}).get("high", 0) == len(with_finding)


def test_a_run_of_which_nothing_ended_says_so(store: Store, share: Callable[..., Check], target: Target, data: Dataset) -> None:
    run = store.begin("a run", target.identity, data.identity)
    store.start(run.id, share())
    assert store.runs()[0].sentence == "no check yet"
