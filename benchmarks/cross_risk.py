"""What four defenses do to the other risks of the census model: the cross-risk table of each, quick profile, and what pairing is worth.

python benchmarks/cross_risk.py
"""

import time

from tiltyard.assessment.assessment import assess
from tiltyard.catalogue import find
from tiltyard.check import Step
from tiltyard.comparison.comparison import MetricChange, difference
from tiltyard.comparison.cross_risk import again, cells, cross
from tiltyard.defense import Defense
from tiltyard.samples.catalog import load

CHECKS: tuple[Step, ...] = (
    find("validation.performance")(),
    find("evasion.pgd")(rows=200, steps=20, eps=0.02, curve=False),
    find("fairness.groups")(columns=("sex",)),
    find("privacy.membership_threshold")(),
    find("theft.extraction")(query_budget=500, points=1, epochs=10, access="labels"),
)
DEFENSES: tuple[Step, ...] = (
    find("evasion.adversarial_training")(epochs=3, eps=0.02),
    *(find("privacy.dp_sgd")(epsilon=e) for e in (1, 4, 8)),
    find("fairness.threshold_optimizer")(),
    find("theft.watermark")(),
)


def main() -> None:
    """Measure, defend, measure again, print."""
    sample = load("census")
    before = assess(sample.target, sample.data, CHECKS).records
    for defense in DEFENSES:
        assert isinstance(defense, Defense)
        start = time.perf_counter()
        outcome = defense(sample.target, sample.data)
        print(f"\n{defense.title} {outcome.record.given}: {outcome.record.result.summary}")
        if outcome.target is None:
            continue
        after = assess(outcome.target, sample.data, again(before)).records
        crossed = cross(outcome.record, sample.target, outcome.target, sample.data, before, after).result
        print(f"{crossed.summary} ({time.perf_counter() - start:.0f} s)")
        for row in crossed.tables[0].rows:
            print("   ", " | ".join(str(cell) for cell in (row[0], *row[2:])))
        for note in crossed.notes[1:]:
            print("   ", note)
        for _, cell in cells(before, after):
            if cell.paired:
                print(f"    {cell.label}: paired interval {narrower(cell):.2f} x as wide as unpaired")


def narrower(cell: MetricChange) -> float:
    """Width of the paired interval over that of the unpaired one of the same two rates."""
    bare = [m.model_copy(update={"outcomes": None}) for m in (cell.before, cell.after) if m is not None]
    _, low, high = difference(*bare)
    assert None not in (low, high, cell.low, cell.high)
    return (cell.high - cell.low) / (high - low)  # type: ignore[operator]


if __name__ == "__main__":
    main()
