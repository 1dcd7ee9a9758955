"""What a slider costs: epsilon by hand with Opacus against Tiltyard's accounting, as ratios in one run.

    python benchmarks/bench_epsilon.py

Every row is the best of three; "by hand" is a new Opacus accountant for each number.
"""

import time
import warnings
from collections.abc import Callable

from opacus.accountants import PRVAccountant, RDPAccountant
from opacus.accountants.utils import get_noise_multiplier
from rich.console import Console
from rich.table import Table

from tiltyard.privacy_accounting import accountants as accounting
from tiltyard.privacy_accounting import rdp
from tiltyard.privacy_accounting.budget import Budget, curve

N, BATCH, EPOCHS, NOISE = 26_049, 256, 10, 1.1


def best(run: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    """Seconds of the quickest of three runs."""
    found = []
    for _ in range(3):
        before()
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return min(found)


def forget() -> None:
    """Empty the caches, as for a setting never seen."""
    rdp.at_whole.cache_clear()
    rdp.between.cache_clear()
    accounting._spent.cache_clear()


def by_hand(kind: type[RDPAccountant] | type[PRVAccountant], noise: float, epochs: int) -> float:
    accountant = kind()
    accountant.history = [(noise, BATCH / N, -(-epochs * N // BATCH))]
    return float(accountant.get_epsilon(1e-5))


def main() -> None:
    tight = Budget.of(N, BATCH, EPOCHS, noise_multiplier=NOISE)
    budget = tight.with_accountant("rdp", hold="noise")
    epochs = tuple(float(e) for e in range(1, 41))
    noises = tuple(0.6 + 0.1 * i for i in range(40))
    some = epochs[::4]
    rows: list[tuple[str, float, float]] = [
        (
            "epsilon of one setting, RDP",
            best(lambda: by_hand(RDPAccountant, NOISE, EPOCHS)),
            best(lambda: budget.with_noise(NOISE), forget),
        ),
        ("the same, seen before", best(lambda: by_hand(RDPAccountant, NOISE, EPOCHS)), best(lambda: budget.with_noise(NOISE))),
        (
            "noise for epsilon 4, RDP",
            best(
                lambda: get_noise_multiplier(
                    target_epsilon=4, target_delta=1e-5, sample_rate=BATCH / N, epochs=EPOCHS, epsilon_tolerance=1e-3
                )
            ),
            best(lambda: budget.with_epsilon(4.0), forget),
        ),
        (
            "40 points over epochs, RDP",
            best(lambda: [by_hand(RDPAccountant, NOISE, int(e)) for e in epochs]),
            best(lambda: curve(budget, x=epochs), forget),
        ),
        (
            "40 points over noise, RDP, first",
            best(lambda: [by_hand(RDPAccountant, s, EPOCHS) for s in noises]),
            best(lambda: curve(budget, "noise_multiplier", x=noises), forget),
        ),
        (
            "the same after another move",
            best(lambda: [by_hand(RDPAccountant, s, EPOCHS + 1) for s in noises]),
            best(lambda: curve(budget.with_epochs(EPOCHS + 1, hold="noise"), "noise_multiplier", x=noises)),
        ),
        (
            "epsilon of one setting, the tightest bound beside PRV",
            best(lambda: by_hand(PRVAccountant, NOISE, EPOCHS)),
            best(lambda: tight.with_noise(NOISE), forget),
        ),
        (
            "10 points over epochs, the tightest bound beside PRV",
            best(lambda: [by_hand(PRVAccountant, NOISE, int(e)) for e in some]),
            best(lambda: curve(tight, x=some), forget),
        ),
        (
            "noise for epsilon 4, the tightest bound beside RDP",
            best(
                lambda: get_noise_multiplier(
                    target_epsilon=4, target_delta=1e-5, sample_rate=BATCH / N, epochs=EPOCHS, epsilon_tolerance=1e-3
                )
            ),
            best(lambda: tight.with_epsilon(4.0), forget),
        ),
    ]
    table = Table("what", "by hand (ms)", "tiltyard (ms)", "ratio", title=f"{N:,} rows, batches of {BATCH}, noise {NOISE}")
    for what, hand, ours in rows:
        table.add_row(what, f"{1000 * hand:.1f}", f"{1000 * ours:.2f}", f"{ours / hand:.3f}")
    Console().print(table)


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main()
