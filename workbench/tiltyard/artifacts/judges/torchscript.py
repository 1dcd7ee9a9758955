"""The code inside a TorchScript archive: which operators it names.

TorchScript runs in its own interpreter, not in Python: it cannot import, and what it can do is what
its operators do. Of those that ship with torch 2.13, two reach files: ``aten::save`` and
``aten::from_file`` (found by listing all 4,500 schemas for names and text arguments); the
distributed ones reach the network. So only the namespaces below are allowed, without those two.
"""

import ast
import re
from dataclasses import dataclass, field

NAMESPACES = frozenset({"aten", "prim", "quantized", "_quantized", "mkldnn_prepacked", "prepacked"})
REACHES_FILES = frozenset({"save", "from_file", "_from_file", "load", "_load_for_lite_interpreter", "read_file", "write_file"})
AS_METHOD = frozenset({"save", "from_file"})  # ``x.save(path)`` resolves to ``aten::save(x, path)`` for any value
_RAW = re.compile(r"\bfrom_file\b|\btorch\s*\.\s*(?:save|load)\b|\baten\s*\.\s*save\b")


@dataclass
class Code:
    """What one source file names: operators that reach files, others not known, and why it could not be read."""

    reaches: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    methods: set[str] = field(default_factory=set)
    problem: str = ""


def read(source: bytes) -> Code:
    """Parse one ``code/*.py`` with Python's parser (nothing runs) and look at every name in it.

    Checked twice, as a tree and as raw text: the two languages differ in small things, and a call
    that only one parser sees must not slip through.
    """
    found = Code()
    try:
        text = source.decode("ascii")
        tree = ast.parse(text)
    except (UnicodeDecodeError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        found.problem = f"cannot be parsed ({type(error).__name__})"
        text = source.decode("latin-1")
        found.reaches.update(m.group() for m in _RAW.finditer(text))
        return found
    found.reaches.update(re.sub(r"\s", "", m.group()) for m in _RAW.finditer(text))
    _Names(found).visit(tree)
    return found


class _Names(ast.NodeVisitor):
    def __init__(self, found: Code) -> None:
        self._found = found

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._found.methods.add(node.name)
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self._found.unknown.update(a.name for a in node.names if a.name != "__torch__" and not a.name.startswith("__torch__."))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self._found.unknown.add(f"from {node.module} import")

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in ("torch", "ops"):
            self._found.unknown.add(f"{node.id} itself, passed on")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain = _chain(node)
        if chain and chain[0] == "torch":
            self._operator("aten", chain[1], ".".join(chain))
        elif chain and chain[0] == "ops":
            self._operator(chain[1], chain[2] if len(chain) > 2 else "", ".".join(chain))
        elif chain[:3] == ["__torch__", "torch", "classes"]:
            self._found.unknown.add(".".join(chain[:5]))
        elif node.attr in AS_METHOD:
            self._found.reaches.add(f".{node.attr}")
        if not chain or chain[0] not in ("torch", "ops"):
            self.visit(node.value)

    def _operator(self, namespace: str, name: str, shown: str) -> None:
        if name in REACHES_FILES:
            self._found.reaches.add(shown)
        elif namespace not in NAMESPACES or not name:
            self._found.unknown.add(shown)


def _chain(node: ast.expr) -> list[str]:
    """``a.b.c`` as its parts, or empty where it does not start with a name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *parts[::-1]] if isinstance(node, ast.Name) else []
