"""What a pickle would do, told from its opcodes. Nothing here imports or calls what the pickle names.

`walk` runs the pickle machine on abstract values: strings, whole numbers, imports and short tuples
are kept, everything else is opaque. So the two strings that STACK_GLOBAL takes are found through
memo, DUP, POP and marks exactly as the real machine would find them, and where they cannot be found
the import is reported as hidden.
"""

import io
import pickletools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from ..errors import Cancelled
from ..progress import Progress


@dataclass(frozen=True)
class Limits:
    """Bounds of one walk: opcodes, values held at once, bytes of one literal, seconds, nesting of pickles in pickles."""

    ops: int = 5_000_000
    held: int = 1_000_000
    literal: int = 256 << 20
    seconds: float = 60.0
    depth: int = 3


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
_TEXT = {"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING"}
_BYTES = {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
_NUMBER = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"}
_PLAIN = {"FLOAT", "BINFLOAT", "NEWTRUE", "NEWFALSE", "NONE", "EMPTY_LIST", "EMPTY_DICT", "EMPTY_SET", "NEXT_BUFFER"}
_LONGEST_NAME = 4096


class _Bounded:
    """A stream whose single reads are bounded: a length field in the file cannot make us ask for gigabytes."""

    def __init__(self, stream: IO[bytes], literal: int) -> None:
        self._stream = stream
        self._literal = literal
        self.tell = stream.tell

    def read(self, n: int = -1) -> bytes:
        if n > self._literal or n < 0:
            raise TooLarge(f"one literal of {n:,} bytes is over the bound of {self._literal:,}")
        return self._stream.read(n)

    def readline(self) -> bytes:
        line = self._stream.readline(1 << 20)
        if len(line) == 1 << 20:
            raise TooLarge("a line of over 1 MiB")
        return line


class _Machine:
    def __init__(self, walk: Walk, limits: Limits, progress: Progress, deadline: float, depth: int) -> None:
        self.walk = walk
        self.limits = limits
        self.progress = progress
        self.deadline = deadline
        self.depth = depth
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, arg: Any, position: int) -> None:
        if name in _TEXT:
            self._text(str(arg), position)
        elif name in _NUMBER:
            self.stack.append(arg if type(arg) is int and abs(arg) < 1 << 128 else OPAQUE)
        elif name in _BYTES:
            self._bytes(arg, position)
        elif name in _PLAIN:
            self.stack.append(None if name == "NONE" else OPAQUE)
        else:
            handler = _HANDLERS.get(name)
            if handler is None:
                raise Malformed(f"opcode {name} is not known to this reader")
            handler(self, arg, position)
        if len(self.stack) + len(self.memo) + len(self.marks) > self.limits.held:
            raise TooLarge(f"over {self.limits.held:,} values held at once")

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
        self.stack.append(found)

    def call(self, callee: Any, args: Any, position: int) -> None:
        if isinstance(callee, Import):
            if len(self.walk.calls) < 10_000:
                self.walk.calls.append((callee, _shown(args)))
        else:
            self.odd(position, "calls something that is not a named import")
        self.stack.append(MADE)

    def _text(self, text: str, position: int) -> None:
        self.stack.append(text if len(text) <= _LONGEST_NAME else OPAQUE)
        if text[:1] == "\x80" and text.isascii() is False and max(text) <= "\xff":
            self._inside(text.encode("latin-1"), position)

    def _bytes(self, data: bytes | bytearray, position: int) -> None:
        self.stack.append(OPAQUE)
        self._inside(bytes(data), position)

    def _inside(self, data: bytes, position: int) -> None:
        """Look for a pickle or an archive in a byte string, which something may unpickle in turn."""
        if data[:4] == b"PK\x03\x04":
            self.odd(position, "a zip archive inside a byte string")
        if len(data) < 4 or data[:1] not in b"\x80c(":
            return
        if self.depth >= self.limits.depth:
            self.odd(position, "pickles nested too deep to follow", hidden=True)
            return
        inner = _walk(io.BytesIO(data), self.limits, self.progress, self.deadline, self.depth + 1)
        if inner.imports and (data[:1] == b"\x80" or inner.complete):
            self.walk.nested.append(inner)


def _shown(args: Any) -> str:
    if not isinstance(args, tuple):
        return "…"
    parts = [repr(a)[:60] if isinstance(a, str | int) else str(a) if isinstance(a, Import) else "…" for a in args[:4]]
    return ", ".join(parts) + (", …" if len(args) > 4 else "")


def _split(arg: str) -> tuple[str | None, str]:
    """GLOBAL and INST join module and name by one space; with more than one it could mean two things."""
    module, _, name = arg.partition(" ")
    return (module, name) if " " not in name else (None, arg)


def _global(m: _Machine, arg: Any, position: int) -> None:
    module, name = _split(arg)
    m.bring(module, name, position, "GLOBAL")


def _stack_global(m: _Machine, arg: Any, position: int) -> None:
    name, module = m.pop(), m.pop()
    known = isinstance(name, str) and isinstance(module, str)
    m.bring(module if known else None, name if known else "", position, "STACK_GLOBAL")


def _inst(m: _Machine, arg: Any, position: int) -> None:
    args = m.pop_mark()
    module, name = _split(arg)
    m.bring(module, name, position, "INST")
    m.call(m.pop(), tuple(args), position)


