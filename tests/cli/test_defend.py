"""``tiltyard defend``: what it measures before and after, what it prints, writes and keeps, and how it ends."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tiltyard as ty

from .test_commands import valid

Tiltyard = Callable[..., Any]
FEW = ("--checks", "validation.performance,fairness.groups", "--data-rows", "300")


def numbers(records: Any) -> list[tuple[str, str, float | None]]:
    return [(r["check"], m["name"], m["value"]) for r in records for m in r["result"]["metrics"]]


def test_it_measures_before_and_after_and_keeps_all_of_it(tiltyard: Tiltyard) -> None:
    said = tiltyard("defend", "theft.output_policy", "--sample", "census", *FEW, "--set", "digits=1", "--json")
    assert said.code == 0, said.err
    found = valid("defense", said.out)
    assert found["defense"]["effective"]["digits"] == 1
    assert [r["check"] for r in found["before"]] == [r["check"] for r in found["after"]] == ["validation.performance", "fairness.groups"]
    assert {r["target"]["fingerprint"] for r in found["after"]} == {found["defense"]["made"]["fingerprint"]}
    assert found["cross_risk"]["effective"]["defense_record"] == found["defense"]["id"]
    runs = [r["name"] for r in json.loads(tiltyard("runs", "--json").out)["runs"]]
    assert [name.startswith("Output policy") for name in runs] == [True, True] and "after" in runs[0]


def test_the_public_function_finds_the_same(tiltyard: Tiltyard) -> None:
    said = json.loads(tiltyard("defend", "theft.output_policy", "--sample", "census", *FEW[:2], "--json", "--no-store").out)
    sample = ty.load("census")
    found = ty.defend("theft.output_policy", sample.target, sample.data, checks=FEW[1].split(","))
    for mine, other in ((found.before, said["before"]), (found.after, said["after"])):
        assert numbers([r.model_dump(mode="json") for r in mine]) == numbers(other)


def test_it_prints_every_risk_side_by_side(tiltyard: Tiltyard) -> None:
    said = tiltyard("defend", "theft.output_policy", "--sample", "census", *FEW, "--no-store")
    assert said.code == 0, said.err
    assert "Before" in said.out and "After" in said.out and "Accuracy and calibration" in said.out
    assert "numbers are safer" in said.out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("evasion.pgd", "--sample", "census"), "Expected the id of a defense; found 'evasion.pgd', which is a check."),
        (("theft.output_policy", "--sample", "census", "--set", "decimals"), "Expected --set KEY=VALUE; found 'decimals'."),
        (("theft.output_policy", "--sample", "census", "--set", "nothing=1"), "Expected a parameter of theft.output_policy"),
        (("theft.output_policy", "m.pt", "--model", "n.pt"), "Expected the model file once; found m.pt and --model n.pt."),
        (("theft.output_policy", "--sample", "census", "--checks", "validation.guard"), "Expected ids of checks; found 'validation.guard'"),
        (("theft.output_policy", "--sample", "census", "--profile", "deep"), "Expected a profile (quick, full, privacy); found 'deep'."),
    ],
)
def test_what_is_wrong_is_one_line_and_ends_with_2(tiltyard: Tiltyard, words: tuple[str, ...], line: str) -> None:
    said = tiltyard("defend", *words)
    assert said.code == 2 and said.line.startswith(line), said.err


def test_a_defense_that_makes_no_model_ends_with_2(tiltyard: Tiltyard) -> None:
    """Digits have no groups of people to correct for."""
    said = tiltyard("defend", "fairness.threshold_optimizer", "--sample", "digits", *FEW, "--json")
    assert said.code == 2
    found = valid("defense", said.out)
    assert found["cross_risk"] is None and found["after"] == [] and found["defense"]["result"]["status"] == "not_applicable"


@pytest.mark.parametrize(
    ("name", "words"), [("there.safetensors", "which is there"), ("a.pt", "whose name ends in"), ("no/a.safetensors", "a folder")]
)
@pytest.mark.parametrize("command", ["check", "defend"])
def test_a_file_that_cannot_be_written_is_refused_before_any_work(
    tiltyard: Tiltyard, tmp_path: Path, command: str, name: str, words: str
) -> None:
    (tmp_path / "there.safetensors").write_bytes(b"kept")
    said = tiltyard(command, "privacy.dp_sgd", "--sample", "census", "--save", tmp_path / name)
    assert said.code == 2 and words in said.err
    assert json.loads(tiltyard("runs", "--json").out)["runs"] == []
    assert (tmp_path / "there.safetensors").read_bytes() == b"kept"


def test_it_saves_the_defended_model(tiltyard: Tiltyard, tmp_path: Path) -> None:
    place = tmp_path / "held.safetensors"
    said = tiltyard("defend", "privacy.dp_sgd", "--sample", "census", *FEW, "--set", "epochs=1", "--no-store", "--save", place)
    assert said.code == 0, said.err
    assert place.stat().st_size > 0 and f"Wrote {place}." in said.err


def test_its_help_lists_the_options(tiltyard: Tiltyard) -> None:
    said = tiltyard("defend", "theft.output_policy", "--help")
    assert said.code == 0
    for word in ("[MODEL]", "--set KEY=VALUE", "--sample", "--data", "--save", "--json", "--checks"):
        assert word in said.out
