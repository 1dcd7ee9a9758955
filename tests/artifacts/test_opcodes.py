"""The walk sees each import that the real machine would ask for, on pickles by hand and at random."""

import io
import pickle
import random
import struct
import time

import pytest

from tiltyard.artifacts.judges.opcodes import Limits, walk
from tiltyard.artifacts.judges.values import Walk
from tiltyard.errors import Cancelled
from tiltyard.progress import Progress


def walked(data: bytes, **bounds: int) -> Walk:
    return walk(io.BytesIO(data), Limits(**bounds) if bounds else None)


def names(found: Walk) -> list[str]:
    return [str(i) for w in found.everything() for i in w.imports]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"cos\nsystem\n(S'x'\ntR.", ["os.system"]),
        (b"(S'x'\nios\nsystem\n.", ["os.system"]),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", ["os.system"]),
        (b"\x80\x04\x8c\x06system\x94\x8c\x02os\x9400h\x01h\x00\x93.", ["os.system"]),
        (b"\x80\x04\x8c\x02os2\x940\x8c\x06systemp5\n0h\x00g5\n\x93.", ["os.system"]),
        (b"\x80\x04(\x8c\x02os1(\x8c\x02aaK\x051\x8c\x02nt\x8c\x06system\x93.", ["nt.system"]),
        (b"\x80\x04\x8c\x01a\x8c\x01b\x86\x8c\x06system\x93.", ["(a name built at load time)"]),
    ],
)
def test_imports(data: bytes, expected: list[str]) -> None:
    found = walked(data)
    assert names(found) == expected
    assert found.complete


def test_calls_show_their_arguments() -> None:
    [(callee, args)] = walked(b"cos\nsystem\n(S'rm -rf'\ntR.").calls
    assert str(callee) == "os.system"
    assert args == "'rm -rf'"


def test_a_module_name_with_a_blank_is_hidden() -> None:
    assert walked(b"ca b\nc\n.").imports[0].module is None


def test_nested_pickle_is_walked() -> None:
    inner = b"\x80\x02cos\nsystem\n."
    assert "os.system" in names(walked(b"\x80\x03C" + bytes([len(inner)]) + inner + b"."))
    as_text = b"\x80\x02X" + struct.pack("<I", len(inner.decode("latin-1").encode())) + inner.decode("latin-1").encode() + b"."
    assert "os.system" in names(walked(as_text))


def test_nesting_is_bounded() -> None:
    data = b"\x80\x02cos\nsystem\n."
    for _ in range(6):
        data = b"\x80\x03B" + struct.pack("<I", len(data)) + data + b"cfoo\nbar\n."
    found = walked(data)
    assert any(o.hidden for w in found.everything() for o in w.odd)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        b"\x80\x02",
        b"c",
        b"cos\n",
        b"\x8c\xffab",
        b"R.",
        b"t.",
        b"\xff",
        b"h\x00.",
        b"I0x1\n.",
        b"(" * 50,
        b"p-1\n.",
        b"Np-1\n.",
    ],
)
def test_malformed_ends_with_an_error(data: bytes) -> None:
    found = walked(data)
    assert found.error
    assert not found.complete


def test_what_stands_before_a_break_is_seen() -> None:
    found = walked(b"cos\nsystem\n(S'x'\ntR\xff\xff")
    assert names(found) == ["os.system"]
    assert found.error


def test_bounds() -> None:
    assert walked(b"\x80\x02" + b"N0" * 3000 + b"N.", ops=1024).limited
    assert walked(b"\x80\x02" + b"N" * 3000 + b".", held=1000).limited
    assert walked(b"\x80\x03B\xe9\x03\0\0" + b"x" * 1001, literal=1000).limited
    assert walked(b"\x80\x03B\xff\xff\xff\x7f").error == "a literal longer than the file"
    assert walked(b"ca\nb\n0" * 100_001 + b"N.").limited
    assert walked(b"Nr\xff\xff\xff\x7f.").limited
    assert not walked(b"\x80\x02" + b"N0" * 3000 + b"N.").error


