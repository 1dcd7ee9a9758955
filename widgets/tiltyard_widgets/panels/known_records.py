"""What is known of a window's target and data: the store's records of them, over all runs, and this window's own that no store keeps."""

from typing import TYPE_CHECKING, NamedTuple

from tiltyard.result import Identity, Record

if TYPE_CHECKING:
    from tiltyard.store.known import Kept, Known
    from tiltyard.store.store import Store


class Asked(NamedTuple):
    """Of which target and data, by their fingerprints."""

    target: str
    data: str


class News(NamedTuple):
    """What the store says of ``asked``, at its ``mark``."""

    asked: Asked
    mark: str
    known: "Known"


class KnownRecords:
    """The records that a session's standing is made of.

    The store's are read when a target and data are taken, and again where another window or a shell wrote; the window's own are held
    until the store has them.
    """

    def __init__(self, store: "Store | None") -> None:
        self.store = store
        self.broken: tuple[str, ...] = ()
        self._asked: Asked | None = None
        self._mark = ""
        self._kept: tuple[Kept, ...] = ()
        self._texts: dict[str, Record] = {}
        self._own: dict[str, Record] = {}
        self._found: list[Record] | None = None
        self._of: tuple[Identity, Identity] | None = None

    def turn(self, target: Identity | None, data: Identity | None) -> None:
        """Take the records of another target and data; a `Problem` where the store cannot be read, and then the window's own count."""
        self._of = (target, data) if target is not None and data is not None else None
        self._asked = Asked(target.fingerprint, data.fingerprint) if target is not None and data is not None else None
        self._mark, self._kept, self._texts, self.broken, self._found = "", (), {}, (), None
        if (news := self.news()) is not None:
            self.take(news)

    def news(self) -> News | None:
        """What the store has now; None where nothing was written since. Reads alone, so any thread may ask."""
        asked = self._asked
        if self.store is None or asked is None:
            return None
        mark = self.store.mark_of(asked.target, asked.data)
        if mark == self._mark:
            return None
        return News(asked, mark, self.store.known(asked.target, asked.data, have=tuple(self._texts)))

    def take(self, news: News) -> bool:
        """Take over what was read; False where target or data are others by now."""
        if news.asked != self._asked:
            return False
        self._mark, self._kept, self.broken, self._found = news.mark, news.known.kept, news.known.broken, None
        tokens = {one.token for one in self._kept}
        self._texts = {token: record for token, record in {**self._texts, **news.known.records}.items() if token in tokens}
        for record in self._texts.values():
            self._own.pop(record.id, None)
        return True

    def add(self, record: Record) -> None:
        """A record that was made in this window, or that it was given."""
        self._own[record.id] = record
        self._found = None

    @property
    def records(self) -> list[Record]:
        """Of the present target and data, in the order in which they were started. The same list until something changes."""
        if self._found is None:
            self._found = sorted(self._mine(), key=lambda record: record.started)
        return self._found

    def _mine(self) -> list[Record]:
        from tiltyard.assessment.standing import concerns

        if self._of is None:
            return []
        target, data = self._of
        stored = [self._texts[one.token] for one in self._kept if one.token in self._texts]
        known = {record.id for record in stored}
        every = [*stored, *(record for record in self._own.values() if record.id not in known)]
        return [record for record in every if concerns(record, target, data)]

    def runs(self) -> dict[str, str]:
        """The run of each of the store's records, by the record's id."""
        return {self._texts[one.token].id: one.run for one in self._kept if one.token in self._texts}
