"""Who starts when: so many at once, each person's first before anybody's second, and everybody is told their place."""

import asyncio

from tiltyard_widgets.gateway.turns import Turns


class Queue:
    """People who ask for turns, who has one, and what each was told."""

    def __init__(self, at_once: int) -> None:
        self.turns = Turns(at_once)
        self.order: list[str] = []
        self.most = self.now = 0
        self.told: dict[str, list[tuple[int, int]]] = {}

    async def one(self, who: str, name: str) -> None:
        async def tell(place: int, of: int) -> None:
            self.told.setdefault(name, []).append((place, of))

        async with self.turns.turn(who, tell):
            self.order.append(name)
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0)
            self.now -= 1


def test_so_many_at_once_and_all_in_the_end() -> None:
    async def scene() -> None:
        queue = Queue(2)
        await asyncio.gather(*[queue.one(f"p{n}", f"p{n}") for n in range(8)])
        assert queue.order == [f"p{n}" for n in range(8)]
        assert (queue.most, queue.turns.busy) == (2, 0)
        places = [place for place, _ in queue.told["p7"]]
        assert len(places) > 1 and places == sorted(places, reverse=True)
        assert "p0" not in queue.told

    asyncio.run(scene())


def test_one_with_many_pages_does_not_keep_another_waiting() -> None:
    async def scene() -> None:
        queue = Queue(1)
        crowd = [asyncio.ensure_future(queue.one("eve", f"eve{n}")) for n in range(10)]
        await asyncio.sleep(0)
        await asyncio.gather(queue.one("ada", "ada"), *crowd)
        assert queue.order.index("ada") <= 2

    asyncio.run(scene())


def test_one_that_gives_up_leaves_no_gap() -> None:
    async def scene() -> None:
        queue = Queue(1)
        async with queue.turns.turn("held", lambda place, of: asyncio.sleep(0)):
            gone = asyncio.ensure_future(queue.one("bo", "bo"))
            stays = asyncio.ensure_future(queue.one("cy", "cy"))
            for _ in range(5):
                await asyncio.sleep(0)
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
        await stays
        assert queue.order == ["cy"]
        assert queue.turns.busy == 0

    asyncio.run(scene())


def test_whoever_leaves_at_any_moment_keeps_no_turn() -> None:
    async def scene(steps: int) -> None:
        queue = Queue(1)
        people = [asyncio.ensure_future(queue.one(name, name)) for name in "abcdef"]
        for _ in range(steps):
            await asyncio.sleep(0)
        for one in people[::2]:
            one.cancel()
        await asyncio.wait_for(asyncio.gather(*people, return_exceptions=True), 60)
        await asyncio.wait_for(queue.one("last", "last"), 60)
        assert (queue.turns.busy, queue.order[-1]) == (0, "last")

    for steps in range(25):
        asyncio.run(scene(steps))
