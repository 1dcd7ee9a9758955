"""The last few things that were made of a value, found again by the value's identity: for values that are slow to compare."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

Made = TypeVar("Made")
KEPT = 32


class Remembered(Generic[Made]):
    """What ``make`` made of each of the last `KEPT` tuples it was asked for; a tuple is kept with it, so that its identity stays its own."""

    def __init__(self, make: Callable[[Any], Made]) -> None:
        self.make = make
        self._held: OrderedDict[int, tuple[Any, Made]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, value: tuple[Any, ...]) -> Made:
        """What was made of this very tuple, or is made now."""
        with self._lock:
            if id(value) in self._held:
                self._held.move_to_end(id(value))
                return self._held[id(value)][1]
        made = self.make(value)
        with self._lock:
            self._held[id(value)] = (value, made)
            while len(self._held) > KEPT:
                self._held.popitem(last=False)
        return made
