"""Limits by file and by option, as the app's server takes them."""

from pathlib import Path

import pytest

from tiltyard.cli.commands.limits import limits
from tiltyard.errors import Problem


def test_an_option_counts_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    file.write_text("pages = 30\nmemory = 512\nidle = 10\n")
    found = limits(file, {"pages": 8, "cores": None})
    assert found.words() == ["--OwnedKernels.machine=8", "--OwnedKernels.memory=512", "--OwnedKernels.idle=600"]
    assert limits(None, {}).words() == []


@pytest.mark.parametrize("text", ["pages = 0", "pages = 'many'", "seats = 3", "pages =", "[pages]\nmost = 3"])
def test_what_is_no_limit_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "limits.toml"
    file.write_text(text)
    with pytest.raises(Problem) as problem:
        limits(file, {})
    assert "\n" not in str(problem.value)
    with pytest.raises(Problem):
        limits(tmp_path / "none.toml", {})
