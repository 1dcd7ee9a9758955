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


def test_a_threshold_and_the_favorable_class_are_set_in_the_file(tmp_path: Path) -> None:
    target = "[target]\nsample='census'\nthreshold=0.15\npositive='>50K'\n"
    text = target + "[data]\nsample='census'\nrows=300\nfavorable='<=50K'\n"
    opened, data = read_config(config(tmp_path, text)).opened()
    assert opened.rule == "class '>50K' from 0.15 on"
    assert opened.identity.decision == opened.rule
    assert (opened.labels(data.x) == (opened.scores(data.x)[:, 1] >= 0.15)).all()
    assert data.schema.favorable == "<=50K"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("[target]\nsample='census'\nthreshold=1.5", "threshold"),
        ("[target]\nsample='census'\npositive='>50K'", "give threshold too"),
    ],
)
def test_a_wrong_threshold_is_one_line(tmp_path: Path, text: str, answer: str) -> None:
    with pytest.raises(Problem, match=answer):
        read_config(config(tmp_path, text))


def test_a_favorable_class_that_is_none_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="a favorable class among"):
        read_config(config(tmp_path, "[target]\nsample='census'\n[data]\nfavorable='rich'")).opened()
