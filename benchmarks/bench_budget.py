"""What a move of the budget's sliders costs: the budget that follows, and epsilon's curve. Prints medians and the longest, in ms of processor time.

    python benchmarks/bench_budget.py

No number is taken from an earlier move: every setting is a new one, as a hand's are.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import time
from collections.abc import Callable, Iterator

from tiltyard.privacy_accounting.budget import Budget, curve, first_curve

ROWS = (2_000, 32_561, 1_000_000)
MOVES = 12


def milliseconds(work: Callable[[], object]) -> float:
    """Processor time of one call."""
    start = time.process_time()
    work()
    return 1000 * (time.process_time() - start)


def budgets(rows: int) -> Iterator[Budget]:
    """Settings that were not asked for before: small and large epsilons, few and many epochs."""
    for i in range(MOVES):
        noise = 0.6 * 1.23**i + 0.000123 * i
        yield Budget.of(rows, batch_size=min(rows, 256 + 37 * i), epochs=3 + 2 * i, noise_multiplier=noise)


def main() -> None:
    """Warm the imports, then measure each kind of move."""
    curve(Budget.of(1000, 100, 3, noise_multiplier=1.01))
    for rows in ROWS:
        settings = list(budgets(rows))
        kinds: dict[str, list[float]] = {}
        for over in ("epochs", "noise_multiplier", "batch_size"):
            kinds[f"first curve over {over}"] = [milliseconds(lambda b=b, over=over: first_curve(b, over)) for b in settings]  # type: ignore[misc]
            kinds[f"finer curve over {over}"] = [milliseconds(lambda b=b, over=over: curve(b, over=over)) for b in settings]  # type: ignore[misc]
        kinds["noise moved, epsilon follows"] = [milliseconds(lambda b=b: b.with_noise(b.noise_multiplier * 1.0137)) for b in settings]  # type: ignore[misc]
        kinds["epsilon moved, noise follows"] = [milliseconds(lambda b=b: b.with_epsilon(max(b.epsilon, 0.05) * 1.0137)) for b in settings]  # type: ignore[misc]
        for kind, times in kinds.items():
            print(f"{rows:9,} rows  {kind:36}  median {statistics.median(times):6.1f}  longest {max(times):6.1f}")


if __name__ == "__main__":
    main()
