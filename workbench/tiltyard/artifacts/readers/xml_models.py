"""OpenVINO's and PMML's XML, read by expat with nothing fetched and no entity ever expanded."""

import re
from collections.abc import Callable
from typing import IO
from xml.parsers import expat

from ..malformed import Malformed
from ..reason import Findings

LARGEST = 512 << 20
DEEPEST = 5_000
WHY_ENTITY = "an XML reader that follows it would read files, ask the network or run out of memory"
_HEAD = re.compile(rb"\s*(?:<\?xml[^>]*\?>)?(?:\s|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>)*<(?:\w+:)?(net|PMML)[\s>]", re.DOTALL)
_OPSETS = re.compile(r"opset[1-9][0-9]?|ie_internal_opset|type_relaxed_opset|util")
_JAVA = re.compile(r"[a-z_]\w*(\.\w+)+")
Attributes = dict[str, str]
Begins = Callable[[str, Attributes], None]


def kind_of(head: bytes) -> str:
    """``net`` of OpenVINO, ``PMML``, or nothing."""
    found = _HEAD.match(head[:16384].removeprefix(b"\xef\xbb\xbf"))
    return found.group(1).decode() if found else ""


def judge_openvino(stream: IO[bytes], findings: Findings) -> None:
    """Layers of OpenVINO's own operator sets, with weights that lie in the file beside it?"""
    layers = 0

    def begins(name: str, attributes: Attributes) -> None:
        nonlocal layers
        if name == "layer":
            layers += 1
            _judge_layer(attributes, findings)
        elif name in ("extension", "extensions", "custom_library") or any(
            key.lower() in ("library", "custom_library") for key in attributes
        ):
            findings.unproven("model", f"<{name}> names a library", "OpenVINO would load native code", rule="openvino-extension")

    if _read(stream, findings, "net", begins) and findings.worst == "note":
        findings.note("model", f"{layers:,} layers", "of OpenVINO's own operator sets; its weights lie in the .bin file beside it")


def _judge_layer(attributes: Attributes, findings: Findings) -> None:
    version, kind = attributes.get("version", ""), attributes.get("type", "")
    if not _OPSETS.fullmatch(version):
        findings.unproven("model", f"the layer {kind!r} of {version or 'no operator set'!r}", "a library from elsewhere computes it",
                          rule="openvino-extension")  # fmt: skip


def judge_pmml(stream: IO[bytes], findings: Findings) -> None:
    """Trees, tables and formulas of PMML alone?"""
    elements = 0
    defined: set[str] = set()
    applied: set[str] = set()

    def begins(name: str, attributes: Attributes) -> None:
        nonlocal elements
        elements += 1
        if name == "DefineFunction":
            defined.add(attributes.get("name", ""))
        elif name == "Apply":
            applied.add(attributes.get("function", ""))
        elif name == "include":
            findings.malicious("model", "an XInclude", WHY_ENTITY, rule="xml-entity")

    if not _read(stream, findings, "PMML", begins):
        return
    for name in sorted(applied - defined):
        if _JAVA.fullmatch(name):
            findings.unproven("model", f"the function {name!r}", "JPMML would load a Java class of this name", rule="pmml-class")
    if findings.worst == "note":
        findings.note("model", f"{elements:,} elements", "trees, tables and formulas")


def _read(stream: IO[bytes], findings: Findings, root: str, begins: Begins) -> bool:
    """Every element of the document; False where it cannot be read to its end."""
    depth = 0
    parser = expat.ParserCreate(namespace_separator="}")

    def start(name: str, attributes: Attributes) -> None:
        nonlocal depth
        local = name.rpartition("}")[2]
        if depth == 0 and local != root:
            raise Malformed(f"<{local[:40]}> is no <{root}>")
        depth += 1
        if depth > DEEPEST:
            raise Malformed(f"elements nested over {DEEPEST:,} deep")
        begins(local, attributes)

    def stop(name: str) -> None:
        nonlocal depth
        depth -= 1

    parser.StartElementHandler, parser.EndElementHandler = start, stop
    parser.EntityDeclHandler = _refuse_entity
    parser.StartDoctypeDeclHandler = _refuse_external
    try:
        stream.seek(0)
        _feed(parser, stream, findings)
    except _Entity as error:
        findings.malicious("model", str(error), WHY_ENTITY, rule="xml-entity")
        return False
    except (expat.ExpatError, Malformed, ValueError) as error:
        findings.unproven("model", str(error)[:120], "the XML cannot be followed to its end")
        return False
    return True


class _Entity(ValueError):
    """An entity or a document type of its own."""


def _feed(parser: expat.XMLParserType, stream: IO[bytes], findings: Findings) -> None:
    total = 0
    while block := stream.read(1 << 20):
        findings.progress.check()
        total += len(block)
        if total > LARGEST:
            raise Malformed(f"over {LARGEST >> 20} MiB")
        parser.Parse(block, False)
    parser.Parse(b"", True)


def _refuse_entity(name: str, *declared: object) -> None:
    raise _Entity(f"it declares the entity {name[:40]!r}")


def _refuse_external(name: str, system: str | None, public: str | None, internal: int) -> None:
    if system and "://" in system and not system.startswith("http"):
        raise _Entity(f"a document type at {system[:80]!r}")