def _obj(m: _Machine, arg: Any, position: int) -> None:
    args = m.pop_mark()
    if not args:
        raise Malformed("stack underflow")
    m.call(args[0], tuple(args[1:]), position)


def _reduce(m: _Machine, arg: Any, position: int) -> None:
    args = m.pop()
    m.call(m.pop(), args, position)


def _newobj_ex(m: _Machine, arg: Any, position: int) -> None:
    m.pop()
    _reduce(m, arg, position)


def _extension(m: _Machine, arg: Any, position: int) -> None:
    m.odd(position, f"extension code {arg}: an import that only the reader's registry names", hidden=True)
    m.stack.append(OPAQUE)


def _changed(m: _Machine, target: Any, position: int, how: str) -> None:
    if isinstance(target, Import):
        m.odd(position, f"{how} on {target} itself, which would change it for the whole program", hidden=True)


def _build(m: _Machine, arg: Any, position: int) -> None:
    m.pop()
    target = m.top()
    _changed(m, target, position, "sets attributes")
    if target is not MADE and not isinstance(target, Import):
        m.odd(position, "sets attributes on something that was not built here")


def _persid(m: _Machine, arg: Any, position: int) -> None:
    m.odd(position, "a persistent id in text form")
    m.stack.append(OPAQUE)


def _binpersid(m: _Machine, arg: Any, position: int) -> None:
    value = m.pop()
    if isinstance(value, tuple):
        m.walk.persistent.append(value)
    else:
        m.odd(position, "a persistent id that is not a tuple")
    m.stack.append(OPAQUE)


def _tuple_of(m: _Machine, items: list[Any]) -> None:
    m.stack.append(tuple(items) if len(items) <= 16 else OPAQUE)


def _tuple(m: _Machine, arg: Any, position: int) -> None:
    _tuple_of(m, m.pop_mark())


def _tuple_n(n: int) -> "Handler":
    def handler(m: _Machine, arg: Any, position: int) -> None:
        items = [m.pop() for _ in range(n)]
        _tuple_of(m, items[::-1])

    return handler


def _collected(m: _Machine, arg: Any, position: int) -> None:
    m.pop_mark()
    m.stack.append(OPAQUE)


def _append(pops: int) -> "Handler":
    def handler(m: _Machine, arg: Any, position: int) -> None:
        for _ in range(pops):
            m.pop()
        _changed(m, m.top(), position, "stores items")

    return handler


def _appends(m: _Machine, arg: Any, position: int) -> None:
    m.pop_mark()
    _changed(m, m.top(), position, "stores items")


def _mark(m: _Machine, arg: Any, position: int) -> None:
    m.marks.append(m.stack)
    m.stack = []


def _pop(m: _Machine, arg: Any, position: int) -> None:
    if m.stack:
        m.stack.pop()
    else:
        m.pop_mark()


def _pop_mark(m: _Machine, arg: Any, position: int) -> None:
    m.pop_mark()


def _dup(m: _Machine, arg: Any, position: int) -> None:
    m.stack.append(m.top())


def _put(m: _Machine, arg: Any, position: int) -> None:
    if arg < 0:
        raise Malformed("negative memo index")
    m.memo[arg] = m.top()


def _memoize(m: _Machine, arg: Any, position: int) -> None:
    m.memo[len(m.memo)] = m.top()


def _get(m: _Machine, arg: Any, position: int) -> None:
    if arg not in m.memo:
        raise Malformed(f"memo has no entry {arg}")
    m.stack.append(m.memo[arg])


def _empty_tuple(m: _Machine, arg: Any, position: int) -> None:
    m.stack.append(())


def _nothing(m: _Machine, arg: Any, position: int) -> None:
    pass


def _stop(m: _Machine, arg: Any, position: int) -> None:
    value = m.pop()
    m.walk.first = value if type(value) is int else None


Handler = Callable[[_Machine, Any, int], None]
_HANDLERS: dict[str, Handler] = {
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


def walk(stream: IO[bytes], limits: Limits | None = None, progress: Progress | None = None) -> Walk:
    """Walk one pickle from where ``stream`` (seekable) stands, up to its STOP.

    Never raises for what the bytes hold: a malformed, truncated or too large pickle has ``error`` set
    and whatever imports stand before the break, for the real machine would have executed those.
    Raises `Cancelled` through ``progress``.
    """
    limits = limits or Limits()
    return _walk(stream, limits, progress or Progress(), time.monotonic() + limits.seconds, 0)


def _walk(stream: IO[bytes], limits: Limits, progress: Progress, deadline: float, depth: int) -> Walk:
    result = Walk(start=stream.tell())
    machine = _Machine(result, limits, progress, deadline, depth)
    try:
        for opcode, arg, position in pickletools.genops(_Bounded(stream, limits.literal)):  # type: ignore[arg-type]
            machine.step(opcode.name, arg, position or 0)
            result.ops += 1
            if result.ops % 1024 == 0:
                progress.check()
                if result.ops >= limits.ops or time.monotonic() > deadline:
                    raise TooLarge(f"stopped after {result.ops:,} opcodes")
    except Cancelled:
        raise
    except (TooLarge, MemoryError) as error:
        result.error, result.limited = str(error) or "out of memory", True
    except Exception as error:  # whatever the bytes provoke in the standard reader ends the walk, not the scan
        result.error = str(error) or type(error).__name__
    result.end = stream.tell()
    return result
