"""How long a kernel lives: while somebody uses its page, or its work goes on."""

from contextlib import suppress
from dataclasses import dataclass, field

import psutil

USED = 0.05  # of one core over a look: more than a kernel spends on waiting


@dataclass(frozen=True)
class Terms:
    """After how many seconds a kernel ends.

    ``gone``: no browser is connected and nothing works; a page tries for two minutes to connect again; who comes later opens it anew, with what was finished in the history.
    ``idle``: a browser is connected, nobody clicks and nothing works; ``warning`` before that its page shows when it ends.
    ``longest``: no browser is connected, whatever works.
    """

    gone: float
    idle: float
    warning: float
    longest: float


@dataclass
class Life:
    """What is known of one kernel: when somebody last clicked, when its last browser left, when it last worked."""

    born: float
    connected: int = 0
    clicked: float = field(init=False)
    left: float = field(init=False)
    worked: float = field(init=False)
    spent: float = 0.0
    looked: float = field(init=False)

    def __post_init__(self) -> None:
        self.clicked = self.left = self.worked = self.looked = self.born

    def joined(self, now: float) -> None:
        """A browser connected."""
        self.connected += 1
        self.clicked = now

    def parted(self, now: float) -> None:
        """A browser left."""
        self.connected = max(0, self.connected - 1)
        self.left = now

    def look(self, now: float, spent: float, quiet: float) -> None:
        """Does it work? Then the CPU seconds that it and all below it have ``spent`` grow, or it put something out since the last look."""
        if spent - self.spent > USED * (now - self.looked) or quiet < now - self.looked:
            self.worked = now
        self.spent, self.looked = spent, now

    def ends(self, terms: Terms) -> float:
        """When it ends if nothing happens meanwhile, by the same clock."""
        if self.connected:
            return max(self.clicked, self.worked) + terms.idle
        return min(max(self.left, self.worked) + terms.gone, self.left + terms.longest)

    def away(self, terms: Terms, now: float) -> bool:
        """Will its last browser never come back?"""
        return not self.connected and now > self.left + terms.gone


def spent(pid: int) -> float:
    """CPU seconds of a process and of all below it; 0 for one that is gone."""
    total = 0.0
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
    return total
