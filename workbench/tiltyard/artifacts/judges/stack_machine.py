"""The pickle machine on abstract values: strings, whole numbers, imports and short tuples are kept, all else is opaque."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Import:
    """A global that the pickle names. ``module`` is None where the name is built at load time and cannot be told."""

    module: str | None
    name: str
    position: int
    opcode: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}" if self.module is not None else "(a name built at load time)"


@dataclass(frozen=True)
class Odd:
    """Something no plain file of tensors or numbers does; ``hidden`` where it could stand for any import."""

    position: int
    what: str
    hidden: bool = False


@dataclass
class Walk:
    """What one pickle holds. ``error`` is empty when STOP was reached; ``end`` is the offset after it.

    ``limited``: our own bound ended the walk, the real machine would go on. ``first``: the whole
    number the pickle is, if it is one.
    """

    start: int
    end: int = 0
    ops: int = 0
    imports: list[Import] = field(default_factory=list)
    calls: list[tuple[Import, str]] = field(default_factory=list)
    odd: list[Odd] = field(default_factory=list)
    persistent: list[tuple[Any, ...]] = field(default_factory=list)
    nested: list["Walk"] = field(default_factory=list)
    first: int | None = None
    error: str = ""
    limited: bool = False

    @property
    def complete(self) -> bool:
        return not self.error

    def everything(self) -> Iterator["Walk"]:
        """This walk and those of pickles found in its byte strings."""
        yield self
        for inner in self.nested:
            yield from inner.everything()


class Malformed(Exception):
    """The pickle machine would stop here with an error."""


class TooLarge(Exception):
    """A bound of `Limits` was reached: nothing is claimed about the rest."""


OPAQUE = object()
MADE = object()
_LONGEST_NAME = 4096
_LARGEST_MEMO = 1 << 24
_MOST_NAMED = 100_000


class Machine:
    """One run over the opcodes of one pickle, writing what it meets into ``walk``.

    ``inside`` is given each byte string that begins like a pickle, and its position.
    """

    def __init__(self, walk: Walk, held: int, inside: Callable[[bytes, int], None]) -> None:
        self.walk = walk
        self.held = held
        self.inside = inside
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.frame_end: int | None = None

    def step(self, name: str, arg: Any, position: int) -> None:
        """Take one opcode, its argument and the offset where it starts."""
        if self.frame_end is not None or name == "FRAME":
            self._frame(name, arg, position)
        handler = _HANDLERS.get(name)
        if handler is None:
            raise Malformed(f"opcode {name} is not known to this reader")
        handler(self, arg, position)
        if len(self.stack) + len(self.memo) + len(self.marks) > self.held:
            raise TooLarge(f"over {self.held:,} values held at once")

    def _frame(self, name: str, arg: Any, position: int) -> None:
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

    def bring(self, module: str | None, name: str, position: int, opcode: str) -> None:
        found = Import(module, name, position, opcode)
        self.walk.imports.append(found)
        if len(self.walk.imports) > _MOST_NAMED:
            raise TooLarge(f"over {_MOST_NAMED:,} imports")
        self.stack.append(found)

    def call(self, callee: Any, args: Any, position: int) -> None:
        if isinstance(callee, Import):
            if len(self.walk.calls) < 10_000:
                self.walk.calls.append((callee, _shown(args)))
        else:
            self.odd(position, "calls something that is not a named import")
        self.stack.append(MADE)

    def text(self, arg: Any, position: int) -> None:
        text = str(arg)
        self.stack.append(text if len(text) <= _LONGEST_NAME else OPAQUE)
        if text[:1] == "\x80" and text.isascii() is False and max(text) <= "\xff":
            self._inside(text.encode("latin-1"), position)

    def data(self, data: Any, position: int) -> None:
        self.stack.append(OPAQUE)
        self._inside(data, position)

    def _inside(self, data: bytes | bytearray, position: int) -> None:
        """Look for a pickle or an archive in a byte string, which something may unpickle in turn."""
        if data[:4] == b"PK\x03\x04":
            self.odd(position, "a zip archive inside a byte string")
        if len(data) >= 4 and data[:1] in b"\x80c(":
            self.inside(bytes(data), position)


def _shown(args: Any) -> str:
    if not isinstance(args, tuple):
        return "…"
    parts = [repr(a)[:60] if isinstance(a, str | int) else str(a) if isinstance(a, Import) else "…" for a in args[:4]]
    return ", ".join(parts) + (", …" if len(args) > 4 else "")


def _number(m: Machine, arg: Any, position: int) -> None:
    m.stack.append(arg if type(arg) is int and abs(arg) < 1 << 128 else OPAQUE)


def _plain(m: Machine, arg: Any, position: int) -> None:
    m.stack.append(OPAQUE)


def _none(m: Machine, arg: Any, position: int) -> None:
    m.stack.append(None)


def _split(arg: str) -> tuple[str | None, str]:
    """GLOBAL and INST join module and name by one space; with more than one it could mean two things."""
    module, _, name = arg.partition(" ")
    return (module, name) if " " not in name else (None, arg)


def _global(m: Machine, arg: Any, position: int) -> None:
    module, name = _split(arg)
    m.bring(module, name, position, "GLOBAL")


def _stack_global(m: Machine, arg: Any, position: int) -> None:
    name, module = m.pop(), m.pop()
    known = isinstance(name, str) and isinstance(module, str)
    m.bring(module if known else None, name if known else "", position, "STACK_GLOBAL")


def _inst(m: Machine, arg: Any, position: int) -> None:
    args = m.pop_mark()
    module, name = _split(arg)
    m.bring(module, name, position, "INST")
    m.call(m.pop(), tuple(args), position)


def _obj(m: Machine, arg: Any, position: int) -> None:
    args = m.pop_mark()
    if not args:
        raise Malformed("stack underflow")
    m.call(args[0], tuple(args[1:]), position)


def _reduce(m: Machine, arg: Any, position: int) -> None:
    args = m.pop()
    m.call(m.pop(), args, position)


def _newobj_ex(m: Machine, arg: Any, position: int) -> None:
    m.pop()
    _reduce(m, arg, position)


def _extension(m: Machine, arg: Any, position: int) -> None:
    m.odd(position, f"extension code {arg}: an import that only the reader's registry names", hidden=True)
    m.stack.append(OPAQUE)


def _changed(m: Machine, target: Any, position: int, how: str) -> None:
    if isinstance(target, Import):
        m.odd(position, f"{how} on {target} itself, which would change it for the whole program", hidden=True)


def _build(m: Machine, arg: Any, position: int) -> None:
    m.pop()
    target = m.top()
    _changed(m, target, position, "sets attributes")
    if target is not MADE and not isinstance(target, Import):
        m.odd(position, "sets attributes on something that was not built here")


def _persid(m: Machine, arg: Any, position: int) -> None:
    m.odd(position, "a persistent id in text form")
    m.stack.append(OPAQUE)


def _binpersid(m: Machine, arg: Any, position: int) -> None:
    value = m.pop()
    if isinstance(value, tuple):
        m.walk.persistent.append(value)
        if len(m.walk.persistent) > 10 * _MOST_NAMED:
            raise TooLarge("too many persistent ids")
    else:
        m.odd(position, "a persistent id that is not a tuple")
    m.stack.append(OPAQUE)


def _tuple_of(m: Machine, items: list[Any]) -> None:
    m.stack.append(tuple(items) if len(items) <= 16 else OPAQUE)


def _tuple(m: Machine, arg: Any, position: int) -> None:
    _tuple_of(m, m.pop_mark())


def _tuple_n(n: int) -> "Handler":
    def handler(m: Machine, arg: Any, position: int) -> None:
        items = [m.pop() for _ in range(n)]
        _tuple_of(m, items[::-1])

    return handler


def _collected(m: Machine, arg: Any, position: int) -> None:
    m.pop_mark()
    m.stack.append(OPAQUE)


def _append(pops: int) -> "Handler":
    def handler(m: Machine, arg: Any, position: int) -> None:
        for _ in range(pops):
            m.pop()
        _changed(m, m.top(), position, "stores items")

    return handler


def _appends(m: Machine, arg: Any, position: int) -> None:
    m.pop_mark()
    _changed(m, m.top(), position, "stores items")


def _mark(m: Machine, arg: Any, position: int) -> None:
    m.marks.append(m.stack)
    m.stack = []


def _pop(m: Machine, arg: Any, position: int) -> None:
    if m.stack:
        m.stack.pop()
    else:
        m.pop_mark()


def _pop_mark(m: Machine, arg: Any, position: int) -> None:
    m.pop_mark()


def _dup(m: Machine, arg: Any, position: int) -> None:
    m.stack.append(m.top())


def _put(m: Machine, arg: Any, position: int) -> None:
    if arg < 0:
        raise Malformed("negative memo index")
    if arg > _LARGEST_MEMO:
        raise TooLarge(f"memo index {arg:,}: the real machine would ask for memory up to it")
    m.memo[arg] = m.top()


def _memoize(m: Machine, arg: Any, position: int) -> None:
    m.memo[len(m.memo)] = m.top()


def _get(m: Machine, arg: Any, position: int) -> None:
    if arg not in m.memo:
        raise Malformed(f"memo has no entry {arg}")
    m.stack.append(m.memo[arg])


def _empty_tuple(m: Machine, arg: Any, position: int) -> None:
    m.stack.append(())


def _nothing(m: Machine, arg: Any, position: int) -> None:
    pass


def _stop(m: Machine, arg: Any, position: int) -> None:
    value = m.pop()
    m.walk.first = value if type(value) is int else None


Handler = Callable[[Machine, Any, int], None]
_TEXTS = ("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING")
_BYTES = ("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8")
_NUMBERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4")
_PLAINS = ("FLOAT", "BINFLOAT", "NEWTRUE", "NEWFALSE", "EMPTY_LIST", "EMPTY_DICT", "EMPTY_SET", "NEXT_BUFFER")
_HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(_TEXTS, Machine.text),
    **dict.fromkeys(_BYTES, Machine.data),
    **dict.fromkeys(_NUMBERS, _number),
    **dict.fromkeys(_PLAINS, _plain),
    "NONE": _none,
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "INST": _inst,
    "OBJ": _obj,
    "REDUCE": _reduce,
    "NEWOBJ": _reduce,
    "NEWOBJ_EX": _newobj_ex,
    "BUILD": _build,
    "PERSID": _persid,
    "BINPERSID": _binpersid,
    "STOP": _stop,
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), _extension),
    "TUPLE": _tuple,
    "TUPLE1": _tuple_n(1),
    "TUPLE2": _tuple_n(2),
    "TUPLE3": _tuple_n(3),
    "EMPTY_TUPLE": _empty_tuple,
    **dict.fromkeys(("LIST", "DICT", "FROZENSET"), _collected),
    "APPEND": _append(1),
    "SETITEM": _append(2),
    "APPENDS": _appends,
    "SETITEMS": _appends,
    "ADDITEMS": _appends,
    "MARK": _mark,
    "POP": _pop,
    "POP_MARK": _pop_mark,
    "DUP": _dup,
    "MEMOIZE": _memoize,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _get),
    **dict.fromkeys(("PROTO", "FRAME", "READONLY_BUFFER"), _nothing),
}
