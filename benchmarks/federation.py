"""A federation in real processes: the same weights as in one process, and a client killed in mid-round costs only its answer.

    python benchmarks/federation.py

Flower's SuperLink and three SuperNodes on loopback, TLS, a registered key for each; a client is killed with its children in the second
of three rounds, while it is asked. Prints seconds a round and what was lost. Takes some minutes, for Flower starts a process at each message.
"""

import tempfile
import time
from pathlib import Path

import numpy as np

from tiltyard.federated.deployed.deployment import ran
from tiltyard.federated.deployed.processes import Processes
from tiltyard.federated.training import FederatedTraining
from tiltyard.progress import Progress
from tiltyard.samples.catalog import load

CLIENTS, PATIENCE, PAUSE = 3, 60.0, 4.0


def main() -> None:
    """Both runs, compared."""
    census = load("census")
    start = FederatedTraining(clients=CLIENTS, rounds=3, rows=600).setting(census.target, census.data)
    killed: list[float] = []
    ends: list[float] = []

    def watched(processes: Processes, rounds: int) -> None:
        if rounds >= len(ends) + 1:
            ends.append(time.monotonic())
        if rounds == 1 and not killed and time.monotonic() - ends[0] > PAUSE:
            killed.append(time.monotonic() - ends[0])
            processes.end("client-2")

    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = ran(start, PATIENCE, Progress(), Path(folder), watched)
    print(f"{time.monotonic() - begun:.0f} s in all; client 2 killed {killed[0]:.1f} s into round 2")
    for one, seconds in zip(found.rounds[1:], np.diff([begun, *ends, time.monotonic()]), strict=False):
        print(
            f"round {one.number}: {one.answered} of {one.asked} answered, lost {one.lost}, {one.right / one.rows:.1%} right, {seconds:.0f} s"
        )
    here = start.run(Progress())
    same = [(a.right, a.rows) == (b.right, b.rows) for a, b in zip(found.rounds[:2], here.rounds[:2], strict=True)]
    print(f"up to the kill equal to the run in one process: {all(same)}")


if __name__ == "__main__":
    main()
