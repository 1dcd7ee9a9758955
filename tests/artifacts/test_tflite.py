"""TensorFlow Lite, written with the flatbuffers library: its own operators are safe, custom and Flex ones are not, nor is what is added."""

import struct

import pytest

from tiltyard.artifacts.formats import Format
from tiltyard.artifacts.verdict import Verdict, scan_content

ADD, CUSTOM = 0, 32


def model(
    builtin: int = ADD,
    custom: str = "",
    shape: tuple[int, ...] = (2, 3),
    data: bytes = bytes(24),
    opcode: int = 0,
    inputs: tuple[int, ...] = (0, 1),
) -> bytes:
    """One operator over two tensors, the first of which has its numbers in the file."""
    import flatbuffers

    b = flatbuffers.Builder(1024)

    def vector(places: list[int]) -> int:
        b.StartVector(4, len(places), 4)
        for place in reversed(places):
            b.PrependUOffsetTRelative(place)
        return int(b.EndVector())

    def numbers(values: tuple[int, ...]) -> int:
        b.StartVector(4, len(values), 4)
        for value in reversed(values):
            b.PrependInt32(value)
        return int(b.EndVector())

    def table(fields: int, offsets: dict[int, int], code: tuple[int, int] | None = None, uint: tuple[int, int] | None = None) -> int:
        b.StartObject(fields)
        for slot, place in offsets.items():
            b.PrependUOffsetTRelativeSlot(slot, place, 0)
        if code:
            b.PrependInt32Slot(code[0], code[1], 0)
        if uint:
            b.PrependUint32Slot(uint[0], uint[1], 0)
        return int(b.EndObject())

    raw = b.CreateByteVector(data)
    buffers = vector([table(1, {}), table(1, {0: raw})])
    name = b.CreateString("w")
    first = table(4, {0: numbers(shape), 3: name}, uint=(2, 1))
    second = table(4, {0: numbers(shape), 3: name})
    places, out = numbers(inputs), numbers((1,))
    operator = table(3, {1: places, 2: out}, uint=(0, opcode))
    graph = table(5, {0: vector([first, second]), 1: out, 2: out, 3: vector([operator]), 4: name})
    words = b.CreateString(custom) if custom else 0
    codes = vector([table(4, {1: words} if words else {}, code=(3, builtin))])
    root = table(8, {1: codes, 2: vector([graph]), 4: buffers}, uint=(0, 3))
    b.Finish(root, file_identifier=b"TFL3")
    return bytes(b.Output())


def verdict(content: bytes) -> Verdict:
    return scan_content("m.tflite", content)


def test_its_own_operators_are_safe() -> None:
    found = verdict(model())
    assert (found.format, found.verdict) == (Format.TFLITE, "safe"), found.summary
    assert verdict(model(CUSTOM, "TFLite_Detection_PostProcess")).verdict == "safe"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (lambda: model(CUSTOM, "Evil"), "Evil"),
        (lambda: model(CUSTOM, "FlexWriteFile"), "FlexWriteFile"),
        (lambda: model(CUSTOM), "custom"),
        (lambda: model(51), "51"),
        (lambda: model(shape=(1 << 20, 1 << 20)), "shape"),
        (lambda: model(data=bytes(20)), "does not fit"),
        (lambda: model(opcode=7), "not listed"),
        (lambda: model(inputs=(0, 9)), "none of the 2"),
        (lambda: model() + bytes(100), "after the end"),
        (lambda: model()[:-40], ""),
        (lambda: struct.pack("<I", 1 << 30) + model()[4:], "leads to"),
    ],
)
def test_what_is_not_its_own_or_not_whole_is_unproven(content, what: str) -> None:  # type: ignore[no-untyped-def]
    found = verdict(content())
    assert found.verdict == "unproven" and what in " ".join(reason.what for reason in found.reasons), found.summary
