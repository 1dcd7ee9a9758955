"""The threat model names tests that are there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "THREAT_MODEL.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)))


def test_it_names_tests() -> None:
    assert len(NAMED) > 20


def lacks(file: str, name: str) -> bool:
    """Is there no such file, no test of that name in it, or no test at all?"""
    path = ROOT / file
    found = (
        {node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)}
        if path.is_file()
        else set()
    )
    return name not in found if name else not any(test.startswith("test_") for test in found)


def test_each_is_there() -> None:
    assert [f"{file}::{name}" for file, name in NAMED if lacks(file, name)] == []


def test_one_that_is_gone_is_seen() -> None:
    assert lacks("tests/test_threat_model.py", "test_nowhere") and lacks("tests/test_nowhere.py", "") and lacks("tests/tiny.py", "")
    assert not lacks("tests/test_threat_model.py", "test_it_names_tests")
