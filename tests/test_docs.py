"""The documentation is true: the README's links and size, the example of CONTRIBUTING, docstrings of all that is public."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


def test_readme_is_one_screen():
    assert len(README.read_text().splitlines()) < 50


def test_readme_links_exist():
    for link in re.findall(r"\]\(([^)#:]+)\)", README.read_text()):
        assert (ROOT / link).exists(), link


@pytest.fixture
def example(tmp_path, monkeypatch):
    """The check of CONTRIBUTING, registered as another package registers its own, and the code of its test."""
    from tiltyard import catalogue

    source, test = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)[:2]
    (tmp_path / "other_brightness.py").write_text(source.replace("from ..", "from tiltyard."))
    facts = tmp_path / "other_brightness-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: other-brightness\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[tiltyard.checks]\nbrightness = other_brightness:Brightness\n")
    monkeypatch.syspath_prepend(tmp_path)
    catalogue.checks.cache_clear()
    yield test.replace("tiltyard.evasion.brightness", "other_brightness")
    catalogue.checks.cache_clear()
    sys.modules.pop("other_brightness", None)


def test_the_example_of_contributing_passes_its_own_test(example):
    names: dict[str, object] = {}
    exec(compile(example, "CONTRIBUTING.md", "exec"), names)  # noqa: S102
    tests = [test for name, test in names.items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()


def test_the_example_of_contributing_takes_part_in_a_campaign(example):
    from tiltyard.campaign.campaign import ThreatModel, plan
    from tiltyard.campaign.matrix import matrix
    from tiltyard.campaign.rules import start
    from tiltyard.samples.catalog import load

    sample = load("digits")
    made = plan(ThreatModel(goal="evade"), sample.target, sample.data, only=("evasion.brightness",))
    assert [(p.goal, p.seconds, p.parameters["rows"]) for p in made.steps] == [("evade", 1.0, 200)]
    records = start(made, sample.target, sample.data).wait(300)
    (row,) = matrix(records, made).tables[0].rows
    assert row[:2] == ("evade", "Brightness")
    assert row[3].startswith("Accuracy on lighter images: ")
    assert row[4] == "AML.T0015"


def test_the_example_of_contributing_stands_in_the_table_of_what_a_defense_does(example):
    from tiltyard.catalogue import find
    from tiltyard.comparison.cross_risk import cells
    from tiltyard.samples.catalog import load

    sample, hardened = load("digits"), load("digits-robust")
    step = find("evasion.brightness")(rows=200)
    before, after = (step(target, sample.data) for target in (sample.target, hardened.target))
    assert [(risk, cell.name) for risk, cell in cells([before], [after])] == [("Robustness", "accuracy")]


def _public() -> list[tuple[str, str]]:
    found = []
    for root in (ROOT / "workbench/tiltyard", ROOT / "widgets/tiltyard_widgets"):
        for path in sorted(root.rglob("*.py")):
            tree = ast.parse(path.read_text())
            if path.name != "__init__.py" and not ast.get_docstring(tree):
                found.append((str(path.relative_to(ROOT)), "the module"))
            for node in tree.body:
                named = isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
                if named and node.name not in ("Severity",) and not ast.get_docstring(node):
                    found.append((str(path.relative_to(ROOT)), node.name))
    return found


def test_what_is_public_has_a_docstring():
    assert _public() == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_documents_never_claim_conformity(name):
    assert "compliant" not in (ROOT / name).read_text().lower()
