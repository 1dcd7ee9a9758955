"""Files of XGBoost, LightGBM and CatBoost: read by their own libraries, first in another process; refused where they are not whole."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiltyard.errors import Problem
from tiltyard.targets.opening import open_target

from . import boosted

NAMES = ["xgboost.json", "xgboost.ubj", "lightgbm.txt", "catboost.cbm", "catboost.json"]


def own_scores(name: str) -> Any:
    made = {"x": boosted.xgboost_classifier, "l": boosted.lightgbm_classifier, "c": boosted.catboost_classifier}[name[0]]
    return made().predict_proba(boosted.frame().drop(columns="hired"))


def saved(folder: Path, name: str) -> Path:
    """As `boosted.saved`; CatBoost writes JSON for numbers alone."""
    if name != "catboost.json":
        return boosted.saved(folder, name)
    catboost = pytest.importorskip("catboost")
    table = boosted.frame()
    model = catboost.CatBoostClassifier(iterations=20, depth=3, verbose=False, allow_writing_files=False, thread_count=1)
    model.fit(table[["age", "income"]], table["hired"]).save_model(str(folder / name), format="json")
    return folder / name


def classes(name: str) -> tuple[str, ...] | None:
    """CatBoost alone keeps the names of classes in its files."""
    return None if name.startswith("catboost") else ("no", "yes")


@pytest.mark.parametrize("name", NAMES[:4])
@pytest.mark.parametrize("written", ["as it was", "as text"])
def test_it_answers_as_the_model_that_was_saved(tmp_path: Path, name: str, written: str) -> None:
    table = boosted.frame()
    if written == "as text":
        table = table.assign(city=table["city"].astype(str))
    data = boosted.data(table)
    target = open_target(saved(tmp_path, name), data=data, classes=classes(name))
    np.testing.assert_allclose(target.scores(data.x), own_scores(name), rtol=0, atol=1e-12)
    assert target.offers == {"labels", "scores", "file"}


def test_catboost_s_json_answers_as_the_model_that_was_saved(tmp_path: Path) -> None:
    table = boosted.frame()[["age", "income", "hired"]]
    data = boosted.data(table)
    path = saved(tmp_path, "catboost.json")
    catboost = pytest.importorskip("catboost")
    own = catboost.CatBoostClassifier().load_model(str(path), format="json").predict_proba(table[["age", "income"]])
    np.testing.assert_allclose(open_target(path, data=data).scores(data.x), own, rtol=0, atol=1e-12)


def test_classes_by_number_are_refused_until_they_are_named(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"classes no, yes; found .*0, 1"):
        open_target(saved(tmp_path, "xgboost.json"), data=boosted.data())


@pytest.mark.parametrize("name", NAMES)
def test_cut_off_and_altered_files_are_one_line(tmp_path: Path, name: str) -> None:
    from tiltyard.artifacts.verdict import scan

    whole = saved(tmp_path, name).read_bytes()
    assert scan(tmp_path / name).safe
    path = tmp_path / ("cut" + Path(name).suffix)
    for share in (0.2, 0.6, 0.97):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(Problem):
            open_target(path, data=boosted.data(), classes=classes(name))


def changed(path: Path, *steps: Any, value: Any) -> Path:
    model = json.loads(path.read_text())
    inner = model
    for step in steps[:-1]:
        inner = inner[step]
    inner[steps[-1]] = value
    path.write_text(json.dumps(model))
    return path


TREES = ("learner", "gradient_booster", "model")
HOSTILE: dict[str, tuple[tuple[Any, ...], Any]] = {
    "a child outside": ((*TREES, "trees", 0, "left_children", 0), 10**6),
    "a circle": ((*TREES, "trees", 0, "left_children", 1), 0),
    "two nodes to one": ((*TREES, "trees", 0, "right_children", 0), 1),
    "a feature outside": ((*TREES, "trees", 0, "split_indices", 0), 99),
    "huge count of nodes": ((*TREES, "trees", 0, "tree_param", "num_nodes"), "99999999"),
    "negative count": ((*TREES, "trees", 0, "tree_param", "num_nodes"), "-1"),
    "no nodes": ((*TREES, "trees", 0, "tree_param", "num_nodes"), "0"),
    "huge count of trees": ((*TREES, "gbtree_model_param", "num_trees"), "2147483647"),
    "huge count of features": (("learner", "learner_model_param", "num_feature"), "4294967296"),
    "text for numbers": ((*TREES, "trees", 0, "split_conditions"), ["a"] * 15),
    "no objective": (("learner", "objective"), {}),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_xgboost_files_that_lie_are_not_shown_safe(tmp_path: Path, what: str) -> None:
    from tiltyard.artifacts.verdict import scan

    steps, value = HOSTILE[what]
    path = changed(saved(tmp_path, "xgboost.json"), *steps, value=value)
    found = scan(path)
    assert found.format == "xgboost" and found.verdict == "unproven", found
    with pytest.raises(Problem, match="xgboost file shown to be safe"):
        open_target(path, data=boosted.data(), classes=("no", "yes"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"left_child=1", b"left_child=9"),
        (b"split_feature=0", b"split_feature=7"),
        (b"num_leaves=6", b"num_leaves=5"),
        (b"num_leaves=6", b"num_leaves=999999999"),
        (b"max_feature_idx=3", b"max_feature_idx=9"),
        (b"tree_sizes=", b"tree_sizes=1"),
        (b"end of trees", b"end of treez"),
        (b"leaf_value=", b"leaf_value=x"),
        (b"pandas_categorical:[[", b"pandas_categorical:[[[["),
    ],
)
def test_lightgbm_files_that_lie_are_not_shown_safe(tmp_path: Path, old: bytes, new: bytes) -> None:
    from tiltyard.artifacts.verdict import scan

    path = saved(tmp_path, "lightgbm.txt")
    whole = path.read_bytes()
    assert old in whole
    path.write_bytes(whole.replace(old, new, 1))
    found = scan(path)
    assert found.format == "lightgbm" and found.verdict == "unproven", found


@pytest.mark.parametrize("settings", [{"gamma": 5, "tree_method": "exact", "max_depth": 6}, {"booster": "dart"}, {"booster": "gblinear"}])
def test_pruned_dropped_and_linear_models_of_xgboost_are_safe(tmp_path: Path, settings: dict[str, Any]) -> None:
    from tiltyard.artifacts.verdict import scan

    xgboost = pytest.importorskip("xgboost")
    table = boosted.frame()
    model = xgboost.XGBClassifier(n_estimators=5, n_jobs=1, **settings).fit(table[["age", "income"]].fillna(0), boosted.places(table))
    for name in ("m.json", "m.ubj"):
        model.save_model(tmp_path / name)
        assert scan(tmp_path / name).safe


@pytest.mark.parametrize("settings", [{"linear_tree": True}, {"boosting_type": "dart"}, {"max_cat_to_onehot": 1, "min_data_per_group": 5}])
def test_other_trees_of_lightgbm_are_safe(tmp_path: Path, settings: dict[str, Any]) -> None:
    from tiltyard.artifacts.verdict import scan

    boosted.lightgbm_classifier(**settings).booster_.save_model(tmp_path / "m.txt")
    assert scan(tmp_path / "m.txt").safe


def test_deep_nesting_is_one_line(tmp_path: Path) -> None:
    from tiltyard.artifacts.verdict import scan

    (tmp_path / "m.json").write_text('{"learner":' + "[" * 200_000)
    (tmp_path / "m.ubj").write_bytes(b"{L\0\0\0\0\0\0\0\x07learner{" + b"i\1a[" + b"[" * 200_000)
    (tmp_path / "n.ubj").write_bytes(b"{L\0\0\0\0\0\0\0\x07learner[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff")
    for name in ("m.json", "m.ubj", "n.ubj"):
        assert scan(tmp_path / name).verdict == "unproven"


def test_a_regressor_is_refused_in_one_line(tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    table = boosted.frame()
    xgboost.XGBRegressor(n_estimators=3).fit(table[["income"]], table["age"]).save_model(tmp_path / "m.json")
    with pytest.raises(Problem, match=r"a classifier; found an XGBoost model of reg:squarederror, which predicts numbers"):
        open_target(tmp_path / "m.json", data=boosted.data())


def test_without_the_library_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tiltyard.targets.boosters import opening

    path = saved(tmp_path, "xgboost.json")
    monkeypatch.setitem(sys.modules, "xgboost", None)
    monkeypatch.setattr(opening, "installed", lambda package: False)
    with pytest.raises(Problem, match=r"pip install 'tiltyard\[boosters\]'"):
        open_target(path, data=boosted.data(), classes=("no", "yes"))


def test_a_reader_that_crashes_breaks_nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tiltyard.targets.boosters import trial

    words = [sys.executable, "-c", "import os; os.abort()"]
    with monkeypatch.context() as patched:
        patched.setattr(trial, "companion", lambda module, stdout: subprocess.Popen(words, stdin=subprocess.PIPE, stdout=stdout))
        with pytest.raises(Problem, match=r"its reader broke \(exit -6\)"):
            trial.tried("xgboost_model", b"", "m.ubj", "XGBoost")
    monkeypatch.setattr(trial, "SECONDS", 0.01)
    with pytest.raises(Problem, match="did not end"):
        trial.tried("xgboost_model", saved(tmp_path, "xgboost.ubj").read_bytes(), "m.ubj", "XGBoost")


def test_any_change_of_bytes_is_answered_or_refused(tmp_path: Path) -> None:
    """Judges alone: none of them may break, whatever the bytes."""
    from tiltyard.artifacts.verdict import scan_content

    rng = np.random.default_rng(0)
    for name in NAMES:
        whole = saved(tmp_path, name).read_bytes()
        for _ in range(40):
            altered = bytearray(whole)
            for at in rng.integers(0, len(altered), 3):
                altered[at] = rng.integers(0, 256)
            found = scan_content(name, bytes(altered))
            assert not any("could not be read to the end" in reason.what for reason in found.reasons), found
