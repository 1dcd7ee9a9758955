"""A federation on this machine with Flower's server and clients as real processes: the same numbers as in one."""

import time
from collections.abc import Callable
from pathlib import Path

from ...child_processes.supervised import Supervisor
from ...progress import Progress
from ..rounds.server import Round
from ..rounds.setting import Ran, Setting
from .credentials import kept, node_key, tls
from .home import NODES, Home, written
from .processes import Processes, app_folder, ready

Watched = Callable[[Processes, int], None]
OnRound = Callable[[tuple[Round, ...]], None]


def ran(
    start: Setting,
    patience: float,
    progress: Progress,
    watched: Watched | None = None,
    on_round: OnRound | None = None,
) -> Ran:
    """Weights and rounds of ``start`` run by ``flower-superlink`` and a ``flower-supernode`` for each client.

    Parameters
    ----------
    patience
        Seconds after which a client that has not answered is lost for the round.
    watched
        Given the processes and the number of rounds done, some times a second.
    on_round
        Given the rounds so far, whenever one ended.
    """
    with Supervisor() as supervisor, supervisor.folder() as folder:
        return _ran(start, patience, progress, folder, supervisor, watched, on_round)


def _ran(
    start: Setting,
    patience: float,
    progress: Progress,
    folder: Path,
    supervisor: Supervisor,
    watched: Watched | None,
    on_round: OnRound | None,
) -> Ran:
    ready(folder)
    progress.step(0.0, "keys and folders")
    server, *clients = written(start, folder)
    with Processes(folder, tls(folder), supervisor) as processes:
        progress.step(0.01, "starting Flower's server")
        processes.server(progress)
        _joined(processes, server, clients, folder, progress)
        values = {"home": f'"{server.folder}"', "classes": start.classes, "patience": patience, "rows": start.rows}
        processes.run(app_folder(folder), " ".join(f"{name}={value}" for name, value in values.items()), progress)
        return _awaited(processes, server, start.plan.rounds, progress, watched, on_round)


def _joined(processes: Processes, server: Home, clients: list[Home], folder: Path, progress: Progress) -> None:
    """Every client has a key of its own, is registered by it, and starts."""
    lines = []
    for client, home in enumerate(clients):
        progress.step(0.02, f"client {client + 1} of {len(clients)} joins")
        key = node_key(folder, f"client-{client}.key")
        lines.append(f"{client} {processes.registered(key, progress)}")
        processes.node(client, key, home.folder)
    kept(server.folder / NODES, "\n".join(lines).encode())


def _awaited(processes: Processes, server: Home, rounds: int, progress: Progress, watched: Watched | None, on_round: OnRound | None) -> Ran:
    done, since = -1, time.monotonic()
    while True:
        weights, found, _ = server.checkpoint.read()
        if weights is not None and len(found) - 1 >= rounds:
            return Ran(weights, found)
        now = len(found) - 1 if found else 0
        if now != done:
            done, since = now, time.monotonic()
            if on_round is not None and found:
                on_round(found)
        progress.step(0.05 + 0.95 * now / rounds, f"round {now + 1} of {rounds}, {len(processes.running)} parties")
        processes.alive("superlink")
        if watched is not None:
            watched(processes, now)
        if time.monotonic() - since > 900:
            raise processes.trouble("a round within 15 minutes", "none", "superlink")
        time.sleep(0.2)
