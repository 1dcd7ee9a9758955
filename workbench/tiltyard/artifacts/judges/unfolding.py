"""How large a value is when all that is shared in it is counted as often as it occurs ("a billion laughs")."""

from typing import Any

from .values import Holder, Made, Row, Wide


def weight(value: Any) -> int:
    """Of a tuple the number of values in it, at all depths; of others one."""
    if isinstance(value, Row | Wide):
        return value.weight
    return len(value) + 1 if isinstance(value, tuple) else 1


def unfolded(root: Any) -> int:
    """The number of values under ``root`` through lists, dictionaries, sets and tuples; a cycle is followed once."""
    known: dict[int, int] = {}
    opened: set[int] = set()
    open_values = [root]
    while open_values:
        value = open_values[-1]
        inside = _inside(value)
        if id(value) in known or id(value) in opened:
            open_values.pop()
            if id(value) not in known:
                known[id(value)] = 1 + sum(known.get(id(v), 1) for v in inside)
            continue
        opened.add(id(value))
        open_values.extend(v for v in inside if id(v) not in opened)
    return known.get(id(root), 1)


def _inside(value: Any) -> list[Any]:
    if isinstance(value, Holder):
        return value.inside or []
    if isinstance(value, Made):
        return [v for v in (value.args, value.state) if isinstance(v, Holder | Made | tuple)]
    return [v for v in value if isinstance(v, Holder | Made | tuple)] if isinstance(value, tuple) else []
