"""Collecting the tests stays quick: what is heavy is imported where a test uses it, not at the top of its file."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = "torch shap opacus fairlearn matplotlib sklearn skops nbformat jupyter_server voila numba"
ASK = f"""
import sys, pytest
code = pytest.main(["--collect-only", "--quiet", "--quiet", "-p", "no:cacheprovider"])
print("\\nheavy:", *({{*"{HEAVY}".split()}} & set(sys.modules)))
sys.exit(code)
"""


@pytest.mark.slow
def test_collecting_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, cwd=Path(__file__).parents[1], check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert done.stdout.splitlines()[-1].split() == ["heavy:"]
