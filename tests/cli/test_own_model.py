"""A model and a table of one's own from the shell: what is assumed is said, and can be corrected."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from .conftest import Said

N = 120
LAYERS = {"layers": [{"type": "linear", "options": {"in_features": 2, "out_features": 3}}]}


@pytest.fixture
def own(place: Path) -> Path:
    """A model that answers large, medium, small, on two of the four columns of a table."""
    import pandas as pd

    rng = np.random.default_rng(0)
    size, weight = rng.integers(0, 3, N), rng.normal(0, 1, N)
    names = np.array(["large", "medium", "small"])
    pd.DataFrame({"a": size + 0.0, "b": weight, "sex": rng.choice(["f", "m"], N), "kind": names[2 - size]}).to_csv("own.csv", index=False)
    slope = np.array([[-10, 0], [0, 0], [10, 0]], np.float32)  # outputs in the order small, medium, large
    save_file({"0.weight": slope, "0.bias": np.array([5, 0, -15], np.float32)}, "own.safetensors")
    Path("layers.json").write_text(json.dumps(LAYERS))
    return place


COMMAND = "check fairness.groups --model own.safetensors --architecture layers.json --data own.csv --label kind --sensitive sex"


def test_the_shell_says_what_it_assumed_and_what_looks_wrong(own: Path, tiltyard: Callable[..., Said]) -> None:
    said = tiltyard(*COMMAND.split(), "--leave-out", "sex")
    assert "The classes of 'kind' are 'large', 'medium', 'small'." in said.err
    assert "probably in another order" in said.err
    assert "--classes" in said.err


def test_classes_and_columns_are_corrected_in_the_shell(own: Path, tiltyard: Callable[..., Said]) -> None:
    said = tiltyard(*COMMAND.split(), "--data-leave-out", "sex", "--classes", "small,medium,large")
    assert said.code in (0, 2)  # by sex, on 120 rows: an answer, or too few to tell
    assert "Probe: 10 rows answered" in said.err
    assert "By sex" in said.out


def test_columns_are_named_by_the_words_of_an_assessment_file_and_as_before(own: Path, tiltyard: Callable[..., Said]) -> None:
    """One word everywhere: ``label`` of [data] is ``--label`` of check and monitor; what scripts say already is taken still."""
    from tiltyard.assessment.config import DataConfig
    from tiltyard.cli.commands.step import COMMON, OLD

    before = COMMAND.replace("--label", "--data-label").replace("--sensitive", "--data-sensitive")
    codes = {tiltyard(*words.split(), option, "sex").code for words in (COMMAND, before) for option in ("--leave-out", "--data-leave-out")}
    assert len(codes) == 1 and codes <= {0, 2}
    columns = {name for name, old in OLD.items() if old.startswith("data-")}
    assert {name.replace("-", "_") for name in columns} < set(DataConfig.model_fields) and set(OLD) < set(COMMON)
    shown = tiltyard("check", "fairness.groups", "--help").out
    assert all(f"--{name}" in shown and f"--{old}" in shown for name, old in OLD.items())


def test_the_same_in_an_assessment_file(own: Path, tiltyard: Callable[..., Said]) -> None:
    Path("own.toml").write_text(
        "[target]\nfile = 'own.safetensors'\narchitecture = 'layers.json'\nclasses = ['small', 'medium', 'large']\n"
        "[data]\nfile = 'own.csv'\nlabel = 'kind'\nsensitive = ['sex']\nleave_out = ['sex']\nfeatures.a = {high = 9, unit = 'kg'}\n"
        "[[check]]\nid = 'fairness.groups'\n"
    )
    said = tiltyard("assess", "own.toml")
    assert said.code == 0
    assert "Corrected by hand: 'a' (high = 9.0, unit = kg)." in said.err
    report = tiltyard("report", "last", "--format", "json").out
    assert any("Corrected by hand" in assumed for assumed in json.loads(report)["assumed"])
    assert tiltyard("check", "supply_chain.scan", "--config", "own.toml").code == 0
    assert "--config alone" in tiltyard("check", "supply_chain.scan", "--config", "own.toml", "--data", "own.csv").line


def test_a_factory_that_cannot_be_imported_is_one_line(own: Path, tiltyard: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])
    words = "check evasion.pgd --model own.safetensors --factory nowhere_at_all.nets:mlp --data own.csv"
    said = tiltyard(*words.split())
    assert said.code == 2
    assert "PYTHONPATH" in said.err
    assert len(said.err.strip().splitlines()) == 1


def test_the_examples_in_the_help_of_assess_are_true(place: Path) -> None:
    from tiltyard.assessment.config import read_config
    from tiltyard.assessment.policy import read_policy
    from tiltyard.cli.app import ASSESS

    for name, part in zip(("c.toml", "p.toml"), ASSESS.split("\b")[1:], strict=True):
        Path(name).write_text(part.split("\n", 2)[2])
    config = read_config("c.toml")
    assert config.steps()[0].id == "evasion.pgd"
    assert config.data.features["income"].missing == 0
    assert read_policy(Path("p.toml"))


def test_a_report_that_cannot_be_written_loses_no_run(own: Path, tiltyard: Callable[..., Said]) -> None:
    Path("own.toml").write_text("[target]\nsample = 'census'\n[[check]]\nid = 'supply_chain.versions'\n")
    Path("taken").write_text("no folder")
    said = tiltyard("assess", "own.toml", "--out", "taken")
    assert said.code == 2
    assert "Kept as run" in said.err
    assert tiltyard("report", "last", "--format", "json").code == 0


def test_a_run_without_a_record_is_named(own: Path, tiltyard: Callable[..., Said]) -> None:
    from tiltyard.result import Identity
    from tiltyard.store.store import Store

    run = Store().begin("x", Identity(name="m", fingerprint="a" * 64), Identity(name="d", fingerprint="b" * 64))
    assert f"none in run {run.short}, open" in tiltyard("report", "last", "--format", "json").line


def test_a_column_of_text_is_taken_in_the_shell(place: Path, tiltyard: Callable[..., Said]) -> None:
    """--take, as ``take`` under [data]: beside a number a text is no feature by itself."""
    import pandas as pd
    import skops.io
    from sklearn.compose import make_column_transformer
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    rng = np.random.default_rng(0)
    telling = rng.choice(["good", "awful"], N)
    texts = [" ".join([*rng.choice([f"word{i}" for i in range(30)], 5), word]) for word in telling]
    frame = pd.DataFrame({"a": rng.random(N), "text": texts, "kind": np.where(telling == "good", "yes", "no")})
    frame.to_csv("own.csv", index=False)
    columns = make_column_transformer((CountVectorizer(), 1), ("passthrough", [0]))
    model = make_pipeline(columns, LogisticRegression(C=10)).fit(frame[["a", "text"]].to_numpy(object), frame["kind"])
    skops.io.dump(model, "own.skops")
    words = "check validation.performance --model own.skops --data own.csv --label kind"
    assert tiltyard(*words.split()).code == 2
    said = tiltyard(*words.split(), "--take", "text")
    assert said.code == 0 and "100 % of 120 rows are right" in said.out
