"""A federation in real processes: the same weights as in one process, and a client killed in mid-round costs only its answer.

    python benchmarks/federation.py

Flower's SuperLink and three SuperNodes by sockets in a folder, TLS, a registered key for each; a client is killed with its children in the second
of three rounds, while it is asked. Prints seconds a round and what was lost. Then `tiltyard federate` is interrupted, told to end, and
killed, in the midst of a round each: how long until none of its processes is left. Takes some minutes, for Flower starts a process at each
message.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from tiltyard.federated.deployed.deployment import ran
from tiltyard.federated.deployed.processes import Processes
from tiltyard.federated.training import Training
from tiltyard.progress import Progress
from tiltyard.samples.catalog import load

CLIENTS, PATIENCE, PAUSE = 3, 60.0, 4.0


def started(folder: str) -> list[str]:
    """Commands of the processes, in whatever session, that were started with ``folder`` for their temporary files."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR") == folder and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def ended(how: signal.Signals) -> None:
    """Start `tiltyard federate`, wait until a client trains, send the signal, and wait until nothing is left."""
    command = [sys.executable, "-m", "tiltyard", "federate", "--sample", "census", "--no-store"]
    with tempfile.TemporaryDirectory() as folder:
        options = ["--clients", str(CLIENTS), "--rounds", "3", "--rows", "600"]
        with subprocess.Popen([*command, *options], env={**os.environ, "TMPDIR": folder}, stderr=subprocess.DEVNULL) as process:
            while not any("flwr-clientapp" in one for one in started(folder)):
                time.sleep(0.2)
            many, begun = len(started(folder)), time.monotonic()
            process.send_signal(how)
            while started(folder) and time.monotonic() - begun < 60:
                time.sleep(0.02)
            left, files = len(started(folder)), sum(path.is_file() for path in Path(folder).rglob("*"))
            print(f"{how.name} in round 1: {many} processes, after {time.monotonic() - begun:.1f} s {left} left, {files} files left")


def main() -> None:
    """Both runs, compared."""
    census = load("census")
    start = Training(clients=CLIENTS, rounds=3, rows=600).setting(census.target, census.data)
    killed: list[float] = []
    ends: list[float] = []

    def watched(processes: Processes, rounds: int) -> None:
        if rounds >= len(ends) + 1:
            ends.append(time.monotonic())
        if rounds == 1 and not killed and time.monotonic() - ends[0] > PAUSE:
            killed.append(time.monotonic() - ends[0])
            processes.end("client-2")

    begun = time.monotonic()
    found = ran(start, PATIENCE, Progress(), watched)
    print(f"{time.monotonic() - begun:.0f} s in all; client 2 killed {killed[0]:.1f} s into round 2")
    for one, seconds in zip(found.rounds[1:], np.diff([begun, *ends, time.monotonic()]), strict=False):
        print(
            f"round {one.number}: {one.answered} of {one.asked} answered, lost {one.lost}, {one.right / one.rows:.1%} right, {seconds:.0f} s"
        )
    here = start.run(Progress())
    same = [(a.right, a.rows) == (b.right, b.rows) for a, b in zip(found.rounds[:2], here.rounds[:2], strict=True)]
    print(f"up to the kill equal to the run in one process: {all(same)}")
    for how in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        ended(how)


if __name__ == "__main__":
    main()
