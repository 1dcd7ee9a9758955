"""What one person sees of the store."""

from tiltyard.access.person import Person
from tiltyard.store.store import Store

from .events import Watch

WAIT = 2_000  # milliseconds for another program's lock: long enough for a page


class Desk:
    """A person's store, and the watch that looks for news in it while they listen."""

    def __init__(self, place: str | None, person: Person) -> None:
        self.store = Store(place, WAIT, person, makes=False)  # looking makes none, not even one that was there a moment ago
        self.watch = Watch(self.store)
