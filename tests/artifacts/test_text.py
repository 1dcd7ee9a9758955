"""Text and tables."""

import pytest

from tiltyard.artifacts.text import encoding, is_table


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"abc", "utf-8"),
        ("é€".encode(), "utf-8"),
        ("é€".encode()[:-1], "utf-8"),
        ("café au lait".encode("latin-1"), "latin-1"),
        ("a,é".encode("utf-16"), "utf-16"),
        (b"a\0b", None),
        (bytes(range(128, 160)) * 3, None),
        (b"\xff\xfe\x00", "utf-16"),
        (b"\x7fELF", None),
    ],
)
def test_encoding(data: bytes, expected: str | None) -> None:
    assert encoding(data) == expected


@pytest.mark.parametrize("data", [b"a,b\n1,2\n", b"a;b\n1;2\n", b"1\t2\n3\t4\n", b"x\n1\n2.5\n", b"1 2 3\n4 5 6\n", b'"a,b",c\n1,2\n'])
def test_tables(data: bytes) -> None:
    assert is_table(data)


@pytest.mark.parametrize("data", [b"import os\nprint(1)\n", b"#!/bin/sh\nrm -rf x\n", b"hello", b"{\n 'a': 1,\n}\n", b"a\0b"])
def test_no_tables(data: bytes) -> None:
    assert not is_table(data)
