"""Every id a check or defense names is known, with its source and version."""

import pytest

from tiltyard.catalogue import checks, defenses
from tiltyard.errors import Problem
from tiltyard.standards.catalog import catalog, describe, known


def test_each_step_names_standards_that_are_known():
    steps = {**checks(), **defenses()}
    assert [id for id, step in steps.items() if not step.standards] == []
    assert {id: lost for id, step in steps.items() if (lost := [s for s in step.standards if not known(s)])} == {}


def test_titles_and_versions():
    assert describe("OWASP ML01:2023").title == "Input Manipulation Attack"
    assert describe("AML.T0024.000").version == "2026.07 (2026-07-31)"
    assert describe("AML.T0020").title == "Training Data Poisoning"
    assert not known("AML.T0019") and not known("AML.T0058")
    assert all(s.version for s in catalog().values())
    with pytest.raises(Problem):
        describe("OWASP ML99:2023")


def test_each_source_has_its_own_date_and_what_is_not_confirmed_is_marked():
    assert all(s.dated and s.read for s in catalog().values())
    assert describe("OWASP ML02:2023").confirmed and describe("AML.T0018").confirmed
    assert not any(describe(id).confirmed for id in ("AML.T0020", "AML.T0115.001", "NISTAML.023", "ISO/IEC 42001 A.7.5"))
    assert {"NISTAML.023", "NISTAML.024"} <= set(checks()["poisoning.backdoor"].standards)
