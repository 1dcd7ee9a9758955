"""The opcodes of a pickle, each acting on the abstract machine."""

from collections.abc import Callable
from typing import Any

from . import arguments
from .machine import OPAQUE, Machine
from .unfolding import unfolded, weight
from .values import Holder, Import, Made, Malformed, Row, TooLarge, Wide, split

_FREE_MEMO = 1 << 16
_MOST_NAMED = 100_000
_HEAVIEST = 20_000_000


def step(machine: Machine, name: str, arg: Any, position: int) -> None:
    """Take one opcode, its argument and the offset where it starts."""
    if machine.frame_end is not None or name == "FRAME":
        machine.frame(name, arg, position)
    handler = _HANDLERS.get(name)
    if handler is None:
        raise Malformed(f"opcode {name} is not known to this reader")
    handler(machine, arg, position)
    if len(machine.stack) + len(machine.memo) + len(machine.marks) > machine.held:
        raise TooLarge(f"over {machine.held:,} values held at once")


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
        if target.built:
            m.odd(position, f"sets the state of what {target.callee} made a second time")
        target.state, target.built = state, True
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
