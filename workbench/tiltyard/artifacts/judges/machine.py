"""The pickle machine on abstract values: strings, whole numbers, imports and short tuples are kept, all else is opaque."""

from collections.abc import Callable
from typing import Any

from ..layers import TooDeep, layers
from ..words import LONGEST, program_in
from . import arguments
from .bound import bound, is_getattr
from .traces import traces
from .trust import REACHING_WORDS
from .values import Data, Holder, Import, Made, Malformed, Odd, Stored, TooLarge, Walk, shown

OPAQUE = object()
LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_LONGEST_NAME = 4096
_FREE_MEMO = 1 << 16
_MOST_NAMED = 100_000
_HEAVIEST = 20_000_000


class Machine:
    """One run over the opcodes of one pickle, writing what it meets into ``walk``.

    ``inside`` is given each byte string that begins like a pickle, and its position; ``array`` each wrapper by which joblib
    announces an array whose bytes follow in the stream; ``storage`` says of torch's old format which storage it is alone, ``runs`` whether bytes are a pickle with imports.
    """

    def __init__(
        self,
        walk: Walk,
        held: int,
        inside: Callable[[bytes, int], None],
        array: Callable[[Made, int], None],
        storage: Callable[[bytes], Stored | None],
        runs: Callable[[bytes], bool],
    ) -> None:
        self.walk = walk
        self.storage = storage
        self.runs = runs
        self.array = array
        self.shared = 0
        self.held = held
        self.inside = inside
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.frame_end: int | None = None

    def frame(self, name: str, arg: Any, position: int) -> None:
        """A frame must end where an opcode does.

        The C unpickler drops what is left of a frame when a read goes over its end, so from there on
        it sees other opcodes than we do (found by comparing the two on random pickles).
        """
        end = self.frame_end
        if end is not None and position >= end:
            if position > end:
                self.odd(position, "an opcode over the end of a frame", hidden=True)
            self.frame_end = end = None
        if name == "FRAME":
            if end is not None:
                self.odd(position, "a frame inside a frame", hidden=True)
            self.frame_end = position + 9 + int(arg)
        elif name == "STOP" and end is not None and end != position + 1:
            self.odd(position, "a frame that goes on after the end", hidden=True)

    def pop(self) -> Any:
        if not self.stack:
            raise Malformed("stack underflow")
        return self.stack.pop()

    def top(self) -> Any:
        if not self.stack:
            raise Malformed("stack underflow")
        return self.stack[-1]

    def pop_mark(self) -> list[Any]:
        if not self.marks:
            raise Malformed("no mark on the stack")
        items, self.stack = self.stack, self.marks.pop()
        return items

    def odd(self, position: int, what: str, hidden: bool = False) -> None:
        if len(self.walk.odd) < 1000:
            self.walk.odd.append(Odd(position, what, hidden))

    def carry(self, position: int, what: str, hidden: bool = False) -> None:
        self.walk.carries = True
        self.odd(position, what, hidden)

    def bring(self, module: str | None, name: str, position: int, opcode: str) -> None:
        found = Import(module, name, position, opcode)
        self.walk.imports.append(found)
        if len(self.walk.imports) > _MOST_NAMED:
            raise TooLarge(f"over {_MOST_NAMED:,} imports")
        self.stack.append(found)

    def call(self, callee: Any, args: Any, position: int, how: str) -> None:
        if (given := bound(callee, args)) is not None:
            self.walk.binding.add(callee.position)
            self.stack.append(given)
            return
        if (given := self._loaded(callee, args, position)) is not None:
            self.stack.append(given)
            return
        if is_getattr(callee):
            self.walk.reaching.add(callee.position)
        if isinstance(callee, Import):
            if len(self.walk.calls) < 10_000:
                self.walk.calls.append((callee, shown(args)))
            if why := arguments.fault(callee, args, how):
                self.odd(position, f"{callee}({shown(args)}): {why}")
        else:
            self.odd(position, "calls something that is not a named import")
        self.stack.append(Made(callee, args))

    def _loaded(self, callee: Any, args: Any, position: int) -> Any:
        """The storage that torch reads from a byte string, which is a file of its own; None of any other call."""
        if not isinstance(callee, Import) or (callee.module, callee.name) != ("torch.storage", "_load_from_bytes"):
            return None
        data = args[0].raw if isinstance(args, tuple) and len(args) == 1 and isinstance(args[0], Data) else None
        found = self.storage(data) if data is not None else None
        if found is None:
            self.carry(position, "a torch file inside a byte string that is more than the numbers of one tensor")
        return found or OPAQUE

    def place(self, holder: Any, value: Any, position: int) -> None:
        """``value`` becomes part of ``holder``."""
        if is_getattr(value):
            self.walk.reaching.add(value.position)
        if (
            isinstance(value, Import)
            and (value.module, value.name) in arguments.ONLY_CALLED
            and not (holder is None and (value.module, value.name) in arguments.PASSED_ON)
        ):
            self.odd(position, f"{value} kept as a value: whoever calls it later gives it other arguments")
        if isinstance(value, Holder | Made):
            value.placed += 1
            self.shared += value.placed > 1
        if isinstance(holder, Holder) and isinstance(value, Holder | Made | tuple):
            holder.inside = [] if holder.inside is None else holder.inside
            holder.inside.append(value)

    def text(self, arg: Any, position: int) -> None:
        text = str(arg)
        if text in REACHING_WORDS:
            self.walk.words.add(text)
        if len(text) > 11:
            self._spoken(text, position)
        self.stack.append(text if len(text) <= _LONGEST_NAME else OPAQUE)
        if text[:1] == "\x80" and text.isascii() is False and max(text) <= "\xff":
            self._inside(text.encode("latin-1"), position)

    def _spoken(self, text: str, position: int) -> None:
        """A text that holds a program, or a pickle in another writing."""
        if what := program_in(text):
            self.odd(position, f"a text with a program in it ({what!r})")
        if text[0] in "c(" and "\n" in text and text.isascii() and self.runs(text.encode()):
            self.carry(position, "a text that is a pickle with imports")
        self._written(text, position, "a text that stands for a pickle with imports")

    def _written(self, start: str | bytes, position: int, what: str) -> None:
        """Another writing of a pickle with imports, or one that is followed no further."""
        try:
            if any(self.runs(one) or traces(one) for one in layers(start)):
                self.carry(position, what)
        except TooDeep:
            self.carry(position, "writings under writings, too deep to follow")

    def data(self, data: Any, position: int) -> None:
        self.stack.append(Data(len(data), bytes(data) if data.startswith(LEGACY) else None))
        self._inside(data, position)

    def _inside(self, data: bytes | bytearray, position: int) -> None:
        """Look for a pickle or an archive in a byte string, which something may unpickle in turn."""
        if data[:4] == b"PK\x03\x04":
            self.carry(position, "a zip archive inside a byte string")
        if len(data) >= 4 and data[:1] in b"\x80c(":
            self.inside(bytes(data), position)
        elif 16 <= len(data) <= LONGEST:
            self._hidden(bytes(data), position)

    def _hidden(self, data: bytes, position: int) -> None:
        """A pickle with imports that is packed, or does not stand at the beginning."""
        if traces(data):
            self.carry(position, "bytes that hold a pickle with imports")
        elif data.isascii():
            self._spoken(data.decode("ascii"), position)
        else:
            self._written(data, position, "bytes that hold a pickle with imports")
