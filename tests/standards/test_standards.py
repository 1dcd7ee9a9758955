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
    assert describe("AML.T0024.000").version.startswith("5.6.1")
    assert all(s.version for s in catalog().values())
    with pytest.raises(Problem):
        describe("OWASP ML99:2023")
