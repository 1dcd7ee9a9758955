"""SecAgg+ in the processes of `tiltyard federate --secure yes`: how far from the same run without it, how slow, and what a lost client costs.

    python benchmarks/federation_secagg.py

Three clients over TLS with node keys, one round, without and with SecAgg+; then two with it, a client killed in the second.
Besides, why masks are not Flower's own: how long a server needs to try all seeds of one. Takes some minutes, for Flower starts a process
at each message.
"""

import os
import time

import numpy as np
from flwr.common.secure_aggregation.secaggplus_utils import pseudo_rand_gen

from tiltyard.federated.deployed.deployment import Watched, ran
from tiltyard.federated.deployed.processes import Processes
from tiltyard.federated.deployed.quantizing import error
from tiltyard.federated.rounds.setting import Ran, Setting
from tiltyard.federated.training import Training
from tiltyard.progress import Progress
from tiltyard.samples.catalog import load

CLIENTS, PATIENCE, PAUSE = 3, 60.0, 12.0


def start(secure: bool, rounds: int) -> Setting:
    census = load("census")
    return Training(clients=CLIENTS, rounds=rounds, local_epochs=5, rows=600, processes=True, secure=secure).setting(
        census.target, census.data
    )


def timed(name: str, secure: bool, rounds: int, watched: Watched | None = None) -> Ran:
    begun = time.monotonic()
    found = ran(start(secure, rounds), PATIENCE, Progress(), watched=watched)
    print(f"{name}: {time.monotonic() - begun:.0f} s")
    for one in found.rounds[1:]:
        print(f"  round {one.number}: {one.answered} of {one.asked} answered, lost {one.lost}, {one.right / one.rows:.2%} right {one.note}")
    return found


def killing() -> Watched:
    """Kill a client some seconds into the second round."""
    since: list[float] = []

    def watched(processes: Processes, rounds: int) -> None:
        if rounds == 1:
            since.append(time.monotonic())
        if since and "client-2" in processes.running and since[-1] - since[0] > PAUSE:
            processes.end("client-2")
            print(f"  killed client 2, {since[-1] - since[0]:.0f} s into round 2")

    return watched


def weakness() -> None:
    """Flower's own generator: one mask for two secrets, and seeds a second."""
    secret = os.urandom(32)
    other = secret[4:8] + secret[:4] + secret[8:]
    same = all((a == b).all() for a, b in zip(*(pseudo_rand_gen(s, 1 << 32, [(100,)]) for s in (secret, other)), strict=True))
    chance, begun = np.random.RandomState(0), time.perf_counter()
    for seed in range(20_000):
        chance.seed(seed)
        chance.randint(0, (1 << 32) - 1, 4, dtype=np.int64)
    each = (time.perf_counter() - begun) / 20_000
    print(
        f"Flower's masks: the same for two secrets: {same}; {each * 1e6:.0f} µs a seed, all 2^32 in {each * 2**32 / 3600:.0f} h of this core"
    )


def main() -> None:
    weakness()
    plain, masked = timed("without", False, 1), timed("SecAgg+", True, 1)
    far = float(np.abs(plain.weights - masked.weights).max())
    print(f"largest difference of a weight after a round: {far:.2g} (rounding is at most {error(CLIENTS):.2g})")
    timed("SecAgg+, a client killed", True, 2, killing())


if __name__ == "__main__":
    main()
