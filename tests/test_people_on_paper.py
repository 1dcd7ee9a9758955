"""What `docs/shared.md` says of 30, 300 and 3,000 people is what the script computes, and its queue is Erlang's."""

import importlib.util
import math
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "benchmarks" / "people_on_paper.py"


@pytest.fixture(scope="module")
def paper() -> ModuleType:
    found = importlib.util.spec_from_file_location("people_on_paper", SCRIPT)
    assert found is not None and found.loader is not None
    made = importlib.util.module_from_spec(found)
    sys.modules[found.name] = made
    found.loader.exec_module(made)
    return made


def test_one_and_two_workers_have_their_closed_forms(paper: ModuleType) -> None:
    """M/M/1: an arrival waits with probability rho, rho / (mu - lambda) on average; M/M/2: 2 rho^2 / (1 + rho)."""
    for rho in (0.1, 0.5, 0.9):
        assert paper.erlang_c(rho, 1) == pytest.approx(rho)
        assert paper.mean_wait(rho, 1, 60.0) == pytest.approx(60 * rho / (1 - rho))
        assert paper.erlang_c(2 * rho, 2) == pytest.approx(2 * rho**2 / (1 + rho))
    assert paper.erlang_c(300.0, 320) == pytest.approx(0.1760813, abs=1e-7)  # by the sum over states, in logarithms
    assert paper.mean_wait(2.0, 2, 60.0) == math.inf and paper.wait_of(0.95, 3.0, 2, 60.0) == math.inf
    assert paper.wait_of(0.95, 0.01, 2, 60.0) == 0.0  # 19 of 20 do not wait at all


def test_the_page_has_the_rows_that_the_script_prints() -> None:
    told = (ROOT / "docs" / "shared.md").read_text(encoding="utf-8").splitlines()
    printed = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(printed) == 8 and all(line in told for line in printed)


def test_a_box_too_small_for_one_person_is_an_error(paper: ModuleType) -> None:
    known = paper.Measured(840.0, 102.0, 736.0, 134.0)
    with pytest.raises(ValueError, match="take larger boxes"):
        paper.shared(3, known, paper.Assumed(6.0, 60.0, 60.0, 4, 512.0, 100.0))
