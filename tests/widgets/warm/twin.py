"""What a forked kernel runs in these tests: writes down all it knows of itself."""

import json
import os
import random
import secrets
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path


def handles() -> list[str]:
    """What is open, less the folder that is read for it."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            found.append(f"{name} {os.readlink(f'/proc/self/fd/{name}')}")
    return sorted(found)


def remembers(halves: list[str]) -> bool:
    """Do these halves stand as one anywhere in this process's memory? They are never put together here, so that looking for them puts them nowhere."""
    left, right = (half.encode() for half in halves)
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            with suppress(OSError, ValueError):
                memory.seek(start)
                data = memory.read(end - start)
                at = data.find(left)
                while at >= 0:
                    if data.startswith(right, at + len(left)):
                        return True
                    at = data.find(left, at + 1)
    return False


def drawn() -> list[float]:
    """A number of each source of chance that is loaded."""
    numbers = [random.random(), float(secrets.randbits(48))]
    if (numpy := sys.modules.get("numpy")) is not None:
        numbers.append(float(numpy.random.random()))
    if (torch := sys.modules.get("torch")) is not None:
        numbers.append(float(torch.rand(1)))
    return numbers


def worked() -> float:
    """Work that the libraries spread over threads: a product of each, and a step of training."""
    import numpy as np
    import torch

    a = np.ones((600, 600))
    net = torch.nn.Linear(600, 600)
    loss = net(torch.ones(600, 600)).square().mean()
    loss.backward()
    return float((a @ a).sum()) + torch.get_num_threads()


def answered() -> list[str]:
    """What a page may open a line to once the kernel is there."""
    if "ipywidgets" not in sys.modules:
        return []
    import comm

    return sorted(comm.get_comm_manager().targets)


def rehearsed() -> list[int]:
    """How many steps were found before the fork, and how many widgets are there."""
    if "tiltyard_widgets.panels.workbench" not in sys.modules:
        return []
    from ipywidgets.widgets import widget

    from tiltyard.catalogue import checks, defenses

    return [checks.cache_info().currsize, defenses.cache_info().currsize, len(widget._instances)]


def main() -> None:
    out, what = Path(sys.argv[1]), sys.argv[2]
    if what == "dies":
        os._exit(7)
    said = {
        "numbers": drawn(),
        "handles": handles(),
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "session": os.getsid(0) == os.getpid(),
        "first_to_go": int(Path("/proc/self/oom_score_adj").read_text()),
        "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        "threads": len(os.listdir("/proc/self/task")),
        "words": sys.argv,
        "line": Path("/proc/self/cmdline").read_bytes().decode(),
        "backend": sys.modules["matplotlib"].rcParams["backend"] if "matplotlib" in sys.modules else None,
        "modules": sorted(sys.modules),
        "home": os.environ.get("HOME", ""),
        "remembers": remembers(sys.argv[3:5]) if what == "remembers" else None,
        "answered": answered(),
        "rehearsed": rehearsed(),
        "worked": worked() if what == "works" else None,
    }
    out.with_suffix(".new").write_text(json.dumps(said))
    out.with_suffix(".new").rename(out)
    while what == "stays":
        time.sleep(0.1)


if __name__ == "__main__":
    main()
