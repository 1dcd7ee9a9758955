"""Memory, cores and money of 30, 300 and 3,000 people, computed from what was measured; and the queue before long checks.

    python benchmarks/people_on_paper.py [--people 30 300 3000] [--page-mib 102] [--price 100] … [--simulate]

What is measured is given as options, whose defaults are of the machine that `docs/shared.md` names: `bench_shared_crowd.py` prints those of a shared box,
`bench_beyond_one_box.py` those of a Hub. What is assumed (how often people run a check, how long one takes, the price) is given in the same way.

Long checks are the calls of an M/M/c queue (Erlang 1917): people start them independently of each other, so they come as a Poisson process;
their lengths are exponential; c workers serve one line. Boxes have a line each, a cluster of Dask workers has one for all. ``--simulate`` sends
the same checks through the queue that the broker has (`tiltyard.broker.running`), with a clock of its own, and prints both.
"""

import argparse
import heapq
import math
import random
import statistics
from dataclasses import dataclass

from tiltyard.broker.running import Running

HOUR = 3600.0
CHECKS = 3000  # that a simulation sends


@dataclass(frozen=True)
class Measured:
    """What one machine said, in MiB of memory."""

    base_mib: float  # warm parent, server and broker of a shared box
    page_mib: float  # a page's own, once a check was run on it
    server_mib: float  # one person's server under a Hub, with page and sample
    hub_mib: float  # the Hub and its proxy


@dataclass(frozen=True)
class Assumed:
    """What people do, and what a machine has and costs."""

    checks_per_hour: float  # long checks that one person starts
    check_seconds: float  # of a core, on average
    wait: float  # s that at most one check in twenty may wait
    box_cores: int
    box_mib: float
    price: float  # a box and month
    kept_free: float = 0.2  # of the memory of a box


@dataclass(frozen=True)
class Need:
    """What so many people take: ``wait`` is that of 19 of 20 long checks at most."""

    people: int
    boxes: int
    memory_mib: float
    busy_cores: float
    workers: int
    wait: float
    cost: float


def erlang_c(load: float, workers: int) -> float:
    """The share of checks that wait, where ``load`` workers would be busy on average; 1 where the queue grows for ever."""
    if load >= workers:
        return 1.0
    busy = 1.0  # Erlang B, by its recursion, which no factorial overflows
    for n in range(1, workers + 1):
        busy = load * busy / (n + load * busy)
    return busy / (1.0 - load / workers * (1.0 - busy))


def mean_wait(load: float, workers: int, seconds: float) -> float:
    """Mean seconds of waiting of all checks, also of those that do not wait."""
    return math.inf if load >= workers else erlang_c(load, workers) * seconds / (workers - load)


def wait_of(share: float, load: float, workers: int, seconds: float) -> float:
    """The seconds that this share of checks waits at most."""
    if load >= workers:
        return math.inf
    waits = erlang_c(load, workers)
    return max(0.0, math.log(waits / (1.0 - share)) * seconds / (workers - load)) if waits else 0.0


def load_of(people: float, given: Assumed) -> float:
    """How many long checks are under way on average."""
    return people * given.checks_per_hour / HOUR * given.check_seconds


def workers_for(people: float, given: Assumed) -> int:
    """The fewest workers with which 19 of 20 checks wait no longer than is accepted."""
    load = load_of(people, given)
    workers = max(1, math.ceil(load))
    while wait_of(0.95, load, workers, given.check_seconds) > given.wait:
        workers += 1
    return workers


