"""Calls in ordinary pickles that only bind: a method to the object it belongs to, arguments to a known function."""

import re
from typing import Any

from . import known_names as names
from .values import Holder, Import, Made

DISTRIBUTIONS = frozenset(
    {("scipy.stats._continuous_distns", name) for name in names.CONTINUOUS.split()}
    | {("scipy.stats._discrete_distns", name) for name in names.DISCRETE.split()}
)
METHODS = frozenset({"_entropy", "_munp", "_cdf_single", "_ppf_single"})
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,40}(?:/[A-Za-z][A-Za-z0-9_+-]{0,40}){0,3}")
_TEMPLATE = re.compile(
    r"\ndef _parse_args\(self, (?P<shapes>(?:[A-Za-z]\w{0,20}, ){0,8}) ?(?P<given>loc=0(?:, scale=1)?)\):\n    return \((?P=shapes)\), (?P<passed>loc, (?:scale|1))\n"
    r"\ndef _parse_args_rvs\(self, (?P=shapes) ?(?P=given), size=None\):\n    return self\._argcheck_rvs\((?P=shapes) ?(?P=passed), size=size\)\n"
    r"\ndef _parse_args_stats\(self, (?P=shapes) ?(?P=given), moments='mv'\):\n    return \((?P=shapes)\), (?P=passed), moments\n"
)


def is_getattr(callee: Any) -> bool:
    """``builtins.getattr``, which reaches anything unless what it is given says otherwise."""
    return isinstance(callee, Import) and callee.module in ("builtins", "__builtin__") and callee.name == "getattr"


def bound(callee: Any, args: Any) -> Any:
    """What an ordinary ``getattr`` in a pickle gives: a method of a distribution of SciPy, the reader of a time zone's name; else None."""
    if not is_getattr(callee) or not isinstance(args, tuple) or len(args) != 2 or not isinstance(args[1], str):
        return None
    owner, name = args
    if isinstance(owner, Import) and (owner.module, owner.name, name) == ("zoneinfo", "ZoneInfo", "_unpickle"):
        return Import("zoneinfo", "ZoneInfo._unpickle", owner.position, owner.opcode)
    return Made(callee, args) if isinstance(owner, Made) and owner.of in DISTRIBUTIONS and name in METHODS else None


def zone(args: tuple[Any, ...]) -> bool:
    """A time zone by its name, which is no path."""
    return (
        1 <= len(args) <= 2
        and isinstance(args[0], str)
        and bool(_ZONE.fullmatch(args[0]))
        and all(type(a) in (bool, int) for a in args[1:])
    )


def fault_of_distribution(state: Any) -> str:
    """SciPy executes a text of the state; only the one that SciPy writes is none of the file's own."""
    held = state.held if isinstance(state, Holder) else None
    if not held or not isinstance(state, Holder) or state.count != 2 * len(held):
        return "a distribution whose state cannot be known"
    text = held.get("_parse_arg_template")
    return "" if isinstance(text, str) and _TEMPLATE.fullmatch(text) else "a distribution with a program of its own"
