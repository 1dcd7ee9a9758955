"""A first part of the mutations of `benchmarks/bench_mutations.py`, and that it sees what it looks for."""

import importlib.util
import json
import pickle
import sys
from pathlib import Path
from types import ModuleType

import pytest
from tests.artifacts.techniques import call, text

from tiltyard.artifacts.verdict import Verdict, scan_content


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "bench_mutations.py"
    found = importlib.util.spec_from_file_location("bench_mutations", path)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["bench_mutations"] = module
    found.loader.exec_module(module)
    return module


def test_the_first_mutations_end_nothing_and_are_never_wrongly_safe(bench: ModuleType) -> None:
    state = bench.State(7)
    bench.batch(bench.corpus(), state, 600)
    assert state.done == sum(state.verdicts.values()) == 600 and state.failed == {}
    assert state.verdicts["malicious"] > 20 and state.most_memory < 1 << 30


def test_a_run_that_was_cut_off_goes_on_with_the_same_mutations(bench: ModuleType) -> None:
    files = bench.corpus()
    again = bench.corpus()
    assert again == files and bench.mutated(again, 1, 5) == bench.mutated(files, 1, 5)
    assert len({bench.mutated(files, 1, n)[1] for n in range(200)}) > 150


def test_what_it_looks_for_is_seen(bench: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scanner that ends the process, raises, hangs, takes memory, or calls a hostile pickle safe."""
    evil = call("os", "system", text("never"))

    def broken(name: str, data: bytes) -> Verdict:
        if name == "ends":
            import os

            os._exit(9)
        if name == "raises":
            raise KeyError
        while name == "hangs":
            pass
        return scan_content("p.pkl", pickle.dumps(1))

    monkeypatch.setattr(bench, "scan_content", broken)
    monkeypatch.setattr(bench, "SECONDS", 0.05)
    names = ["fine", "ends", "raises", "hangs", "evil"]
    monkeypatch.setattr(bench, "mutated", lambda files, seed, number: (names[number], evil if number == 4 else b""))
    state = bench.State(0)
    bench.batch([], state, len(names))
    assert state.failed == {"ended the process (9)": [1], "raised KeyError": [2], "slow": [3], "called safe": [4]}
    assert json.loads(json.dumps(vars(state)))["done"] == 5 and "none failed" not in bench.told(state)
