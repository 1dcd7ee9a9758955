"""A parameter that had another name before is still read under it: from Python, files, policies, stored records and the shell; a note says the new one."""

from pathlib import Path
from typing import Any

import pytest
from tests.tiny import data, target

from tiltyard.assessment import assessment
from tiltyard.assessment.config import read_config
from tiltyard.assessment.policy import Policy
from tiltyard.campaign.campaign import ThreatModel, plan
from tiltyard.campaign.matrix import matrix
from tiltyard.campaign.rules import remaining
from tiltyard.catalogue import checks, defenses, effective, find
from tiltyard.check import Step, named
from tiltyard.cli import main
from tiltyard.comparison.comparison import latest, matched
from tiltyard.comparison.cross_risk import again
from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.evasion.adversarial_training import AdversarialTraining
from tiltyard.reports.html import parameters, repeat
from tiltyard.result import RENAMED_METRICS, Record, Status
from tiltyard.serving.settings import read_settings
from tiltyard.standards.ethics import MeasuredEvidence
from tiltyard.targets.restricted import RestrictedTarget
from tiltyard.targets.target import Target

__all__ = ["data", "target"]

OLD = {
    "evasion.pgd": {"budget": "eps"},
    "evasion.fgsm": {"budget": "eps"},
    "evasion.square": {"budget": "eps", "tries": "query_budget"},
    "evasion.hop_skip_jump": {"budget": "eps", "queries": "query_budget"},
    "evasion.adversarial_training": {"budget": "eps"},
    "explanation.adversarial": {"budget": "eps"},
    "validation.guard_roc": {"budget": "eps"},
    "theft.extraction": {"budget": "query_budget"},
    "theft.output_policy": {"allowed": "query_budget"},
    "privacy.attribute_inference": {"column": "columns"},
}
STEPS: dict[str, type[Step]] = {**checks(), **defenses()}
PAIRS = [(id, old, new) for id, names in OLD.items() for old, new in names.items()]
NOTE = "`budget` is now called `query_budget`."
SMALL = {"points": 1, "epochs": 1, "rows": 20}


def stored(record: Record) -> Record:
    """The record as it was written when the parameter had its old name."""
    given = {old: record.effective[new] for old, new in OLD[record.check].items()}
    rest = {name: value for name, value in record.effective.items() if name not in OLD[record.check].values()}
    return record.model_copy(update={"effective": rest | given, "given": given})


def passing(record: Record) -> Record:
    """The record as if it had passed: so small an extraction settles nothing, and here the names are asked about."""
    return record.model_copy(update={"result": record.result.model_copy(update={"status": Status.PASSED})})


@pytest.fixture
def record(target: Target, data: Dataset) -> Record:
    return named(find("theft.extraction"), {"access": "labels", "query_budget": 12, **SMALL})(target, data)  # type: ignore[operator,no-any-return]


@pytest.mark.parametrize(("id", "old", "new"), PAIRS)
def test_the_old_name_gives_the_same_step(id: str, old: str, new: str) -> None:
    value = STEPS[id].model_fields[new].default
    step = named(STEPS[id], {old: value})
    assert step.model_dump() == named(STEPS[id], {new: value}).model_dump() and new in step.model_fields_set
    assert step.renaming_notes == (f"`{old}` is now called `{new}`.",) and not STEPS[id]().renaming_notes
    with pytest.raises(Problem, match=f"{new} alone; found also {old}, its old name"):
        named(STEPS[id], {old: value, new: value})


def test_every_renaming_leads_to_a_field_and_from_none() -> None:
    for id, step in STEPS.items():
        assert dict(step.renamed) == OLD.get(id, {})
        assert set(step.renamed.values()) <= set(step.model_fields) and not set(step.renamed) & set(step.model_fields)


def test_the_record_says_the_new_name_in_a_note_and_in_its_parameters(target: Target, data: Dataset, record: Record) -> None:
    was = named(find("theft.extraction"), {"access": "labels", "budget": 12, **SMALL})(target, data)  # type: ignore[operator]
    assert was.result.notes == (*record.result.notes, NOTE)
    assert was.effective == record.effective and was.given["query_budget"] == 12 and "budget" not in was.given


def test_an_assessment_file_with_the_old_name_overrides_the_profile(tmp_path: Path, target: Target, data: Dataset) -> None:
    path = tmp_path / "assess.toml"
    path.write_text('profile = "quick"\n[target]\nsample = "census"\n[[check]]\nid = "theft.extraction"\nbudget = 70\n')
    (step,) = read_config(path).steps(target, data)
    assert (step.query_budget, step.points, step.renaming_notes) == (70, 4, (NOTE,))  # type: ignore[attr-defined]


def test_a_policy_finds_old_and_new_records_by_old_and_new_names(record: Record) -> None:
    for name in ("budget", "query_budget"):
        for value, outcome in ((12, "pass"), (13, "incomplete")):
            rule = {"check": record.check, "metric": "fidelity", "at_least": 0, "where": {name: value}}
            for one in (passing(record), passing(stored(record))):
                assert Policy.model_validate({"name": "p", "rule": [rule]}).judge([one]).verdict == outcome


