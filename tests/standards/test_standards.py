"""Every id a check or defense names is known, with its source and version."""

import pytest

from tiltyard.catalogue import checks, defenses
from tiltyard.errors import Problem
from tiltyard.standards.catalog import catalog, describe, known


@pytest.mark.parametrize("id", [*checks(), *defenses()])
def test_standards_are_known(id):
    step = {**checks(), **defenses()}[id]
    assert step.standards, "name the standards it maps to"
    assert [s for s in step.standards if not known(s)] == []


def test_titles_and_versions():
    assert describe("OWASP ML01:2023").title == "Input Manipulation Attack"
    assert describe("AML.T0024.000").version.startswith("5.6.1")
    assert all(s.version for s in catalog().values())
    with pytest.raises(Problem):
        describe("OWASP ML99:2023")
