"""Runs each check on models with planted faults and on clean ones, and writes the table of `docs/what_checks_see.md`.

python benchmarks/planted_faults.py [SEEDS]
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from tiltyard.testing.planted import NOT_COVERED, PLANTS, Rate, measured

DOCS = Path(__file__).parents[1] / "docs" / "what_checks_see.md"
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"


def lines(rates: list[Rate]) -> Iterator[str]:
    """The measured part of the page."""
    yield "So many models of each size, each made and asked under a seed of its own."
    yield ""
    yield "| Step | Planted fault | Size | Models | Passed | Found | Not settled | Wrong |"
    yield "|---|---|---|---|---|---|---|---|"
    for r in rates:
        size = "none (clean)" if r.size == 0 else f"{r.size:g} {r.unit}"
        wrong = str(r.wrong) if r.held else "may pass"
        yield f"| `{r.id}` | {r.fault} | {size} | {r.runs} | {r.passed} | {r.found} | {r.runs - r.passed - r.found} | {wrong} |"
    yield ""
    yield "Not covered by planting, and why:"
    yield ""
    yield "| Step | Why |"
    yield "|---|---|"
    yield from (f"| `{id}` | {why} |" for id, why in NOT_COVERED.items())


def main(seeds: int) -> None:
    """Measure, print as it goes, write the page."""
    rates = []
    for plant in PLANTS:
        for size in plant.sizes:
            rates.append(measured(plant, size, seeds))
            print(rates[-1], flush=True)
    text = DOCS.read_text(encoding="utf-8")
    head, tail = text.split(BEGIN)[0], text.split(END)[1]
    DOCS.write_text(f"{head}{BEGIN}\n{chr(10).join(lines(rates))}\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
