"""The documentation is true: the README's table, the example of CONTRIBUTING, docstrings of all that is public."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
MARKS = re.compile(r"(<!-- steps:.*?-->\n).*?(<!-- end of steps -->)", re.DOTALL)


def table() -> str:
    """The README's table of all checks and defenses."""
    from tiltyard.catalogue import TOPICS, checks, defenses, topic_of

    lines = ["| Topic | Step | Asks | Needs |", "|---|---|---|---|"]
    for topic, title in TOPICS.items():
        for kind, steps in (("check", checks()), ("defense", defenses())):
            for step in (s for s in steps.values() if topic_of(s) == topic):
                name = f"**{step.title}**" if kind == "check" else f"*{step.title}* (defense)"
                lines.append(f"| {title} | {name} `{step.id}` | {step.question} | {', '.join(sorted(step.needs)) or 'data'} |")
    return "\n".join(lines) + "\n"


def test_readme_lists_every_check_and_defense():
    assert MARKS.sub(lambda m: m[1] + table() + m[2], README.read_text()) == README.read_text(), "run: python tests/test_docs.py"


def test_readme_links_exist():
    for link in re.findall(r"\]\(([^)#:]+)\)", README.read_text()):
        assert (ROOT / link).exists(), link


def test_the_example_of_contributing_is_a_check_that_runs():
    import numpy as np

    from tiltyard.samples.catalog import load

    source = re.search(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)[1]
    names: dict[str, object] = {"__name__": "tiltyard.evasion.brightness", "__package__": "tiltyard.evasion"}
    exec(compile(source, "CONTRIBUTING.md", "exec"), names)  # noqa: S102
    sample = load("digits")
    dark = names["Brightness"](shift=0.0, rows=200)(sample.target, sample.data)
    light = names["Brightness"](shift=1.0, rows=200)(sample.target, sample.data)
    assert dark.result.metric("accuracy").value > 0.9
    assert light.result.metric("accuracy").value < 0.5
    assert np.isfinite(light.seconds)


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


if __name__ == "__main__":
    README.write_text(MARKS.sub(lambda m: m[1] + table() + m[2], README.read_text()))
    sys.stdout.write("README.md: the table of steps is written anew\n")
