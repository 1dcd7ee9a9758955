"""Collecting the tests stays quick: what is heavy is imported where a test uses it, not at the top of its file."""

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Collected

HERE = Path(__file__).parent
ASK = """
import json, sys, pytest

class Watch:
    def pytest_collection_finish(self, session):
        (seen,) = (plugin for plugin in session.config.pluginmanager.get_plugins() if hasattr(plugin, "COLLECTED"))
        self.seen = seen.COLLECTED

watch = Watch()
code = pytest.main(["--collect-only", "--quiet", "--quiet", "-p", "no:cacheprovider", *sys.argv[1:]], [watch])
print(json.dumps([len(watch.seen.files), sorted(watch.seen.loaded)]))
sys.exit(code)
"""


def apart(*words: str) -> tuple[int, list[str]]:
    """How many files another process collects by these words of a command, and what is heavy and loaded then."""
    done = subprocess.run([sys.executable, "-c", ASK, *words], capture_output=True, text=True, cwd=HERE.parent, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    files, loaded = json.loads(done.stdout.splitlines()[-1])
    return files, loaded


@pytest.mark.slow
def test_collecting_loads_nothing_heavy(collected: "Collected") -> None:
    """Of a run of all tests its own collecting is looked at; of any other another process collects them all."""
    every = {path for path in HERE.rglob("test_*.py") if "__pycache__" not in path.parts}
    if collected.files == every:
        assert sorted(collected.loaded) == []
    else:
        assert apart() == (len(every), [])


@pytest.mark.slow
def test_what_is_heavy_is_seen_where_it_is_loaded() -> None:
    assert apart("-p", "skops", str(HERE / "test_hooks.py")) == (1, ["skops"])
