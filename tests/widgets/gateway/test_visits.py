"""When the costly cells of a page run: once no page is on its way, and a page whose kernel was ended is not."""

import asyncio
from typing import Any, cast

import pytest


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
        page = Later()
        for kernel, who, cells in (("gone", "ghost", Later()), ("seen", "ada", page)):
            with visits.coming(who) as coming:
                visits.sent(kernel, cast("Any", cells), coming)
        visits.shown("seen")
        await asyncio.sleep(0.05)
        assert not page.ran.is_set()  # the other is on its way
        alive.remove("gone")
        await asyncio.wait_for(page.ran.wait(), 10)

    asyncio.run(scene())


def opened(visits: Any, kernel: str, who: str, shown: bool = True) -> Later:
    """A page that is sent whole at once, and says that it is shown, or never does."""
    cells = Later()
    with visits.coming(who) as coming:
        visits.sent(kernel, cells, coming)
    if shown:
        visits.shown(kernel)
    return cells


def test_who_lets_a_page_pass_unseen_is_waited_for_once_and_not_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from tiltyard_widgets.gateway import visits as module

    monkeypatch.setattr(module, "UNSEEN", 0.05)

    async def scene() -> None:
        visits = module.Visits(cast("Any", None), 2)
        for n in range(3):
            opened(visits, f"silent {n}", "mallory", shown=False)  # three at a time: one is waited for
        first = opened(visits, "first", "ada")
        await asyncio.sleep(0.01)
        assert not first.ran.is_set()
        await asyncio.wait_for(first.ran.wait(), 10)
        opened(visits, "silent again", "mallory", shown=False)
        second = opened(visits, "second", "ada")
        for _ in range(10):
            await asyncio.sleep(0)
        assert second.ran.is_set()  # at once
        monkeypatch.setattr(module, "AGAIN", 0.0)
        opened(visits, "silent, much later", "mallory", shown=False)
        third = opened(visits, "third", "ada")
        for _ in range(10):
            await asyncio.sleep(0)
        assert not third.ran.is_set()

    asyncio.run(scene())


def test_who_opens_page_upon_page_is_waited_for_once_by_each_cell() -> None:
    from tiltyard_widgets.gateway.visits import Visits

    async def scene() -> None:
        visits = Visits(cast("Any", None), 2)
        reloading = visits.coming("mallory")
        reloading.__enter__()
        page = opened(visits, "page", "ada")
        await asyncio.sleep(0.01)
        assert not page.ran.is_set()
        reloading.__exit__(None, None, None)
        with visits.coming("mallory"):  # before anybody has heard that the first is over
            await asyncio.wait_for(page.ran.wait(), 2)

    asyncio.run(scene())


def test_all_others_together_keep_a_cell_waiting_no_longer_than_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from tiltyard_widgets.gateway import visits as module

    assert module.UNSEEN <= module.LONGEST <= 6  # s, of a sample that others have to wait for
    monkeypatch.setattr(module, "LONGEST", 0.05)

    async def scene() -> None:
        visits = module.Visits(cast("Any", None), 2)
        with visits.coming("mallory"), visits.coming("trudy"):
            page = opened(visits, "page", "ada")
            await asyncio.wait_for(page.ran.wait(), 10)

    asyncio.run(scene())
