"""The pickle machine on abstract values: strings, whole numbers, imports and short tuples are kept, all else is opaque."""

from collections.abc import Callable
from typing import Any

from . import arguments
from .unfolding import unfolded, weight
from .values import Data, Holder, Import, Made, Malformed, Odd, Row, TooLarge, Walk, Wide, shown, split

OPAQUE = object()
_LONGEST_NAME = 4096
_FREE_MEMO = 1 << 16
_MOST_NAMED = 100_000
_HEAVIEST = 20_000_000


class Machine:
    """One run over the opcodes of one pickle, writing what it meets into ``walk``.

    ``inside`` is given each byte string that begins like a pickle, and its position; ``array`` each wrapper by which joblib
    announces an array whose bytes follow in the stream.
    """

    def __init__(self, walk: Walk, held: int, inside: Callable[[bytes, int], None], array: Callable[[Made, int], None]) -> None:
        self.walk = walk
        self.array = array
        self.shared = 0
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

    def call(self, callee: Any, args: Any, position: int, how: str) -> None:
        if isinstance(callee, Import):
            if len(self.walk.calls) < 10_000:
                self.walk.calls.append((callee, shown(args)))
            if why := arguments.fault(callee, args, how):
                self.odd(position, f"{callee}({shown(args)}): {why}")
        else:
            self.odd(position, "calls something that is not a named import")
        self.stack.append(Made(callee, args))

    def place(self, holder: Any, value: Any, position: int) -> None:
        """``value`` becomes part of ``holder``."""
        if isinstance(value, Import) and (value.module, value.name) in arguments.ONLY_CALLED:
            self.odd(position, f"{value} kept as a value: whoever calls it later gives it other arguments")
        if isinstance(value, Holder | Made):
            value.placed += 1
            self.shared += value.placed > 1
        if isinstance(holder, Holder) and isinstance(value, Holder | Made | tuple):
            holder.inside = [] if holder.inside is None else holder.inside
            holder.inside.append(value)

    def text(self, arg: Any, position: int) -> None:
        text = str(arg)
        self.stack.append(text if len(text) <= _LONGEST_NAME else OPAQUE)
        if text[:1] == "\x80" and text.isascii() is False and max(text) <= "\xff":
            self._inside(text.encode("latin-1"), position)

    def data(self, data: Any, position: int) -> None:
        self.stack.append(Data(len(data)))
        self._inside(data, position)

    def _inside(self, data: bytes | bytearray, position: int) -> None:
        """Look for a pickle or an archive in a byte string, which something may unpickle in turn."""
        if data[:4] == b"PK\x03\x04":
            self.odd(position, "a zip archive inside a byte string")
        if len(data) >= 4 and data[:1] in b"\x80c(":
            self.inside(bytes(data), position)


def _number(m: Machine, arg: Any, position: int) -> None:
    m.stack.append(arg if type(arg) is int and abs(arg) < 1 << 128 else OPAQUE)


def _plain(m: Machine, arg: Any, position: int) -> None:
    m.stack.append(OPAQUE)


def _constant(value: Any) -> "Handler":
    def handler(m: Machine, arg: Any, position: int) -> None:
        m.stack.append(value)

    return handler


def _holder(kind: str) -> "Handler":
    def handler(m: Machine, arg: Any, position: int) -> None:
        m.stack.append(Holder(kind))

    return handler


def _global(m: Machine, arg: Any, position: int) -> None:
    module, name = split(arg)
    m.bring(module, name, position, "GLOBAL")


def _stack_global(m: Machine, arg: Any, position: int) -> None:
    name, module = m.pop(), m.pop()
    known = isinstance(name, str) and isinstance(module, str)
    m.bring(module if known else None, name if known else "", position, "STACK_GLOBAL")


def _inst(m: Machine, arg: Any, position: int) -> None:
    args = m.pop_mark()
    module, name = split(arg)
    m.bring(module, name, position, "INST")
    m.call(m.pop(), tuple(args), position, "INST")


def _obj(m: Machine, arg: Any, position: int) -> None:
    args = m.pop_mark()
    if not args:
        raise Malformed("stack underflow")
    m.call(args[0], tuple(args[1:]), position, "OBJ")


def _reduce(m: Machine, arg: Any, position: int) -> None:
    args = m.pop()
    m.call(m.pop(), args, position, "REDUCE")


def _newobj(m: Machine, arg: Any, position: int) -> None:
    args = m.pop()
    m.call(m.pop(), args, position, "NEWOBJ")


def _newobj_ex(m: Machine, arg: Any, position: int) -> None:
    named, args = m.pop(), m.pop()
    plain = isinstance(named, Holder) and named.held is None
    m.call(m.pop(), args if plain else OPAQUE, position, "NEWOBJ")


def _extension(m: Machine, arg: Any, position: int) -> None:
    m.odd(position, f"extension code {arg}: an import that only the reader's registry names", hidden=True)
    m.stack.append(OPAQUE)


def _changed(m: Machine, target: Any, position: int, how: str) -> None:
    if isinstance(target, Import):
        m.odd(position, f"{how} on {target} itself, which would change it for the whole program", hidden=True)


