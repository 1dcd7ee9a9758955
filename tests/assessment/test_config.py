from pathlib import Path

import pytest

from tiltyard.assessment.config import read_config
from tiltyard.errors import Problem
from tiltyard.execution.profiles import overrides, steps


def config(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "target in config.toml"),
        ("[target]\n", "give either sample, file or url"),
        ("[target]\nsample='a'\nfile='b'", "give either sample, file or url"),
        ("[target]\nsampel='census'", "'target.sampel'"),
        ("profile='fast'\n[target]\nsample='census'", "profile"),
        ("seed=-1\n[target]\nsample='census'", "seed"),
        ("[target]\nsample='census'\n[data]\nrows=0", "data.rows"),
        ("[target\n", "in TOML"),
        ("[target]\nsample='census'\n[data]\nfeatures.age={hihg=3}", "data.features.age.hihg"),
    ],
)
def test_a_wrong_config_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Problem) as found:
        read_config(config(tmp_path, text))
    assert said in str(found.value)
    assert "\n" not in str(found.value)


def test_unknown_checks_and_parameters_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="a check or defense"):
        read_config(config(tmp_path, "[target]\nsample='census'\n[[check]]\nid='no.such'")).steps()


def test_a_missing_model_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="none at"):
        read_config(config(tmp_path, "[target]\nfile='none.pt'\n[data]\nfile='x.csv'")).opened()


def test_the_full_profile_keeps_the_defaults() -> None:
    class Quick:
        quick = {"rows": 5}
        quick_images = {"steps": 2}

    assert overrides(Quick, "full") == {}  # type: ignore[arg-type]
    assert overrides(Quick, "quick") == {"rows": 5}  # type: ignore[arg-type]
    with pytest.raises(Problem, match="a profile"):
        overrides(Quick, "fast")  # type: ignore[arg-type]


def test_every_registered_check_has_a_valid_quick_profile() -> None:
    quick, full = steps("quick", seed=3), steps("full", seed=3)
    assert [s.id for s in quick] == [s.id for s in full]
    assert {s.seed for s in quick} <= {3}
