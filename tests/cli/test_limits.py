"""Limits by file and by option, as the app's server takes them."""

from pathlib import Path

import pytest
from tests.offering import wages

from tiltyard.cli.commands.limits import limits, offers
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


def test_what_is_offered_is_looked_for_beside_the_file_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wages(tmp_path)
    file = tmp_path / "limits.toml"
    file.write_text('pages = 3\noffer = ["wages.toml", "a.safetensors=wages.csv"]\n')
    (tmp_path / "a.safetensors").write_bytes((tmp_path / "wages.safetensors").read_bytes())
    found = limits(file, {"offer": None})
    assert [one.name for one in offers(found)] == ["wages", "a"] and found.words() == ["--OwnedKernels.machine=3"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "limits.toml").write_text('offer = ["none.toml"]')
    assert [one.name for one in offers(limits(tmp_path / "elsewhere" / "limits.toml", {"offer": ["wages.toml"]}))] == ["wages"]
    with pytest.raises(Problem, match="'wages' twice"):
        offers(limits(None, {"offer": ["wages.toml", "wages.toml"]}))
