import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tiltyard import catalogue

Tiltyard = Callable[..., Any]
SOME = ("evasion.fgsm", "privacy.membership_threshold", "fairness.groups")


@pytest.mark.slow
def test_the_demo_reports_both_models_and_what_was_not_run(tiltyard: Tiltyard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {name: catalogue.checks()[name] for name in SOME}
    monkeypatch.setattr("tiltyard.running.profiles.checks", lambda: chosen)
    said = tiltyard("demo", "--out", tmp_path / "demo", "--seed", 1)
    assert said.code == 0, said.err
    report = json.loads((tmp_path / "demo" / "report.json").read_text())
    found = [(r["check"], r["target"]["name"].split()[0], r["seed"]) for r in report["records"]]
    assert found == [
        ("evasion.fgsm", "Census", 1),
        ("evasion.fgsm", "Digits", 1),
        ("privacy.membership_threshold", "Census", 1),
        ("fairness.groups", "Census", 1),
    ]
    assert {n["id"] for n in report["not_run"]} == set(catalogue.checks()) - set(SOME)
    page = (tmp_path / "demo" / "report.html").read_text()
    assert len(page) < 5_000_000
    assert not re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", page)
    runs = json.loads(tiltyard("runs", "--json").out)["runs"]
    assert [r["name"] for r in runs] == ["demo: digits", "demo: census"]
