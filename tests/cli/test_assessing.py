import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tiltyard.cli.commands.assess import where
from tiltyard.execution.interruptible import Interruptible
from tiltyard.execution.runner import Runner
from tiltyard.store.store import Store

Tiltyard = Callable[..., Any]

CONFIG = """
name = "nightly"
seed = 3
[target]
sample = "census"
[data]
rows = 400
[[check]]
id = "fairness.groups"
[[check]]
id = "privacy.membership_threshold"
rows = 100
accepted = 0.5
accepted_tpr = 1
"""
RULE = "[[rule]]\ncheck = 'privacy.membership_threshold'\nmetric = '{metric}'\n{limit}\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "nightly.toml"
    path.write_text(CONFIG)
    return path


def policy(folder: Path, metric: str, limit: str, more: str = "") -> Path:
    path = folder / "policy.toml"
    path.write_text(more + RULE.format(metric=metric, limit=limit))
    return path


@pytest.mark.parametrize(
    ("limit", "more", "code", "verdict"),
    [
        ("at_most = 1.0", "", 0, "pass"),
        ("at_most = 0.0", "", 1, "fail"),
        ("at_most = 1.0", "required = ['evasion.pgd']\n", 1, "incomplete"),
    ],
)
def test_the_exit_code_is_the_policys(
    tiltyard: Tiltyard, config: Path, tmp_path: Path, limit: str, more: str, code: int, verdict: str
) -> None:
    said = tiltyard("assess", config, "--policy", policy(tmp_path, "auc", limit, more), "--out", tmp_path / "out")
    assert said.code == code, said.out + said.err
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["verdict"], len(report["records"]), report["profile"]) == (verdict, 2, "full")
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"report.html", "report.json", "report.sarif", "junit.xml", "bom.cdx.json"}
    assert "nightly.toml" in report["command"]
    assert "evasion.pgd" in [n["id"] for n in report["not_run"]]
    assert f"{verdict}." in said.out
    kept = json.loads(tiltyard("runs", "--json").out)["runs"][0]
    assert (kept["name"], kept["verdict"], kept["state"]) == ("nightly", verdict, "finished")


def test_without_a_policy_it_ran(tiltyard: Tiltyard, config: Path) -> None:
    said = tiltyard("assess", config, "--json")
    assert said.code == 0
    assert json.loads(said.out)["verdict"] == ""
    assert [r["seed"] for r in json.loads(said.out)["records"]] == [3, 3]


def test_here_a_fit_that_cannot_be_interrupted_has_a_process() -> None:
    with where("local") as ground:
        assert isinstance(Runner(None, ground).executor, Interruptible)


def test_a_wrong_check_is_refused_before_anything_runs(tiltyard: Tiltyard, config: Path) -> None:
    config.write_text(CONFIG.replace("rows = 100", "rowz = 100"))
    found = tiltyard("assess", config)
    assert (found.code, "rowz" in found.line) == (2, True)
    assert json.loads(tiltyard("runs", "--json").out)["total"] == 0


def test_a_model_file_and_a_table(tiltyard: Tiltyard, tmp_path: Path) -> None:
    from tiltyard.samples.catalog import load, load_frame
    from tiltyard.targets.saving import save

    save(load("census").target, tmp_path / "census.safetensors")
    load_frame("census").sample(300, random_state=0).to_csv(tmp_path / "rows.csv", index=False)
    config = tmp_path / "sub" / "mine.toml"
    config.parent.mkdir()
    config.write_text("[target]\nfile='../census.safetensors'\n[data]\nfile='../rows.csv'\n[[check]]\nid='fairness.groups'\n")
    said = tiltyard("assess", config, "--json")
    assert said.code == 0, said.err
    report = json.loads(said.out)
    assert report["target"]["fingerprint"] == load("census").target.fingerprint
    assert report["data"]["detail"].startswith("300 rows")


@pytest.mark.slow
def test_a_defended_model_is_saved_and_measured_again(tiltyard: Tiltyard, tmp_path: Path) -> None:
    from tiltyard.samples.catalog import load_frame

    made = tmp_path / "private.safetensors"
    said = tiltyard("check", "privacy.dp_sgd", "--sample", "census", "--data-rows", 8000, "--epochs", 6, "--save", made, "--json")
    assert said.code == 0, said.out + said.err
    load_frame("census").sample(300, random_state=0).to_csv(tmp_path / "rows.csv", index=False)
    again = tiltyard("check", "fairness.groups", "--model", made, "--data", tmp_path / "rows.csv", "--json")
    assert again.code == 0, again.err
    assert json.loads(again.out)["target"]["fingerprint"] == json.loads(said.out)["made"]["fingerprint"]


@pytest.mark.slow
def test_a_termination_keeps_and_reports_what_was_found(tiltyard: Tiltyard, config: Path, place: Path, tmp_path: Path) -> None:
    config.write_text(
        "[target]\nsample = 'census'\n[[check]]\nid = 'fairness.groups'\n[[check]]\nid = 'privacy.lira'\nshadow_models = 60\n"
    )
    words = [sys.executable, "-m", "tiltyard", "assess", str(config), "--out", str(tmp_path / "out")]
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "TILTYARD_STORE": str(place)})
    store = Store(place)
    for _ in range(1200):
        if place.exists() and any(run.counts.get("running") and run.total == 2 for run in store.runs()):
            break
        time.sleep(0.1)
    child.send_signal(signal.SIGTERM)
    assert child.wait(60) == 2
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [r["result"]["status"] for r in report["records"]] == ["finding", "cancelled"]
    assert store.runs()[0].state == "finished"
