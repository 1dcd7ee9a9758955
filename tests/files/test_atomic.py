"""A file replaced in one step, also where another laid something in the way."""

import os
from pathlib import Path

import pytest

from tiltyard.errors import Problem
from tiltyard.files.atomic import replace_file
from tiltyard.sealing.keys import new_sealing_key, read_sealing_key


def test_what_lies_in_the_way_gets_nothing_of_what_is_written(tmp_path: Path) -> None:
    victim, target = tmp_path / "victim", tmp_path / "keys.json"
    victim.write_text("mine")
    (tmp_path / "keys.json.part").symlink_to(victim)
    replace_file(target, b"one")
    assert (victim.read_text(), target.read_bytes(), target.is_symlink()) == ("mine", b"one", False)
    open_to_all = tmp_path / "keys.json.part"
    open_to_all.write_text("left by a kill")
    open_to_all.chmod(0o666)
    with open(open_to_all, "rb") as reader:
        replace_file(target, b"two")
        assert reader.read() == b"left by a kill"
    assert target.read_bytes() == b"two"
    if os.name == "posix":
        assert target.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_key_others_can_read_is_refused_by_the_file_that_was_opened(tmp_path: Path) -> None:
    new_sealing_key(tmp_path / "key.pem")
    assert read_sealing_key(tmp_path / "key.pem").secret
    (tmp_path / "key.pem").chmod(0o640)
    with pytest.raises(Problem, match="chmod 600"):
        read_sealing_key(tmp_path / "key.pem")
