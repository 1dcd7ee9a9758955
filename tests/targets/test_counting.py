"""Who asked how much, where a step, a trial by hand and an estimate ask the same target at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from tiltyard.evasion.fgsm import FGSM
from tiltyard.evasion.square import Square
from tiltyard.progress import Progress
from tiltyard.samples.catalog import load
from tiltyard.targets.target import uncounted


@pytest.fixture(scope="module")
def census():
    return load("census")


def beside(work):
    """``work`` in a thread of its own, ended."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()


class Asking(Progress):
    """Others ask the same target in the midst of a step."""

    def __init__(self, ask):
        super().__init__()
        self.ask = ask

    def step(self, done, message=""):
        ask, self.ask = self.ask, None
        if ask is not None:
            beside(ask)
        super().step(done, message)

    def part(self, share):
        self.step(0)
        return super().part(share)


def test_a_step_counts_what_it_asked_and_nobody_else_did(census):
    target, rows = census.target, census.data.x[:40]
    alone = FGSM(rows=20, seed=0)(target, census.data, Progress())
    before = target.queries
    progress = Asking(lambda: target.labels(rows))
    among = FGSM(rows=20, seed=0)(target, census.data, progress)
    assert progress.ask is None
    assert among.queries == alone.queries > 0
    assert target.queries == before + among.queries + len(rows)


def test_an_estimate_beside_a_step_takes_nothing_back(census):
    target = census.target
    alone = FGSM(rows=20, seed=0)(target, census.data, Progress())
    halfway = threading.Event()
    ended = threading.Event()

    def waiting():
        with uncounted():
            target.labels(census.data.x[:7])
            halfway.set()
            ended.wait(60)

    thread = threading.Thread(target=waiting)
    before = target.queries
    thread.start()
    halfway.wait(60)
    among = FGSM(rows=20, seed=0)(target, census.data, Asking(lambda: Square().estimate(target, census.data)))
    ended.set()
    thread.join(60)
    assert among.queries == alone.queries
    assert target.queries == before + among.queries


def test_what_a_step_asks_from_threads_of_its_own_is_the_steps(census):
    target, row = census.target, census.data.x[:1]
    before = target.queries_here
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(copy_context().run, target.labels, row) for _ in range(40)]:
            done.result()
    assert target.queries_here == before + 40


def test_many_threads_lose_no_row(census):
    target, row = census.target, census.data.x[:1]
    before = target.queries
    threads = [threading.Thread(target=lambda: [target.labels(row) for _ in range(200)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert target.queries == before + 8 * 200
