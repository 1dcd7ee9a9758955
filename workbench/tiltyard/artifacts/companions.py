"""Files of raw numbers that a judged model beside them accounts for: ONNX's external data and OpenVINO's .bin."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.parsers import expat

from ..files.reading import opened
from .formats import Format
from .judges import onnx_model
from .readers import tensor_bundle
from .verdict import Verdict

LARGEST = 64 << 20


def companions(verdicts: Mapping[Path, Verdict]) -> dict[Path, Path]:
    """Which file belongs to which model, of those whose model was itself not refused for its reach.

    Parameters
    ----------
    verdicts
        Of the files of a folder.
    """
    found: dict[Path, Path] = {}
    for path, verdict in verdicts.items():
        if verdict.verdict == "malicious":
            continue
        for other in _named_by(path, verdict):
            there = verdicts.get(other)
            if there is not None and _raw(there):
                found[other] = path
    return found


def _raw(verdict: Verdict) -> bool:
    """Bytes of no format, in which nothing was found."""
    return verdict.format is Format.UNKNOWN and verdict.verdict == "unproven"


def _named_by(path: Path, verdict: Verdict) -> Iterable[Path]:
    if verdict.format is Format.ONNX:
        return _external(path)
    if verdict.format is Format.SAVED_MODEL and path.suffix == ".index":
        return _variables(path)
    if verdict.format is Format.OPENVINO:
        beside = path.with_suffix(".bin")
        return [beside] if _within(path, beside) else []
    return []


def _external(path: Path) -> list[Path]:
    """The files of an ONNX model's weights, each covered by what the model says of it."""
    try:
        with opened(path) as stream:
            entries = onnx_model.read(stream).external
    except (OSError, ValueError):
        return []
    spans: dict[str, list[tuple[int, int]]] = {}
    for entry in entries:
        offset, length = entry.get("offset", "0"), entry.get("length", "")
        if offset.isdecimal() and length.isdecimal():
            spans.setdefault(entry.get("location", ""), []).append((int(offset), int(offset) + int(length)))
    return [path.parent / name for name, parts in spans.items() if name and _covered(path.parent / name, parts)]


def _variables(path: Path) -> list[Path]:
    """The data files of a TensorFlow checkpoint, each covered by what the index says of it."""
    try:
        with opened(path) as stream:
            found = tensor_bundle.read(stream)
    except (OSError, ValueError, IndexError):
        return []
    spans: dict[int, list[tuple[int, int]]] = {}
    for one in found.stretches:
        spans.setdefault(one.shard, []).append((one.start, one.start + one.length))
    files = {shard: path.with_name(f"{path.stem}.data-{shard:05}-of-{found.shards:05}") for shard in spans}
    return [file for shard, file in files.items() if _covered(file, spans[shard])]


def _covered(path: Path, parts: list[tuple[int, int]], gap: int = 1 << 16) -> bool:
    """Whether the parts account for the file; aligned ones leave up to 64 KiB between them."""
    try:
        size = path.stat().st_size
    except OSError:
        return False
    place = 0
    for start, end in sorted(parts):
        if start > place + gap:
            return False
        place = max(place, end)
    return place <= size <= place + gap


def _within(model: Path, weights: Path) -> bool:
    """Whether the constants of an OpenVINO model account for the file."""
    parts: list[tuple[int, int]] = []

    def begins(name: str, attributes: dict[str, str]) -> None:
        offset, size = attributes.get("offset", ""), attributes.get("size", "")
        if name == "data" and offset.isdecimal() and size.isdecimal():
            parts.append((int(offset), int(offset) + int(size)))

    parser = expat.ParserCreate()
    parser.StartElementHandler = begins
    try:
        with opened(model) as stream:
            parser.Parse(stream.read(LARGEST), True)
    except (OSError, expat.ExpatError):
        return False
    return bool(parts) and _covered(weights, parts)
