"""What stands on the stack of the abstract pickle machine, and what one run of it found."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Import:
    """A global that the pickle names. ``module`` is None where the name is built at load time and cannot be told."""

    module: str | None
    name: str
    position: int
    opcode: str

    @property
    def named(self) -> bool:
        """Could a module and what is in it have such names?"""
        if self.module is None:
            return self.opcode == "STACK_GLOBAL"
        return all(part.isidentifier() for part in f"{self.module}.{self.name}".split("."))

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
    number the pickle is, if it is one. ``binding``: where ``getattr`` is imported and binds a known method; ``reaching``: where it does
    anything else. ``words``: names that reach beyond a model, where code brought by value would call them. ``marked``: it begins with a protocol's number. ``carries``: in another writing, a
    pickle that imports.
    """

    start: int
    end: int = 0
    ops: int = 0
    imports: list[Import] = field(default_factory=list)
    calls: list[tuple[Import, str]] = field(default_factory=list)
    odd: list[Odd] = field(default_factory=list)
    persistent: list[tuple[Any, ...]] = field(default_factory=list)
    nested: list["Walk"] = field(default_factory=list)
    binding: set[int] = field(default_factory=set)
    reaching: set[int] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    first: int | None = None
    error: str = ""
    limited: bool = False
    marked: bool = False
    carries: bool = False

    @property
    def complete(self) -> bool:
        return not self.error

    @property
    def brings(self) -> bool:
        """Whether it is a pickle that imports, or carries another which does; not a text that only begins like one."""
        return any(
            (one.marked and (one.imports or one.carries))
            or ((one.complete or one.calls) and (one.carries or any(found.named for found in one.imports)))
            for one in self.everything()
        )

    def everything(self) -> Iterator["Walk"]:
        """This walk and those of pickles found in its byte strings."""
        yield self
        for inner in self.nested:
            yield from inner.everything()


class Malformed(Exception):
    """The pickle machine would stop here with an error."""


class TooLarge(Exception):
    """A bound of `Limits` was reached: nothing is claimed about the rest."""


class Made:
    """What a call gave: of which import, with which arguments, and with the state that was set on it last."""

    __slots__ = ("args", "built", "callee", "placed", "state")

    def __init__(self, callee: Any, args: Any) -> None:
        self.callee = callee
        self.args = args
        self.state: Any = None
        self.built = False
        self.placed = 0

    @property
    def of(self) -> tuple[str, str]:
        """Module and name of what was called; empty where it was no plain import."""
        return (self.callee.module or "", self.callee.name) if isinstance(self.callee, Import) else ("", "")


SPECIAL = frozenset(
    "__setstate__ __class__ __dict__ __reduce__ __reduce_ex__ __getattr__ __getattribute__ __setattr__ __new__ __init__ __del__ __call__ __len__ "
    "__bool__ __iter__ __getstate__ __wrapped__ extend append add".split()
)
"""Attributes that Python or the unpickler itself looks up and calls."""


class Holder:
    """A list, a dictionary or a set. Of a dictionary the first 256 values under text are kept; of all, the holders inside."""

    __slots__ = ("count", "held", "inside", "kind", "placed", "special")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.held: dict[str, Any] | None = None
        self.inside: list[Any] | None = None
        self.placed = 0
        self.count = 0
        self.special = False

    def keep(self, key: Any, value: Any) -> None:
        if isinstance(key, str):
            self.special |= key in SPECIAL
            self.held = {} if self.held is None else self.held
            if len(self.held) < 256 or key in self.held:
                self.held[key] = value


class Wide:
    """A tuple of more than 16 values, which are not kept."""

    __slots__ = ("weight",)

    def __init__(self, weight: int) -> None:
        self.weight = weight


class Row(tuple[Any, ...]):
    """A tuple with tuples in it; ``weight``: how many values it has when all are counted as often as they occur."""

    weight: int


@dataclass(frozen=True, slots=True)
class Data:
    """A byte string, of which the length is kept; of one in torch's old format the bytes too."""

    size: int
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A torch storage that a persistent id names: bytes per item, and number of items."""

    width: int
    count: int


def shown(args: Any) -> str:
    """The arguments of a call in a few words."""
    if not isinstance(args, tuple):
        return "…"
    parts = [repr(a)[:60] if isinstance(a, str | int) else str(a) if isinstance(a, Import) else "…" for a in args[:4]]
    return ", ".join(parts) + (", …" if len(args) > 4 else "")


def split(arg: str) -> tuple[str | None, str]:
    """GLOBAL and INST join module and name by one space; with more than one it could mean two things."""
    module, _, name = arg.partition(" ")
    return (module, name) if " " not in name else (None, arg)