def shared(people: int, known: Measured, given: Assumed) -> Need:
    """People on boxes of `tiltyard app --password`: each box has a line and workers of its own, one for two cores."""
    workers = max(1, given.box_cores // 2)
    for boxes in range(1, people + 1):
        each = math.ceil(people / boxes)
        memory = known.base_mib + each * known.page_mib
        load = load_of(each, given)
        wait = wait_of(0.95, load, workers, given.check_seconds)
        if memory <= given.box_mib * (1 - given.kept_free) and wait <= given.wait:
            whole = boxes * known.base_mib + people * known.page_mib
            return Need(people, boxes, whole, load_of(people, given), boxes * workers, wait, boxes * given.price)
    raise ValueError("one person alone waits longer, or takes more, than is accepted: take larger boxes")


def behind_a_hub(people: int, known: Measured, given: Assumed) -> Need:
    """People with a server each, and long checks on one cluster of Dask workers with a core each."""
    workers = workers_for(people, given)
    memory = known.hub_mib + people * known.server_mib
    pages = memory / (given.box_mib * (1 - given.kept_free))
    boxes = math.ceil(pages + workers / given.box_cores)
    wait = wait_of(0.95, load_of(people, given), workers, given.check_seconds)
    return Need(people, boxes, memory, load_of(people, given), workers, wait, boxes * given.price)


def simulated(people: int, workers: int, given: Assumed, checks: int, seed: int) -> list[float]:
    """Seconds that each check waits in the broker's own queue, on a clock that jumps from event to event; each asks anew at every event and once a second."""
    chance, now = random.Random(seed), [0.0]
    queue = Running(workers, clock=lambda: now[0])
    comes = [(chance.expovariate(people * given.checks_per_hour / HOUR), 0, "comes", "")]
    waiting: dict[str, tuple[str, float]] = {}
    waits: list[float] = []
    begun = 0
    while len(waits) < checks:
        now[0], _, what, id = heapq.heappop(comes)
        if what == "comes":
            begun += 1
            waiting[str(begun)] = (f"person {chance.randrange(people)}", now[0])
            heapq.heappush(comes, (now[0] + chance.expovariate(people * given.checks_per_hour / HOUR), begun, "comes", ""))
        elif what == "ends":
            queue.leave(id)
        for one, (who, since) in list(waiting.items()):
            if not queue.ask(one, who, given.check_seconds).place:
                waits.append(now[0] - since)
                del waiting[one]
                heapq.heappush(comes, (now[0] + chance.expovariate(1 / given.check_seconds), 0, "ends", one))
        if waiting and not any(event[2] == "asks" for event in comes):
            heapq.heappush(comes, (now[0] + 1.0, 0, "asks", ""))
    return waits


def row(layout: str, need: Need) -> str:
    """A line of the table in Markdown."""
    memory = f"{need.memory_mib / 1024:.1f} GiB" if need.memory_mib < 10240 else f"{need.memory_mib / 1024:,.0f} GiB"
    cells = [f"{need.people:,}", layout, str(need.boxes), memory, f"{need.busy_cores:.0f} of {need.workers}"]
    cells += [f"{need.wait:.0f} s", f"{need.cost:,.0f}"]
    return "| " + " | ".join(cells) + " |"


def table(people: list[int], known: Measured, given: Assumed) -> str:
    """Both layouts side by side."""
    heads = ["People", "Layout", "Boxes", "Memory", "Workers busy", "19 of 20 checks wait at most", "Cost a month"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for n in people:
        lines += [row("shared boxes", shared(n, known, given)), row("Hub and Dask", behind_a_hub(n, known, given))]
    return "\n".join(lines)


def main() -> None:
    """Read what was measured and what is assumed, and print the table."""
    parser = argparse.ArgumentParser(description="Memory, cores and money of so many people, from measured figures.")
    parser.add_argument("--people", type=int, nargs="+", default=[30, 300, 3000])
    for name, usual, words in (
        ("base-mib", 840.0, "MiB of a shared box less its pages, of thirty: bench_shared_crowd.py"),
        ("page-mib", 102.0, "MiB of a page of its own once a check was run on it, of thirty: bench_shared_crowd.py"),
        ("server-mib", 736.0, "MiB of a person's server in a container"),
        ("hub-mib", 134.0, "MiB of the Hub and its proxy: bench_beyond_one_box.py"),
        ("checks-per-hour", 6.0, "long checks that one person starts (assumed)"),
        ("check-seconds", 60.0, "seconds of a core that a long check takes on average (assumed)"),
        ("wait", 60.0, "seconds that 19 of 20 checks may wait at most (asked)"),
        ("box-cores", 4.0, "cores of a box"),
        ("box-mib", 16384.0, "MiB of a box"),
        ("price", 100.0, "a box and month (put your own in)"),
    ):
        parser.add_argument(f"--{name}", type=float, default=usual, help=words)
    parser.add_argument("--simulate", action="store_true", help="send checks through the broker's own queue too")
    got = parser.parse_args()
    known = Measured(got.base_mib, got.page_mib, got.server_mib, got.hub_mib)
    given = Assumed(got.checks_per_hour, got.check_seconds, got.wait, int(got.box_cores), got.box_mib, got.price)
    print(table(got.people, known, given))
    if got.simulate:
        workers = max(1, given.box_cores // 2)
        for people in (4 * workers, 6 * workers, 8 * workers):
            found = simulated(people, workers, given, CHECKS, seed=1)
            load = load_of(people, given)
            told, own = mean_wait(load, workers, given.check_seconds), statistics.fmean(found)
            edge = (wait_of(0.95, load, workers, given.check_seconds), sorted(found)[int(0.95 * len(found))])
            print(
                f"{people} people, {workers} workers: mean wait {told:.1f} s by Erlang, {own:.1f} s in the broker's queue; 95th percentile {edge[0]:.0f} and {edge[1]:.0f} s"
            )


if __name__ == "__main__":
    main()
