"""Operators named in TorchScript code."""

import pytest

from tiltyard.artifacts.judges.torchscript import read

BODY = b"class M(Module):\n  training : bool\n  def forward(self: __torch__.M,\n    x: Tensor) -> Tensor:\n    %s\n    return x\n"


def code(line: bytes):
    return read(BODY % line)


@pytest.mark.parametrize(
    "line", [b"x = torch.relu(x)", b"y = ops.quantized.add(x, x, 1., 0)", b"z = self.load", b"ops.prim.RaiseException('torch')"]
)
def test_inside(line: bytes) -> None:
    found = code(line)
    assert (found.reaches, found.unknown, found.problem) == (set(), set(), "")


@pytest.mark.parametrize(
    "line",
    [
        b"torch.save(x, '/tmp/a')",
        b"y = torch.from_file('/etc/passwd')",
        b"f = torch.save",
        b"x.save('/tmp/a')",
        b"(torch.relu(x)).save('/tmp/a')",
        b"ops.aten.save(x, 'a')",
        b"ops.aten.from_file('a')",
        b"torch . \\\n      save(x, 'a')",
    ],
)
def test_files(line: bytes) -> None:
    assert code(line).reaches


@pytest.mark.parametrize(
    "line",
    [
        b"t = torch",
        b"o = ops",
        b"n = ops.aten",
        b"f = getattr(torch, 'sa' + 've')",
        b"ops.image.read_file('a')",
        b"ops.c10d.send(x)",
        b"c = __torch__.torch.classes.acme.Thing()",
        b"import os",
        b"from os import system",
    ],
)
def test_unknown(line: bytes) -> None:
    found = code(line)
    assert found.unknown or found.reaches


@pytest.mark.parametrize("line", [b"x = (", "x = 'é'".encode(), b"(" * 1000, b"\0"])
def test_unreadable(line: bytes) -> None:
    assert code(line).problem


def test_unreadable_code_is_still_searched() -> None:
    assert code(b"x = ( torch.save(x, 'a')").reaches


def test_all_of_torch_that_reaches_files_is_known() -> None:
    """Each operator of the installed torch whose name speaks of files is denied, or known not to reach one."""
    import torch

    from tiltyard.artifacts.judges.torchscript import NAMESPACES, REACHES_FILES

    words = ("file", "save", "load", "open", "path", "mmap", "socket", "url", "import", "exec")
    harmless = {"miopen", "lobpcg"}
    for schema in torch._C._jit_get_all_schemas():
        namespace, name = schema.name.split("::")
        speaks = any(w in name.lower() for w in words) and not any(h in name for h in harmless) and not name.startswith("profile")
        takes = any(a.name in ("filename", "path", "url") for a in schema.arguments if str(a.type) == "str")
        if namespace in NAMESPACES and (speaks or takes):
            assert name in REACHES_FILES, schema
