"""What ships: checksums, datasheets, the accuracy of the models, and the script that makes them."""

import hashlib
import importlib.resources
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from tiltyard.errors import Problem
from tiltyard.samples import catalog
from tiltyard.samples.catalog import data_names, load, load_data, load_frame, names
from tiltyard.samples.datasheet import datasheet, verified
from tiltyard.targets.opening import open_target
from tiltyard.targets.saving import save

FOLDER = Path(str(importlib.resources.files("tiltyard.samples")))


def test_there_are_three_models_and_three_data_sets() -> None:
    assert names() == ("census", "digits", "digits-robust")
    assert data_names() == ("census", "digits", "german-credit")


def test_all_that_ships_is_small() -> None:
    assert sum(f.stat().st_size for f in FOLDER.rglob("*") if f.is_file() and "__pycache__" not in f.parts) <= 4 * 2**20


@pytest.mark.parametrize(("name", "least"), [("census", 0.84), ("digits", 0.97), ("digits-robust", 0.97)])
def test_held_out_accuracy(name: str, least: float) -> None:
    sample = load(name)
    held_out = sample.data.unseen
    assert len(held_out) == sample.datasheet.held_out
    assert float((sample.target.labels(held_out.x) == held_out.y).mean()) >= least


def test_the_robust_model_keeps_three_quarters_under_pgd() -> None:
    import torch

    from tiltyard.attacks.climbing import pgd
    from tiltyard.attacks.perturbation_space import PerturbationSpace
    from tiltyard.attacks.queries import tensors

    sample = load("digits-robust")
    x, y = tensors(sample.data.unseen.sample(300, np.random.default_rng(0)))
    found = pgd(sample.target.module, x, y, PerturbationSpace.of(sample.data.schema), "linf", 0.2, 40, torch.Generator().manual_seed(0))
    assert float((~found.fooled).float().mean()) >= 0.75


def test_census_is_as_collected() -> None:
    data, frame = load_data("census"), load_frame("census")
    assert len(data) == len(frame) == 32_561
    assert int((frame == "?").sum().sum()) == 1836 + 1843 + 583
    back = data.frame
    assert len(back.columns) == 12
    for name in back.columns:
        assert back[name].tolist() == frame[name].tolist()
    assert int(data.y.sum()) == int((frame["income-per-year"] == ">50K").sum())
    assert set(data.sensitive) == {"sex", "race", "age band"}
    assert data.sensitive["sex"].tolist() == frame["sex"].tolist()
    assert {f.name for f in data.schema.features if not f.mutable} >= {"age", "sex", "race", "native-country"}


def test_the_census_faults_are_true() -> None:
    frame = load_frame("census")
    assert int(frame.duplicated().sum()) == 24
    assert int(frame.drop(columns="fnlwgt").duplicated().sum()) == 3465
    assert int((frame["capital-gain"] == 99_999).sum()) == 159
    assert not ((frame["capital-gain"] > 0) & (frame["capital-loss"] > 0)).any()
    assert frame.groupby("education")["education-num"].nunique().max() == 1
    assert (frame["age"].max(), frame["hours-per-week"].max()) == (90, 99)


def test_digits_are_digits() -> None:
    data = load_data("digits")
    assert data.x.shape == (5000, 1, 28, 28)
    assert (float(data.x.min()), float(data.x.max())) == (0.0, 1.0)
    assert np.bincount(data.y).tolist() == [500] * 10
    assert data.member is not None
    assert int(data.member.sum()) == 4000


def test_german_credit_is_labeled_good_and_bad() -> None:
    data = load_data("german-credit")
    assert data.schema.classes == ("good", "bad")
    assert np.bincount(data.y).tolist() == [700, 300]
    assert data.member is None
    sex = dict(zip(*np.unique(data.sensitive["sex"], return_counts=True), strict=True))
    assert sex == {"female": 310, "male": 690}
    sheet = datasheet("german-credit")
    for feature in data.schema.features:
        if feature.kind == "categorical":
            assert set(feature.categories) <= set(sheet.legend[feature.name])


@pytest.mark.parametrize("name", data_names())
def test_each_datasheet_says_where_from_and_what_is_wrong(name: str) -> None:
    sheet = datasheet(name)
    assert sheet.license.startswith("CC BY")
    assert len(sheet.faults) >= 3
    assert len(load_data(name)) == sheet.rows
    for part in (sheet.source, sheet.license, sheet.sha256, *sheet.faults):
        assert part in sheet.text


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "census.csv.gz"
    file.write_bytes(b"other")
    with pytest.raises(Problem, match="the file was changed"):
        verified(file, datasheet("census").sha256)
    with pytest.raises(Problem, match="none"):
        verified(tmp_path / "absent", "0" * 64)


def test_unknown_names_are_said() -> None:
    for call in (load, load_data):
        with pytest.raises(Problem, match="census, digits"):
            call("iris")


def test_a_model_is_saved_with_all_that_opens_it(tmp_path: Path) -> None:
    target = load("census").target
    sha256 = save(target, tmp_path / "again.safetensors")
    again = open_target(tmp_path / "again.safetensors")
    assert sha256 == hashlib.sha256(target.safetensors()).hexdigest()
    assert (again.fingerprint, again.schema, again.classes) == (target.fingerprint, target.schema, target.classes)
    assert again.safetensors() == target.safetensors()
    with pytest.raises(Problem, match=r"a folder .*no such folder; found none"):
        save(target, tmp_path / "no such folder" / "model.safetensors")
    assert [p.name for p in tmp_path.iterdir()] == ["again.safetensors"]


def test_equal_targets_give_equal_bytes_whatever_they_say_besides() -> None:
    target = load("census").target
    target.trained_with = {"torch": "2.13.0", "numpy": "2", "name": "d\u00e9j\u00e0 \x1f \u2028"}
    made = target.safetensors()
    assert all(target.safetensors() == made for _ in range(12))
    header = made[8 : 8 + int.from_bytes(made[:8], "little")]
    assert list(json.loads(header)["__metadata__"]) == ["tiltyard", "trained_with"] and (8 + len(header)) % 8 == 0


@pytest.mark.parametrize("name", ["census", "digits", "digits-robust"])
def test_the_shipped_models_say_what_they_were_trained_with(name: str) -> None:
    assert set(catalog.load_model(name).trained_with) == {"numpy", "python", "torch"}


def test_the_script_reads_what_it_writes(tmp_path: Path) -> None:
    from tiltyard.samples import train

    cards = train.read_cards(FOLDER / "models" / "models.toml")
    train.write_cards(cards, tmp_path / "models.toml")
    assert (tmp_path / "models.toml").read_text("utf-8") == (FOLDER / "models" / "models.toml").read_text("utf-8")
    assert tuple(tomllib.loads((tmp_path / "models.toml").read_text("utf-8"))) == tuple(train.MODELS)


@pytest.mark.slow
def test_the_script_makes_the_census_model_again(tmp_path: Path) -> None:
    from tiltyard.progress import Progress
    from tiltyard.samples import train

    card, held_out = train.make("census", tmp_path, Progress())
    shipped = load("census")
    again = train.census(Progress())
    assert held_out >= 0.84
    agree = (again.labels(shipped.data.unseen.x) == shipped.target.labels(shipped.data.unseen.x)).mean()
    assert card["sha256"] == shipped.card.sha256 or agree >= 0.97