def _build(m: Machine, arg: Any, position: int) -> None:
    state = m.pop()
    target = m.top()
    _changed(m, target, position, "sets attributes")
    if isinstance(target, Made):
        m.place(target, state, position)
        target.state = state
        if why := arguments.fault_of_state(target):
            m.odd(position, why)
        if target.of in arguments.WRAPPERS:
            m.stack[-1] = OPAQUE
            m.array(target, position)
    elif not isinstance(target, Import):
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
    m.stack.append(arguments.stored(value) or arguments.named_class(value) or OPAQUE)


def _tuple_of(m: Machine, items: list[Any], position: int) -> None:
    for item in items:
        m.place(None, item, position)
    total = 1 + sum(map(weight, items))
    if total > _HEAVIEST:
        raise TooLarge("tuples in tuples that unfold to millions of values")
    if len(items) > 16:
        m.stack.append(Wide(total))
        return
    made: tuple[Any, ...] = tuple(items)
    if total > len(items) + 1:
        made = Row(items)
        made.weight = total
    m.stack.append(made)


def _tuple(m: Machine, arg: Any, position: int) -> None:
    _tuple_of(m, m.pop_mark(), position)


def _tuple_n(n: int) -> "Handler":
    def handler(m: Machine, arg: Any, position: int) -> None:
        items = [m.pop() for _ in range(n)]
        _tuple_of(m, items[::-1], position)

    return handler


def _collected(kind: str) -> "Handler":
    def handler(m: Machine, arg: Any, position: int) -> None:
        items = m.pop_mark()
        m.stack.append(Holder(kind))
        _put_in(m, items, position, kind == "dict")

    return handler


def _put_in(m: Machine, items: list[Any], position: int, pairs: bool) -> None:
    """``items`` go into what is on top: keys and values by turns where they are ``pairs``."""
    target = m.top()
    _changed(m, target, position, "stores items")
    if (why := arguments.fault_of_items(target, pairs)) is not None:
        m.odd(position, why)
    for item in items:
        m.place(target, item, position)
    if isinstance(target, Holder):
        target.count += len(items)
    if pairs and isinstance(target, Holder):
        for key, value in zip(items[::2], items[1::2], strict=False):
            target.keep(key, value)


def _append(m: Machine, arg: Any, position: int) -> None:
    _put_in(m, [m.pop()], position, False)


def _setitem(m: Machine, arg: Any, position: int) -> None:
    value, key = m.pop(), m.pop()
    _put_in(m, [key, value], position, True)


def _appends(pairs: bool) -> "Handler":
    def handler(m: Machine, arg: Any, position: int) -> None:
        _put_in(m, m.pop_mark(), position, pairs)

    return handler


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
    if arg > position + _FREE_MEMO:
        raise TooLarge(f"memo index {arg:,}: the real machine would ask for memory up to it")
    m.memo[arg] = m.top()


def _memoize(m: Machine, arg: Any, position: int) -> None:
    m.memo[len(m.memo)] = m.top()


def _get(m: Machine, arg: Any, position: int) -> None:
    if arg not in m.memo:
        raise Malformed(f"memo has no entry {arg}")
    m.stack.append(m.memo[arg])


def _nothing(m: Machine, arg: Any, position: int) -> None:
    pass


def _stop(m: Machine, arg: Any, position: int) -> None:
    value = m.pop()
    m.place(None, value, position)
    if m.shared > 16 and unfolded(value) > _HEAVIEST:
        raise TooLarge("lists in lists that unfold to millions of values")
    m.walk.first = value if type(value) is int else None


Handler = Callable[[Machine, Any, int], None]
_TEXTS = ("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING")
_BYTES = ("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8")
_NUMBERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4")
_PLAINS = ("FLOAT", "BINFLOAT", "NEXT_BUFFER")
_HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(_TEXTS, Machine.text),
    **dict.fromkeys(_BYTES, Machine.data),
    **dict.fromkeys(_NUMBERS, _number),
    **dict.fromkeys(_PLAINS, _plain),
    "NEWTRUE": _constant(True),
    "NEWFALSE": _constant(False),
    "EMPTY_LIST": _holder("list"),
    "EMPTY_DICT": _holder("dict"),
    "EMPTY_SET": _holder("set"),
    "NONE": _constant(None),
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "INST": _inst,
    "OBJ": _obj,
    "REDUCE": _reduce,
    "NEWOBJ": _newobj,
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
    "EMPTY_TUPLE": _constant(()),
    **{kind.upper(): _collected(kind) for kind in ("list", "dict", "frozenset")},
    "APPEND": _append,
    "SETITEM": _setitem,
    "APPENDS": _appends(False),
    "SETITEMS": _appends(True),
    "ADDITEMS": _appends(False),
    "MARK": _mark,
    "POP": _pop,
    "POP_MARK": _pop_mark,
    "DUP": _dup,
    "MEMOIZE": _memoize,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _get),
    **dict.fromkeys(("PROTO", "FRAME", "READONLY_BUFFER"), _nothing),
}
