"""What is known of a model and its data: one state and one count, whoever recorded it and in whatever order."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from tiltyard.assessment.standing import Standing, standing_of
from tiltyard.catalogue import checks, defenses, topic_of
from tiltyard.result import CheckResult, Evidence, Finding, Identity, Record, Severity, Status
from tiltyard.targets.restricted import views

MODEL, OTHER, DATA = (Identity(name=name, fingerprint=name) for name in ("model", "other", "data"))
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FOUND = Finding(title="It leaks", severity=Severity.HIGH, evidence=Evidence(sentence="as measured"), advice="Mend it.")


def record(check: str, status: str, minute: int = 0, target: Identity = MODEL, findings: int = 0, kind: str = "check") -> Record:
    found = (FOUND,) * (findings or (status == "finding"))
    return Record.model_validate(
        {
            "id": f"{check} {status} {minute} {target.fingerprint}",
            "check": check,
            "kind": kind,
            "title": check,
            "result": CheckResult(status=Status(status), summary="As it ended.", findings=found),
            "given": {},
            "effective": {},
            "seed": 0,
            "target": target,
            "data": DATA,
            "versions": {},
            "started": NOON + timedelta(minutes=minute),
            "seconds": 1.0,
            "queries": 0,
        }
    )


def view(old: bool = False) -> Identity:
    """The model as an attacker sees it; as records before ``view_of`` name it where ``old``."""
    print_ = sorted(views(MODEL.fingerprint))[0]
    return Identity(name="model (black box)", fingerprint=print_, view_of="" if old else MODEL.fingerprint)


def stands(records: Sequence[Record], unmet: dict[str, str] | None = None) -> Standing:
    return standing_of(records, MODEL, DATA, unmet)


def core(topic: str) -> list[str]:
    return [id for id, check in checks().items() if topic_of(id) == topic and check.core]


def test_nothing_is_known_at_first():
    found = stands([])
    assert (found.findings, found.asked, found.state, found.sentence) == (0, 0, "not_run", "nothing measured yet")
    assert found.of == len(checks())
    assert {t.state for t in found.topics.values()} == {"not_run"}


def test_records_of_another_model_or_data_count_for_nothing():
    elsewhere = record("evasion.pgd", "finding").model_copy(update={"data": OTHER})
    assert stands([record("evasion.pgd", "finding", target=OTHER), elsewhere]).asked == 0


@pytest.mark.parametrize("old", [False, True], ids=["named", "from before view_of"])
def test_a_campaign_counts_for_the_whole_model(old):
    found = stands([record("evasion.square", "finding", target=view(old))])
    every = sum(topic_of(id) == "evasion" for id in checks())
    assert found.topics["evasion"].sentence == f"1 of {every} asked, 1 finding"
    assert found.topics["evasion"].state == "finding"


@pytest.mark.parametrize("status", ["not_applicable", "incomplete", "failed"])
def test_a_view_that_settled_nothing_hides_nothing(status):
    whole = record("evasion.pgd", "finding", 0)
    step = stands([whole, record("evasion.pgd", status, 5, view())]).steps["evasion.pgd"]
    assert step.counted == step.shown == whole


def test_a_pass_against_a_weaker_attacker_takes_no_finding_away():
    whole = record("evasion.square", "finding", 0)
    assert stands([whole, record("evasion.square", "passed", 5, view())]).steps["evasion.square"].counted == whole
    assert stands([whole, record("evasion.square", "passed", 5)]).findings == 0


@pytest.mark.parametrize("status", ["incomplete", "failed", "not_applicable"])
def test_what_settled_nothing_is_shown_and_the_finding_before_it_counts(status):
    step = stands([record("evasion.pgd", "finding", 0), record("evasion.pgd", status, 5)]).steps["evasion.pgd"]
    assert step.counted is not None and step.counted.result.status is Status.FINDING
    assert step.shown is not None and step.shown.result.status.value == status
    assert step.stands.startswith("The earlier finding still stands, of 2026-01-01 12:00 UTC")


def test_a_cancelled_run_says_nothing():
    whole = record("evasion.pgd", "passed", 0)
    step = stands([whole, record("evasion.pgd", "cancelled", 5)]).steps["evasion.pgd"]
    assert (step.counted, step.shown, step.stands) == (whole, whole, "")
    alone = stands([record("evasion.pgd", "cancelled")])
    assert alone.steps["evasion.pgd"].counted is None
    assert alone.steps["evasion.pgd"].shown is not None
    assert (alone.asked, alone.topics["evasion"].state) == (0, "cancelled")


def test_a_defense_makes_no_state():
    found = stands([record(id, "passed", kind="defense") for id in defenses()])
    assert (found.asked, found.findings, found.state) == (0, 0, "not_run")
    assert {t.state for t in found.topics.values()} == {"not_run"}
    assert found.steps["privacy.dp_sgd"].state == "passed"


@pytest.mark.parametrize("derived", ["campaign.matrix", "guidelines.checklist", "cross_risk.after"])
def test_what_repeats_others_is_no_finding(derived):
    found = stands([record("evasion.pgd", "finding"), record(derived, "finding", findings=3)])
    assert (found.findings, found.asked) == (1, 1)
    assert found.steps[derived].kind == "derived"
    assert found.steps[derived].findings == 0


def test_a_topic_passes_with_its_core_checks_alone():
    others = [id for id in checks() if topic_of(id) == "privacy" and id not in core("privacy")]
    some = stands([record(id, "passed") for id in others])
    assert some.topics["privacy"].state == "incomplete"
    assert some.topics["privacy"].sentence == f"{len(others)} of {len(others) + len(core('privacy'))} asked"
    assert stands([record(id, "passed") for id in core("privacy")]).topics["privacy"].state == "passed"


def test_a_core_check_that_does_not_apply_is_not_waited_for():
    last, *rest = core("evasion")
    assert stands([record(id, "passed") for id in rest]).topics["evasion"].state == "incomplete"
    assert stands([record(id, "passed") for id in rest], {last: "needs gradients"}).topics["evasion"].state == "passed"
    assert stands([*(record(id, "passed") for id in rest), record(last, "not_applicable")]).topics["evasion"].state == "passed"


def test_not_applicable_is_not_asked():
    found = stands([record("endpoint.posture", "not_applicable")])
    assert (found.asked, found.of) == (0, len(checks()) - 1)
    assert (found.topics["endpoint"].state, found.topics["endpoint"].sentence) == ("not_applicable", "not applicable")


def test_the_whole_passes_where_every_topic_did():
    every = [record(id, "passed") for id in checks()]
    assert stands(every).state == "passed"
    assert stands(every[:3]).state == "incomplete"
    assert stands([*every, record("theft.equations", "finding", 1)]).sentence == f"1 finding in {len(checks())} of {len(checks())} checks"


def test_the_order_of_records_makes_no_difference():
    records = [
        record("evasion.pgd", "finding", 0, findings=2),
        record("evasion.pgd", "passed", 1, view()),
        record("evasion.pgd", "incomplete", 2),
    ]
    assert len({stands(order).model_dump_json() for order in permutations(records)}) == 1


def test_every_topic_with_checks_has_a_core():
    assert [t for t in stands([]).topics if not core(t)] == []


def test_a_record_of_before_is_read_without_the_whole_models_fingerprint():
    text = record("evasion.pgd", "passed").model_dump_json().replace(',"view_of":""', "")
    assert "view_of" not in text
    assert Record.model_validate_json(text).target.view_of == ""
