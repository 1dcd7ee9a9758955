"""Writes tests/slow.txt: the tests that `make quick` leaves out, by what runs measured.

    python -m pytest --numprocesses=3 --junitxml=whole.xml && python .ci/slow.py whole.xml
    python -m pytest -m "not slow and not ui" --numprocesses=3 --junitxml=quick.xml && python .ci/slow.py whole.xml quick.xml

All cases of a test count together, its fixtures and first imports with the case that needed them first; so the second run finds those
whose cost the first one saw elsewhere.
"""

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
LEAST = 0.1  # seconds, in the first run; in later ones ten times as much, for what comes first in a process pays for all


def measured(xml: str) -> Counter[str]:
    """Seconds by ``FILE::TEST`` of a JUnit file."""
    seconds: Counter[str] = Counter()
    for case in ElementTree.fromstring(xml).iter("testcase"):
        parts = case.attrib["classname"].split(".")
        while parts and not (ROOT / "/".join(parts)).with_suffix(".py").exists():
            parts.pop()  # the name of a class in the file
        name = case.attrib["name"].partition("[")[0]
        seconds[f"{'/'.join(parts)}.py::{name}"] += float(case.attrib["time"])
    return seconds


def main(whole: Path, *quick: Path) -> None:
    """Write the list, and say what is left for `make quick`."""
    seconds = measured(whole.read_text(encoding="utf-8"))
    found = {name for name, took in seconds.items() if took >= LEAST}
    for junit in quick:
        found |= {name for name, took in measured(junit.read_text(encoding="utf-8")).items() if took >= 10 * LEAST}
    slow = sorted(found)
    (ROOT / "tests" / "slow.txt").write_text("".join(f"{name}\n" for name in slow), encoding="utf-8")
    left = sum(took for name, took in seconds.items() if name not in found)
    print(f"{len(slow)} of {len(seconds)} tests are slow; the others took {left:.0f} s in all.")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
