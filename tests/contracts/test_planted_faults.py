"""What each check sees: on models with a planted fault it does not pass, on clean ones it finds nothing; wrong ends are rare over seeds.

``docs/what_checks_see.md`` has the rates of twenty seeds; ``benchmarks/planted_faults.py`` measures and writes them.
"""

from pathlib import Path

import pytest

from tiltyard.catalogue import checks, defenses
from tiltyard.testing.planted import NOT_COVERED, PLANTS, Plant, measured

CASES = [(plant, size) for plant in PLANTS for size in plant.sizes]
JUDGED = [(plant, size) for plant, size in CASES if size == 0 or size >= plant.least]
WITHIN = [case for case in CASES if case not in JUDGED]  # smaller than what must be seen: either end is right
HELD = [(plant, size) for plant, size in CASES if size == 0 or size == max(plant.sizes)]
DOCS = Path(__file__).parents[2] / "docs" / "what_checks_see.md"


def _named(value: object) -> str | None:
    return value.id if isinstance(value, Plant) else None


def test_every_check_and_defense_is_planted_or_listed_as_not_covered():
    planted = {plant.id for plant in PLANTS}
    ours = {id for id, cls in {**checks(), **defenses()}.items() if cls.__module__.startswith("tiltyard.")}
    assert planted | set(NOT_COVERED) == ours
    assert not planted & set(NOT_COVERED)
    assert all(NOT_COVERED.values())


@pytest.mark.parametrize(("plant", "size"), HELD, ids=_named)
def test_no_wrong_pass_and_no_wrong_finding_on_two_models(plant, size):
    assert measured(plant, size, 2).wrong == 0


@pytest.mark.slow
@pytest.mark.parametrize(("plant", "size"), JUDGED, ids=_named)
def test_wrong_ends_are_rare_over_twenty_models(plant, size):
    """At most 3 of 20: where one in twenty is wrong, more come about in 1.6 % of tests."""
    found = measured(plant, size, 20)
    assert found.held and found.wrong <= 3


@pytest.mark.parametrize(("plant", "size"), WITHIN, ids=_named)
def test_a_fault_within_what_is_accepted_gets_an_answer(plant, size):
    found = measured(plant, size, 1)
    assert not found.held and found.passed + found.found <= found.runs == 1


def test_the_docs_have_a_row_for_each_of_them():
    text = DOCS.read_text(encoding="utf-8")
    for plant in PLANTS:
        assert text.count(f"| `{plant.id}` |") == len(plant.sizes), plant.id
    for id, why in NOT_COVERED.items():
        assert f"| `{id}` | {why} |" in text
