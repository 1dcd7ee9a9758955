"""When the costly cells of a page run: once no page is on its way, and a page whose kernel was ended is not."""

import asyncio
from typing import Any, cast


class Later:
    """The cells of a page."""

    def __init__(self) -> None:
        self.ran, self.closed = asyncio.Event(), False

    async def run_later(self) -> None:
        self.ran.set()

    async def close(self) -> None:
        self.closed = True


def test_a_page_that_ended_before_it_was_shown_keeps_nobody_waiting() -> None:
    from tiltyard_widgets.gateway.visits import Visits

    async def scene() -> None:
        alive = {"gone", "seen"}
        visits = Visits(cast("Any", None), 2, alive.__contains__)
        ghost, page = Later(), Later()
        visits.sent("gone", cast("Any", ghost))
        visits.sent("seen", cast("Any", page))
        visits.shown("seen")
        await asyncio.sleep(0.05)
        assert not page.ran.is_set()  # the other is on its way
        alive.remove("gone")
        await asyncio.wait_for(page.ran.wait(), 10)  # where it counted as on its way for 20 s

    asyncio.run(scene())