def test_deep_tuples_cost_nothing() -> None:
    start = time.process_time()
    found = walked(b"\x80\x02)" + b"\x852\x86" * 50_000 + b".")
    assert found.limited
    assert "unfold" in found.error
    assert time.process_time() - start < 5


def test_cancel() -> None:
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        walk(io.BytesIO(b"\x80\x02" + b"N0" * 3000 + b"N."), progress=progress)


class Inert:
    """Stands for whatever a pickle imports, so that the real machine runs on and nothing happens."""

    def __new__(cls, *_: object) -> "Inert":
        return object.__new__(cls)

    def __call__(self, *_: object) -> "Inert":
        return Inert()

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def append(self, value: object) -> None:
        pass

    extend = add = __setstate__ = append


def asked(data: bytes, machine: type) -> list[tuple[str, str]]:
    """What the real machine asks for, with every import replaced by `Inert`."""
    seen: list[tuple[str, str]] = []

    class Recorder(machine):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> type:
            seen.append((module, name))
            return Inert

        def persistent_load(self, pid: object) -> Inert:
            return Inert()

    try:
        Recorder(io.BytesIO(data)).load()
    except Exception:
        return seen
    return seen


PIECES = [
    *(b"\x8c\x02os", b"\x8c\x06system", b"X\x02\0\0\0os", b"V posix\n", b"S'eval'\n", b"U\x04exec", b"K\x01", b"I3\n", b"N", b"(", b"0"),
    *(
        b"1",
        b"2",
        b")",
        b"\x85",
        b"\x86",
        b"\x87",
        b"t",
        b"l",
        b"d",
        b"]",
        b"}",
        b"a",
        b"e",
        b"s",
        b"u",
        b"R",
        b"b",
        b"o",
        b"\x81",
        b"\x92",
    ),
    *(b"\x93", b"\x94", b"q\x00", b"q\x01", b"h\x00", b"h\x01", b"p0\n", b"g0\n", b"p01\n", b"cos\nsystem\n"),
    *(
        b"ios\npopen\n",
        b"Q",
        b"Pa\n",
        b"C\x02ab",
        b"\x88",
        b"\x8f",
        b"\x90",
        b"\x91",
        b"\x80\x04",
        b"\x95\x04\0\0\0\0\0\0\0",
        b"L5L\n",
        b"I0x1\n",
    ),
    *(b"\x95\x0b\0\0\0\0\0\0\0", b"\x8e\x01\0\0\0\0\0\0\0x", b"p 1\n", b"F1.5\n", b"\x97", b"\x98"),
]


@pytest.mark.parametrize("machine", [pickle.Unpickler, pickle._Unpickler])  # type: ignore[attr-defined]
def test_random_pickles_hide_nothing(machine: type) -> None:
    """On opcodes at random, all that the real machine imports is in the walk, or the walk said it could not tell."""
    rng = random.Random(7)
    compared = 0
    for _ in range(10_000):
        data = b"".join(rng.choice(PIECES) for _ in range(rng.randint(1, 22))) + b"."
        if not (seen := asked(data, machine)):
            continue
        compared += 1
        found = walked(data)
        told = {(i.module, i.name) for w in found.everything() for i in w.imports}
        unsure = found.error or any(i.module is None for i in found.imports) or any(o.hidden for o in found.odd)
        assert unsure or set(seen) <= told, data
    assert compared > 300


def test_the_frame_trick_is_real_and_seen() -> None:
    """The C unpickler and the standard opcode reader see two different imports in the same bytes."""
    data = b"\x80\x04\x95\x04\0\0\0\0\0\0\0cxxxcollections\nOrderedDict\n)R."
    plain = [str(i) for i in walked(data).imports]
    real = [f"{m}.{n}" for m, n in asked(data, pickle.Unpickler)]
    assert plain != real
    assert any(o.hidden for o in walked(data).odd)


def test_ordinary_pickles_have_no_oddities() -> None:
    value = {"a": [1, 2.5, None, True, "x" * 70_000, b"y" * 70_000, (1, 2), {3}, frozenset({4})], "b": {"c": 10**40}}
    for protocol in range(6):
        found = walked(pickle.dumps(value, protocol))
        assert found.complete, found.error
        assert found.odd == []
