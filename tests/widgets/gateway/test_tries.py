"""Floods of the login, by a clock that runs only when nothing else does: hashes and places are counted, not seconds."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from tiltyard_widgets.gateway.tries import AT_ONCE, BY_ADDRESS, CROWDED, IN_ALL, MOST, Crowded, Tries

PAUSE, HASH = 2.0, 0.2
HERE = "127.0.0.1"


class Virtual(asyncio.SelectorEventLoop):
    """A loop whose time leaps to what is due next."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self.now = max(self.now, self._scheduled[0]._when)  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


def run(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=Virtual) as runner:
        runner.run(work)


class Flood:
    """Tries that come one after another, what was hashed in which order, and what was answered when."""

    def __init__(self) -> None:
        self.tries: Tries[str] = Tries(lambda: asyncio.sleep(PAUSE))
        self.hashed: list[int] = []
        self.answers: list[tuple[float, int, str]] = []

    async def one(self, number: int, known: bool = False, right: bool = False, address: str = HERE) -> None:
        async def look() -> str | None:
            self.hashed.append(number)
            await asyncio.sleep(HASH)
            return "in" if right else None

        try:
            said = await self.tries.judged(known, address, look) or "not right"
        except Crowded:
            said = "crowded"
        self.answers.append((round(asyncio.get_running_loop().time(), 3), number, said))

    def said(self, number: int) -> tuple[float, str]:
        return next((when, said) for when, who, said in self.answers if who == number)


@pytest.mark.parametrize("before", [0, 3, 20, 150, 400])
def test_a_flood_neither_delays_a_real_login_nor_costs_more_than_a_few_hashes(before: int) -> None:
    """150 made-up names from the same address once took 150 hashes, and the real login came after them."""

    async def scene() -> None:
        flood = Flood()
        await asyncio.gather(*[flood.one(n) for n in range(before)], flood.one(999, known=True, right=True))
        assert flood.hashed.index(999) <= AT_ONCE
        assert flood.said(999)[1] == "in"
        assert flood.said(999)[0] <= 2 * HASH
        assert len(flood.hashed) <= AT_ONCE + BY_ADDRESS + CROWDED + 1

    run(scene())


def test_a_flood_from_many_addresses_neither() -> None:
    async def scene() -> None:
        flood = Flood()
        await asyncio.gather(*[flood.one(n, address=f"10.0.0.{n}") for n in range(200)], flood.one(999, known=True, right=True))
        assert flood.hashed.index(999) <= AT_ONCE
        assert len(flood.hashed) <= AT_ONCE + IN_ALL + CROWDED + 1
        assert flood.said(999)[1] == "in"

    run(scene())


def test_one_address_cannot_take_the_places_of_another() -> None:
    async def scene() -> None:
        flood = Flood()
        await asyncio.gather(*[flood.one(n, address="10.0.0.1") for n in range(100)], flood.one(999, address="10.0.0.2"))
        assert flood.said(999)[1] == "not right"
        assert [said for _, n, said in flood.answers if n < BY_ADDRESS] == ["not right"] * BY_ADDRESS
        assert [said for _, n, said in flood.answers if BY_ADDRESS <= n < 100] == ["crowded"] * (100 - BY_ADDRESS)

    run(scene())


def _seen(known: bool, where: int, size: int, addresses: Sequence[str]) -> list[tuple[float, int, str]]:
    found: list[tuple[float, int, str]] = []

    async def scene() -> None:
        flood = Flood()

        async def later(number: int) -> None:
            await asyncio.sleep(0.01 * number)
            await flood.one(number, known=known and number == where, address=addresses[number % len(addresses)])

        await asyncio.gather(*map(later, range(size)))
        found.extend(flood.answers)

    run(scene())
    return found


@pytest.mark.parametrize("addresses", [[HERE], ["10.0.0.1", "10.0.0.2", "10.0.0.3"]])
@pytest.mark.parametrize(("where", "size"), [(0, 1), (2, 6), (5, 6), (8, 12), (12, 30), (29, 30), (140, 150)])
def test_a_name_that_is_there_is_refused_at_the_same_time_in_the_same_words(where: int, size: int, addresses: list[str]) -> None:
    """Its place in the line is another; when and what is answered, to it and to all others, is not."""
    assert _seen(True, where, size, addresses) == _seen(False, where, size, addresses)


def test_a_crowd_beyond_all_measure_is_sent_away_at_once() -> None:
    async def scene() -> None:
        flood = Flood()
        await asyncio.gather(*[flood.one(n) for n in range(MOST + 50)])
        assert sum(when == 0 for when, _, said in flood.answers if said == "crowded") == 50
        assert flood.tries._pending == flood.tries._waiting == []

    run(scene())


def test_what_breaks_in_a_hash_breaks_that_try_alone() -> None:
    async def scene() -> None:
        flood = Flood()

        async def broken() -> str | None:
            raise OSError

        with pytest.raises(OSError):
            await flood.tries.judged(True, HERE, broken)
        await flood.one(1, known=True, right=True)
        assert flood.said(1)[1] == "in"

    run(scene())
