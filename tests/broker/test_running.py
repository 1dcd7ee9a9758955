"""The queue before a shared machine's workers, by a clock that is set by hand."""

import pytest

from tiltyard.broker.running import LATE, LONGEST, OVERDUE, SETTLE, STALE, Lanes, Place, Running


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_so_many_run_and_each_who_waits_is_told_place_and_time() -> None:
    clock = Clock()
    queue = Running(2, clock)
    assert queue.ask("a", "ada", 100.0).place == queue.ask("b", "bob", 60.0).place == 0
    clock.now = 10.0
    assert queue.ask("c", "cem", 30.0) == Place(1, 1, 50.0)  # after Bob's
    assert queue.ask("d", "dee", 30.0) == Place(2, 2, 80.0)  # after Cem's, which ends before Ada's
    clock.now = 20.0
    queue.leave("b")
    assert queue.ask("c", "cem", 30.0).place == 0
    assert queue.ask("d", "dee", 30.0) == Place(1, 1, 30.0)


def test_after_a_restart_those_who_hold_a_worker_are_counted_before_any_is_given_out() -> None:
    clock = Clock()
    queue = Running(1, clock)
    queue.settle()
    assert queue.ask("new", "cem", 10.0).place == 1  # comes before those who hold one have said so
    clock.now = SETTLE / 2
    assert [queue.ask(id, id, 60.0, holds=True).place for id in ("ada", "bob")] == [0, 0]  # both run already, though one may
    clock.now = SETTLE + 1.0
    assert queue.ask("new", "cem", 10.0).place == 1
    queue.leave("ada")
    assert queue.ask("new", "cem", 10.0).place == 1
    queue.leave("bob")
    assert queue.ask("new", "cem", 10.0).place == 0


def test_what_takes_longer_than_expected_has_no_time() -> None:
    clock = Clock()
    queue = Running(1, clock)
    queue.ask("a", "ada", 10.0)
    clock.now = 11.0
    assert queue.ask("b", "bob", 10.0) == Place(1, 1, None)


def worked(people: dict[str, tuple[int, float]], until: float, workers: int = 1) -> dict[str, float]:
    """Seconds of work that each had by then, where each has so many pages that ask for one check of so many seconds after the other."""
    clock, had = Clock(), dict.fromkeys(people, 0.0)
    queue = Running(workers, clock)
    waiting = [(f"{who} {n}", who, seconds) for who, (pages, seconds) in people.items() for n in range(pages)]
    running: list[tuple[float, str, str, float]] = []
    while clock.now < until:
        for id, who, seconds in list(waiting):
            if not queue.ask(id, who, seconds).place:
                waiting.remove((id, who, seconds))
                running.append((clock.now + seconds, id, who, seconds))
        clock.now += 1.0
        for ended in [one for one in running if one[0] <= clock.now]:
            running.remove(ended)
            queue.leave(ended[1])
            had[ended[2]] += ended[3]
            waiting.append(ended[1:])
    return had


def test_a_person_with_nine_pages_has_no_more_than_one_with_one() -> None:
    had = worked({"ada": (9, 20.0), "bob": (1, 20.0)}, 4000.0)
    assert abs(had["ada"] - had["bob"]) <= 20.0


def test_a_person_with_long_checks_has_no_more_than_one_with_short_ones() -> None:
    had = worked({"ada": (3, 100.0), "bob": (3, 10.0), "cem": (3, 30.0)}, 9000.0)
    assert max(had.values()) - min(had.values()) <= 100.0


def test_workers_are_shared_among_people_first() -> None:
    had = worked({"ada": (9, 20.0), "bob": (1, 20.0), "cem": (1, 20.0)}, 4000.0, workers=3)
    assert abs(had["ada"] - had["bob"]) <= 60.0 and abs(had["cem"] - had["bob"]) <= 20.0  # she was there a moment earlier, on all three


def test_who_comes_later_neither_waits_for_what_others_had_nor_saved_up_turns() -> None:
    clock = Clock()
    queue = Running(1, clock)
    for turn in range(10):
        queue.ask(f"a{turn}", "ada", 100.0)
        queue.ask(f"a{turn + 1}", "ada", 100.0)
        clock.now += 100.0
        queue.leave(f"a{turn}")
    queue.ask("a10", "ada", 100.0)
    for n in range(3):
        queue.ask(f"b{n}", "bob", 100.0)
    queue.ask("a11", "ada", 100.0)
    order = []
    for _ in range(4):
        for _ in range(5):
            clock.now += 20.0
            for id in list(queue._asked):
                queue.ask(id, {"a": "ada", "b": "bob"}[id[0]], 100.0)
        running = next(id for id in ("a10", "a11", "b0", "b1", "b2") if id in queue._asked and queue._asked[id].begun is not None)
        order.append(running)
        queue.leave(running)
    assert order == ["a10", "b0", "b1", "a11"]


def test_one_that_no_longer_asks_has_given_up() -> None:
    clock = Clock()
    queue = Running(1, clock)
    queue.ask("a", "ada", 10.0)
    queue.ask("b", "bob", 10.0)
    clock.now = STALE + 1
    assert queue.ask("c", "cem", 10.0).place == 1
    queue.leave("a")
    assert queue.ask("c", "cem", 10.0).place == 0


def test_a_check_of_seconds_does_not_wait_for_one_of_minutes() -> None:
    lanes = Lanes(1)
    assert [lanes.ask(id, "ada", seconds).place for id, seconds in (("a", 600.0), ("b", 600.0), ("c", 2.0))] == [0, 1, 0]
    lanes.leave("a")
    assert lanes.ask("b", "ada", 600.0).place == 0


def test_who_says_that_each_takes_no_time_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither among the quick nor, once they are not, among the long."""
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    clock = Clock()
    lanes = Lanes(1, clock)
    assert [lanes.ask(f"a{n}", "ada", 0.0).place for n in range(3)] == [0, 1, 2]
    assert lanes.ask("b", "bob", 2.0).place
    clock.now = LATE + 1.0
    assert lanes.ask("a0", "ada", 0.0, holds=True).place == 0  # it holds what it had, and is counted once
    assert lanes.ask("b", "bob", 2.0).place == 0
    lanes.leave("b")
    assert lanes.ask("c", "cem", 100.0).place == 1
    clock.now = OVERDUE + 1.0
    assert lanes.ask("c", "cem", 100.0).place == 0
    assert lanes.ask("a long one", "ada", 100.0).place == 1  # for herself it counts


def test_who_never_gives_a_worker_back_keeps_others_waiting_for_so_long_alone() -> None:
    clock = Clock()
    queue = Running(1, clock)
    queue.ask("a", "ada", 1e300)
    clock.now = 2 * LONGEST
    assert queue.ask("b", "bob", 60.0).place == 1
    clock.now += 1.0
    assert queue.ask("b", "bob", 60.0).place == 0
    assert queue.ask("c", "cem", 60.0).place == 1  # Bob's counts


def test_the_place_of_one_among_thousands_is_found_at_once() -> None:
    """By how many times people are compared: as often as there are checks, and people."""
    compared: list[str] = []

    class Had(dict[str, float]):
        def get(self, who: str, default: float = 0.0) -> float:  # type: ignore[override]
            compared.append(who)
            return super().get(who, default)

    queue = Running(1, Clock())
    for n in range(30):
        queue.ask(f"{n}", "ada" if n % 2 else "bob", 60.0)
    queue._had = Had(queue._had)
    queue.ask("last", "cem", 60.0)
    assert len(compared) < 5 * 30
