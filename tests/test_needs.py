"""A finding leads to no defense that its model cannot take; the table of their needs is that of the catalogue."""

import re
from pathlib import Path

from tests.lazily import Lazily

from tiltyard import needs
from tiltyard.catalogue import defenses
from tiltyard.result import CheckResult, Evidence, Finding, Severity, Status

np = Lazily("numpy")
SOURCES = Path(needs.__file__).parent


def test_the_table_says_what_the_defenses_say() -> None:
    for id, (title, needed) in needs.REMEDIES.items():
        assert (defenses()[id].title, defenses()[id].needs) == (title, needed)


def test_every_defense_that_a_finding_names_stands_in_the_table() -> None:
    named = {
        id
        for path in SOURCES.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if "defense=" in line
        for id in re.findall(r'"([a-z_]+\.[a-z_]+)"', line)
    }
    assert named <= set(needs.REMEDIES) and len(named) >= 8


def test_a_forest_is_not_sent_to_a_defense_for_networks() -> None:
    import pandas as pd
    from sklearn.ensemble import RandomForestClassifier

    import tiltyard as ty

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(120, 3)), columns=["a", "b", "c"]).assign(y=rng.integers(0, 2, 120))
    model = RandomForestClassifier(5, random_state=0).fit(frame[["a", "b", "c"]], frame["y"])
    data = ty.read(frame, label="y")
    target = ty.open(model, data=data)
    finding = Finding(
        title="t",
        severity=Severity.HIGH,
        evidence=Evidence(),
        advice="Train against it.",
        standards=(),
        defense="evasion.adversarial_training",
    )
    result = CheckResult(status=Status.FINDING, summary="s", findings=(finding,))
    (given,) = needs.attainable(result, target, data).findings
    assert given.defense == ""
    assert given.advice.startswith("Train against it. Adversarial training cannot be applied here: it needs ")
    other = result.model_copy(update={"findings": (finding.model_copy(update={"defense": "validation.guard"}),)})
    assert needs.attainable(other, target, data) is other


def test_what_an_attacker_may_not_see_keeps_no_owner_from_a_defense() -> None:
    from tiltyard.samples.catalog import load
    from tiltyard.targets.restricted import RestrictedTarget

    sample = load("census")
    finding = Finding(title="t", severity=Severity.HIGH, evidence=Evidence(), advice="Train.", defense="evasion.adversarial_training")
    result = CheckResult(status=Status.FINDING, summary="s", findings=(finding,))
    seen = RestrictedTarget(sample.target, frozenset({"labels"}))
    assert needs.attainable(result, RestrictedTarget(seen, frozenset({"labels"})), sample.data) is result
