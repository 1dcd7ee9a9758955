"""What other repositories use of this one: the pre-commit hook and the GitHub Action name commands that are there."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]


def test_the_hook_runs_a_scan_of_every_suffix_that_is_offered() -> None:
    from tiltyard.artifacts.formats import OFFERED_FOR_SCAN

    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert hook["id"] == "tiltyard-scan" and hook["entry"] == "tiltyard scan"
    assert [suffix for suffix in OFFERED_FOR_SCAN if not re.search(hook["files"], f"model{suffix}")] == []


def test_the_action_passes_no_input_through_the_shell_as_code() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    runs = [step["run"] for step in action["runs"]["steps"]]
    assert any("tiltyard scan" in run for run in runs)
    assert not any("${{" in run for run in runs)


def test_the_options_of_the_action_are_those_of_the_command() -> None:
    from tiltyard.cli import main

    action = (ROOT / "action.yml").read_text("utf-8")
    used = set(re.findall(r"--(severity|exclude|sarif)\b", action))
    assert used == {"severity", "exclude", "sarif"} and main(["scan", "--help"]) == 0