def test_a_stored_record_is_run_again_matched_and_shown_under_the_new_name(record: Record) -> None:
    was = stored(record)
    assert "budget" in was.effective and effective(was) == record.effective
    assert latest([was, record]) == [record]
    assert matched([stored(record.model_copy(update={"seed": 1})), was], [record])[0][0][1] is record
    step = next(step for step in again([was]) if step.id == was.check)
    assert step.model_dump(mode="json") == record.effective and not step.renaming_notes
    assert "--query-budget 12" in repeat(was) and "--budget" not in repeat(was) and parameters(was)["query_budget"] == 12


def test_a_run_that_was_cut_off_under_the_old_name_is_not_run_again(record: Record) -> None:
    step = named(find("theft.extraction"), record.effective)
    assert assessment.remaining([step], [stored(record)]) == []
    assert assessment.remaining([step.model_copy(update={"seed": 1})], [stored(record)]) != []


def test_a_campaign_with_its_old_name_says_so_and_goes_on(target: Target, data: Dataset) -> None:
    threat = ThreatModel.model_validate({"access": "labels", "queries": 500, "goal": "steal"})
    assert threat.query_budget == 500
    made = plan(threat, target, data, only=["theft.extraction"])
    assert "`queries` is now called `query_budget`." in matrix([], made).notes
    (planned,) = made.steps
    done = planned.step(target, data)
    seen = RestrictedTarget(target, made.threat.offers(planned.step)).identity
    assert remaining(made, target, [stored(done).model_copy(update={"target": seen})]) == []


def test_the_shell_takes_the_old_option_and_shows_the_new_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "theft.extraction", "--help"]) == 0
    text = capsys.readouterr().out
    assert "--query-budget" in text and "--target-budget" in text and " --budget" not in text
    asked = ["check", "theft.extraction", "--sample", "census", "--points", "1", "--epochs", "1", "--rows", "20", "--no-store", "--json"]
    assert main([*asked, "--budget", "30"]) in (0, 2)  # 2: so small an extraction settles nothing
    record = Record.model_validate_json(capsys.readouterr().out)
    assert record.effective["query_budget"] == 30 and NOTE in record.result.notes
    assert main([*asked, "--budget", "30", "--query-budget", "30"]) == 2
    assert "also budget, its old name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "own", "endpoint"),
    [
        ({"own_query_budget": "9", "url": "http://x"}, "9", None),
        ({"own_budget": "9", "own_query_budget": "20", "url": "http://x"}, None, "20"),
        ({"own_query_budget": "9", "target_budget": "20", "url": "http://x"}, "9", "20"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # typer's, of the next click
def test_beside_the_old_budget_the_query_budget_is_the_endpoints_as_it_was(
    given: dict[str, Any], own: str | None, endpoint: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    from tiltyard.cli.commands.step import as_before

    read = as_before(find("theft.extraction"), {"target_budget": None} | given)
    assert (read["own_query_budget"], read["target_budget"]) == (own, endpoint)
    assert ("say --target-budget" in capsys.readouterr().err) == (own is not None and endpoint is None)


def test_a_training_begun_under_the_old_name_goes_on(target: Target, data: Dataset) -> None:
    """The key of its checkpoint is that of the release before."""

    from tiltyard.targets.checkpoints import key_of

    training, later = AdversarialTraining(eps=0.25), {"method", "beta", "loss"}  # which the release before did not have
    was = {("budget" if name == "eps" else name): value for name, value in training.model_dump(exclude={"resume", *later}).items()}
    assert training._key(target, data) == key_of(was, target.fingerprint, data.fingerprint)


@pytest.mark.parametrize(("old", "new"), RENAMED_METRICS.items())
def test_a_metric_is_found_by_the_name_it_had_before(record: Record, old: str, new: str) -> None:
    """In a record that was written then, in one of today, and by a policy of either time."""
    text = record.model_dump_json().replace('"name":"majority_fidelity"', f'"name":"{old}"')
    was = Record.model_validate_json(text)
    assert was.result.metric(old) is was.result.metric(new) and was.result.metric(new).name == new
    for name in (old, new):
        rule = {"check": record.check, "metric": name, "at_least": 0}
        assert Policy.model_validate({"name": "p", "rule": [rule]}).judge([passing(was)]).verdict == "pass"


def test_settings_of_an_endpoint_with_the_old_key_are_read(tmp_path: Path) -> None:
    path = tmp_path / "guard.toml"
    path.write_text('[trail]\naction = "refuse"\n')
    settings = read_settings(path)
    assert settings.extraction_detector.action == "refuse"
    assert settings.renaming_notes == ("`trail` is now called `extraction_detector`.",)


def test_evidence_of_a_stored_checklist_is_read() -> None:
    facts = {"record": "r", "check": "c", "title": "t", "metric": "m", "ended": "measured", "when": "2026-01-01T00:00:00Z"}
    assert (
        MeasuredEvidence.model_validate(facts | {"said": "20 %"}).text
        == MeasuredEvidence.model_validate(facts | {"text": "20 %"}).text
        == "20 %"
    )
