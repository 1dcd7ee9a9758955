"""The queue of a window: order, cancel, what waits, and what it says of when; with a clock of our own."""

import pytest

from tiltyard.errors import Problem
from tiltyard.progress import Report
from tiltyard_widgets.panels.work import Queue, Work, ordinal


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """A queue whose works begin and end when the test says so."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.queue = Queue(self.clock)
        self.said: list[str] = []

    def ask(self, title: str, expected: float | None = None) -> Work:
        work = Work(title, expected=expected)
        begin = lambda: (self.said.append(f"begin {title}"), lambda: self.said.append(f"stop {title}"))[1]  # noqa: E731
        return self.queue.add(work, begin, lambda: self.said.append(f"drop {title}"))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_one_runs_and_the_others_wait_in_their_order(bench):
    a, b, c = (bench.ask(title) for title in "abc")
    assert (bench.queue.running, bench.queue.waiting) == (a, [b, c])
    bench.queue.end(a, "1 passed")
    assert (bench.queue.running, bench.queue.waiting) == (b, [c])
    assert (a.state, a.ending, bench.queue.past) == ("ended", "1 passed", [a])
    assert bench.said == ["begin a", "begin b"]


def test_one_that_waits_is_moved_to_the_front_and_taken_out(bench):
    a, b, c = (bench.ask(title) for title in "abc")
    bench.queue.first(c.id)
    assert bench.queue.waiting == [c, b]
    bench.queue.cancel(b.id)
    assert (b.state, bench.queue.waiting, bench.said[-1]) == ("cancelled", [c], "drop b")
    bench.queue.end(a)
    bench.queue.end(c)
    assert bench.said == ["begin a", "drop b", "begin c"]


def test_cancel_stops_what_runs_once_and_the_next_begins_when_it_has_ended(bench):
    a, b = bench.ask("a"), bench.ask("b")
    bench.queue.cancel(a.id)
    bench.queue.cancel(a.id)
    assert bench.said == ["begin a", "stop a"] and a.cancelling and bench.queue.running is a
    bench.queue.end(a, cancelled=True)
    assert (a.state, bench.queue.running) == ("cancelled", b)


def test_when_it_starts_follows_from_what_is_before_it(bench):
    a, b, c = bench.ask("a", 100.0), bench.ask("b", 30.0), bench.ask("c", 5.0)
    assert bench.queue.words(b) == "Queued, 2nd; starts in about 2 min"
    bench.clock.now = 60.0
    assert bench.queue.starts_in(b) == 40 and bench.queue.starts_in(c) == 70
    bench.queue.report(a, Report(0.75, "rows", 20.0, 60.0))
    assert bench.queue.starts_in(b) == 20
    assert bench.queue.words(a) == "" and bench.queue.place(a) == 0


def test_a_time_that_nobody_knows_is_not_invented(bench):
    bench.ask("a")
    assert bench.queue.words(bench.ask("b", 3.0)) == "Queued, 2nd; its start cannot be told yet"


def test_what_cannot_begin_is_refused_at_once_or_fails_when_its_turn_comes(bench):
    def broken() -> None:
        raise Problem("a store", "none", "Open one")

    with pytest.raises(Problem):
        bench.queue.add(Work("x"), broken)
    assert bench.queue.running is None
    a, c = bench.ask("a"), None
    later = bench.queue.add(Work("later"), broken, lambda: bench.said.append("drop later"))
    c = bench.ask("c")
    bench.queue.end(a)
    assert (later.state, later.error) == ("failed", "Expected a store; found none. Open one.")
    assert bench.queue.running is c and "drop later" in bench.said


def test_progress_is_only_of_what_runs_and_is_told(bench):
    heard: list[int] = []
    bench.queue.on_progress(lambda: heard.append(1))
    a, b = bench.ask("a"), bench.ask("b")
    bench.queue.report(b, Report(0.5, "", None, 1.0))
    bench.queue.report(a, Report(0.5, "row 5", 7.0, 7.0))
    assert (b.done, a.done, a.left, len(heard)) == (-1.0, 0.5, 7.0, 1)


def test_only_the_last_of_what_ended_are_kept(bench):
    for i in range(20):
        bench.queue.end(bench.ask(str(i)))
    assert [work.title for work in bench.queue.past[:2]] == ["19", "18"] and len(bench.queue.past) == 12


@pytest.mark.parametrize(("n", "word"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (22, "22nd"), (113, "113th")])
def test_ordinals(n, word):
    assert ordinal(n) == word
