import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tiltyard import catalogue

Tiltyard = Callable[..., Any]
SOME = ("evasion.fgsm", "privacy.membership_threshold", "theft.watermark_verify", "fairness.groups")


@pytest.mark.slow
def test_the_demo_shows_checks_a_defense_its_price_a_campaign_and_the_checklist(
    tiltyard: Tiltyard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = {name: catalogue.checks()[name] for name in SOME}
    monkeypatch.setattr("tiltyard.execution.profiles.checks", lambda: chosen)
    monkeypatch.setattr("tiltyard.campaign.campaign.checks", lambda: chosen)
    monkeypatch.setattr(
        "tiltyard.assessment.full_assessment.defenses", lambda: {"theft.watermark": catalogue.defenses()["theft.watermark"]}
    )
    said = tiltyard("demo", "--out", tmp_path / "demo", "--seed", 1)
    assert said.code == 0, said.err
    report = json.loads((tmp_path / "demo" / "report.json").read_text())
    found = [(r["check"], r["target"]["name"]) for r in report["records"]]
    assert found == [
        ("evasion.fgsm", "Census income MLP"),
        ("evasion.fgsm", "Digits CNN"),
        ("privacy.membership_threshold", "Census income MLP"),
        ("privacy.membership_threshold", "Census income MLP (black box, scores)"),
        ("theft.watermark", "Census income MLP"),
        ("theft.watermark_verify", "Census income MLP, watermarked"),
        ("fairness.groups", "Census income MLP"),
        ("validation.performance", "Census income MLP"),
        ("cross_risk.after", "Census income MLP"),
        ("campaign.matrix", "Census income MLP"),
        ("guidelines.checklist", "Census income MLP"),
    ]
    assert {n["id"] for n in report["not_run"]} == set(catalogue.checks()) - {*SOME, "validation.performance"}
    assert {n["id"] for n in report["not_applied"]} == set(catalogue.defenses()) - {
        "theft.watermark",
        "evasion.randomized_smoothing",
    }  # which takes no table
    page = (tmp_path / "demo" / "report.html").read_text()
    assert len(page) < 5_000_000
    assert not re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", page)
    names = [r["name"] for r in json.loads(tiltyard("runs", "--json").out)["runs"]]
    assert names[0] == "demo: digits"
    assert names[-1] == "demo: census"
    assert sum(name.startswith("campaign") for name in names) == 0  # all that concerns the model is in its run
    assert any("what can be asked now" in name for name in names)
