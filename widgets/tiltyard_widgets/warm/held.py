"""What the warm parent holds for all pages beside the sample: the models and data that the app offers, and what they answer to their own rows."""

import ctypes
import logging
import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress

from tiltyard.access.offers import offers

PATIENCE = 100.0  # s for one of them to be opened on trial
PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
MOST_WORDS = 2000  # bytes of why it could not
log = logging.getLogger("tiltyard")


def hold_offers(unfit: Callable[[], str]) -> None:
    """Open all that is offered, as far as no kernel is the worse for it.

    The data are read in a child, for that leaves threads behind, and come over in a file that is mapped. The model is opened in another child
    first: a library that starts threads, or a crash, ends that child and not the parent. What cannot be held is left to each page that asks
    for it, and a line says why.
    """
    for name in offers():
        if reason := _held(name, unfit):
            log.warning("%s is offered, and each page that asks for it opens it for itself: %s", name, reason)


def _held(name: str, unfit: Callable[[], str]) -> str:
    """Hold it; why it is not, as a clause, or nothing."""
    from tiltyard.assessment.offers import hold, rows_of
    from tiltyard.datasets.handed_over import hand_over, taken_over
    from tiltyard.datasets.mapped import nameless

    with nameless() as file:
        if reason := tried(lambda: hand_over(rows_of(name), file), lambda: ""):
            return reason
        rows = taken_over(file)
    reason = tried(lambda: hold(name, rows), unfit)
    if not reason:
        hold(name, rows)
    return reason


def tried(act: Callable[[], object], unfit: Callable[[], str], patience: float = PATIENCE) -> str:
    """Why this process had better not do ``act``, as a clause, by a child that does; nothing where all is well."""
    ours, theirs = os.pipe()
    if (pid := os.fork()) == 0:
        os.close(ours)
        _try(act, unfit, theirs)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        return _heard(pid, pipe.fileno(), patience)


def _try(act: Callable[[], object], unfit: Callable[[], str], pipe: int) -> None:
    reason = "it did not end as it should"
    try:
        _end_with_parent()
        act()
        reason = unfit()
    except Exception as error:
        reason = str(error) or type(error).__name__
    finally:
        with suppress(OSError):
            os.write(pipe, b"=" + reason.encode(errors="replace")[:MOST_WORDS])
        os._exit(0)


def _end_with_parent() -> None:
    """However it ends: a trial that hangs must not outlive whoever waits for it."""
    ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _heard(pid: int, pipe: int, patience: float) -> str:
    ready, _, _ = select.select([pipe], [], [], patience)
    words = os.read(pipe, MOST_WORDS + 1) if ready else b""
    if not ready:
        os.kill(pid, signal.SIGKILL)
    _, how = os.waitpid(pid, 0)
    if words:
        return words[1:].decode(errors="replace")
    return (
        f"opening it takes more than {patience:.0f} s" if not ready else f"opening it ended the process ({os.waitstatus_to_exitcode(how)})"
    )


def answered() -> Iterator[None]:
    """Ask each model that is held its own rows, some at each step, so that no page asks them again."""
    from tiltyard.assessment.offers import held as held_offers
    from tiltyard.samples.catalog import held as held_samples
    from tiltyard.targets.asked_for_all import asked

    for target, data in (*held_samples(), *held_offers()):
        with suppress(Exception):  # what a model does not answer here it does not answer a page either, which says so
            for known in asked(target, data.x):
                target.known_answers = known
                yield
