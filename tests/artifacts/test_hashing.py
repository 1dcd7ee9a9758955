"""Hashes agree with hashlib, over block borders."""

import hashlib
from pathlib import Path

import pytest

from tiltyard.artifacts.hashing import BLOCK, file_sha256


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_sha256(tmp_path: Path, size: int) -> None:
    data = bytes(i % 251 for i in range(1000)) * (size // 1000 + 1)
    (tmp_path / "f").write_bytes(data[:size])
    assert file_sha256(tmp_path / "f") == hashlib.sha256(data[:size]).hexdigest()
