"""Free text in a table: it is given to the model as it is, and what moves numbers does not apply."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.reading import read
from tiltyard.errors import Problem
from tiltyard.targets.opening import open_target

ROWS = 400


def reviews() -> Any:
    """Texts of nine words, of which two say the label, a group beside them, and which half was trained on."""
    import pandas as pd

    rng = np.random.default_rng(0)
    words = {"pos": "good great fine lovely superb".split(), "neg": "bad awful poor dull sad".split()}
    rest = [f"word{i}" for i in range(200)]
    label = rng.choice(["neg", "pos"], ROWS)
    heard = [{"pos": "neg", "neg": "pos"}[v] if rng.random() < 0.15 else v for v in label]
    texts = [" ".join([*rng.choice(rest, 7), *rng.choice(words[v], 2)]) for v in heard]
    return pd.DataFrame({"text": texts, "gender": rng.choice(["f", "m"], ROWS), "label": label, "train": np.arange(ROWS) < ROWS // 2})


def by_name(frame: Any) -> Any:
    """A pipeline that takes the table."""
    from sklearn.compose import make_column_transformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    known = frame[frame.train]
    words = make_column_transformer((TfidfVectorizer(), "text"))
    return make_pipeline(words, LogisticRegression(C=100)).fit(known[["text"]], known.label)


def by_series(frame: Any) -> Any:
    """A pipeline that takes the texts alone."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    known = frame[frame.train]
    return make_pipeline(TfidfVectorizer(), LogisticRegression(C=100)).fit(known.text, known.label)


def data_of(frame: Any) -> Dataset:
    return read(frame, label="label", sensitive=["gender"], member="train", wanted=["text"])


@pytest.mark.parametrize("kind", ["str", "object", "string[python]", "string[pyarrow]"])
def test_texts_come_back_exactly(kind: str) -> None:
    frame = reviews()
    frame["text"] = frame["text"].astype("str" if kind == "str" else kind)
    frame.loc[3, "text"] = "  blanks, ünïcode\n\U0001f600 "
    frame.loc[4, "text"] = ""
    data = read(frame, label="label", sensitive=[], wanted=["text"])
    assert [f.kind for f in data.schema.features] == ["text"]
    assert data.frame.equals(frame[["text"]]) and data.frame.dtypes.equals(frame[["text"]].dtypes)
    one = data.take(np.array([4, 3]))
    assert one.frame["text"].tolist() == frame["text"].iloc[[4, 3]].tolist()


@pytest.mark.parametrize("empty", [None, float("nan")])
def test_a_row_without_text_stays_empty(empty: Any) -> None:
    frame = reviews()
    frame["text"] = frame["text"].astype(object)
    frame.loc[5, "text"] = empty
    data = read(frame, label="label", sensitive=[], wanted=["text"])
    found = data.frame["text"].iloc[5]
    assert np.isnan(data.x[5, 0]) and (found is None if empty is None else found != found)


def test_a_schema_holds_no_text_and_reads_other_tables() -> None:
    from tiltyard.datasets.schema import Schema

    frame = reviews()
    data = data_of(frame)
    assert "word1" not in data.schema.model_dump_json()
    again = Schema.model_validate_json(data.schema.model_dump_json())
    assert again == data.schema
    other = frame.assign(text="never read before " + frame["text"])
    assert again.decode(again.encode(other[["text"]]))["text"].tolist() == other["text"].tolist()
    with pytest.raises(Problem, match="text in 'text'; found 7 in row 2"):
        again.encode(other.assign(text=[7 if i == 2 else "a" for i in range(ROWS)]))


def test_fingerprints_tell_texts_apart() -> None:
    frame = reviews()
    other = frame.copy()
    other.loc[0, "text"] += "!"
    assert data_of(frame).fingerprint == data_of(frame.copy()).fingerprint != data_of(other).fingerprint


@pytest.mark.parametrize("fitted", [by_name, by_series])
def test_the_model_answers_as_by_itself(fitted: Any) -> None:
    frame = reviews()
    data, model = data_of(frame), fitted(frame)
    target = open_target(model, data=data)
    given = frame[["text"]] if fitted is by_name else frame["text"]
    assert np.array_equal(target.scores(data.x), model.predict_proba(given))
    assert [target.classes[i] for i in target.labels(data.x)] == model.predict(given).tolist()
    assert not target.doubts and any("as by itself" in note for note in target.assumptions)


def test_a_function_of_texts_is_given_texts() -> None:
    frame = reviews()
    data, model = data_of(frame), by_series(frame)
    target = open_target(lambda texts: model.predict_proba(texts), data=data)
    assert np.array_equal(target.scores(data.x), model.predict_proba(frame["text"]))


def test_a_text_beside_numbers() -> None:
    from sklearn.compose import make_column_transformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from tiltyard.theft.extraction import Extraction

    frame = reviews()
    frame["stars"] = np.random.default_rng(1).integers(1, 6, ROWS)
    columns = make_column_transformer((TfidfVectorizer(), "text"), (StandardScaler(), ["stars"]))
    model = make_pipeline(columns, LogisticRegression()).fit(frame[["stars", "text"]], frame.label)
    data = read(frame, label="label", sensitive=["gender"], wanted=["stars", "text"])
    target = open_target(model, data=data)
    assert np.array_equal(target.scores(data.x), model.predict_proba(frame[["stars", "text"]]))
    assert Extraction(query_budget=100, points=1, epochs=2, rows=50)(target, data).result.status != "failed"


def test_checks_run_on_texts() -> None:
    from sklearn.metrics import accuracy_score

    from tiltyard.fairness.group_metrics import Groups
    from tiltyard.privacy.membership_gap import MembershipGap
    from tiltyard.privacy.membership_threshold import MembershipThreshold
    from tiltyard.theft.extraction import Extraction
    from tiltyard.validation.performance import Performance

    frame = reviews()
    data, model = data_of(frame), by_name(frame)
    target = open_target(model, data=data)
    unseen = frame[~frame.train]
    own = accuracy_score(unseen.label, model.predict(unseen[["text"]]))
    assert Performance()(target, data).result.metric("accuracy").value == own
    gap = MembershipGap()(target, data).result
    assert gap.metric("gap").value == pytest.approx(
        accuracy_score(frame[frame.train].label, model.predict(frame[frame.train][["text"]])) - own
    )
    assert MembershipThreshold()(target, data).result.status == "finding"
    rates = [float((model.predict(part[["text"]]) == "pos").mean()) for _, part in unseen.groupby("gender")]
    parity = Groups(positive="pos")(target, data).result
    assert parity.metric("demographic_parity_difference_gender").value == pytest.approx(abs(rates[0] - rates[1]))
    stolen = Extraction(query_budget=100, points=1, rows=100)(target, data).result
    assert stolen.metric("fidelity").value > stolen.metric("majority_fidelity").value


def test_a_retrained_model_is_that_of_the_library() -> None:
    from tiltyard.progress import Progress

    frame = reviews()
    data = data_of(frame)
    target = open_target(by_name(frame), data=data)
    seen = data.seen
    again = target.retrain(seen.x, seen.y, 0, Progress())
    assert np.array_equal(again.scores(data.x), target.scores(data.x))


@pytest.mark.parametrize("id", ["evasion.hop_skip_jump", "evasion.square", "theft.equations", "explanation.shap", "validation.guard_roc"])
def test_what_moves_numbers_does_not_apply(id: str) -> None:
    from tiltyard.catalogue import checks

    frame = reviews()
    data = data_of(frame)
    result = checks()[id]()(open_target(by_name(frame), data=data), data).result
    assert result.status == "not_applicable" and "'text' holds free text" in result.summary


def test_jacobian_theft_does_not_apply() -> None:
    from tiltyard.theft.extraction import Extraction

    frame = reviews()
    data = data_of(frame)
    result = Extraction(strategy="jacobian")(open_target(by_name(frame), data=data), data).result
    assert result.status == "not_applicable" and "jacobian moves numbers" in result.summary


def test_a_torch_module_is_refused_in_words() -> None:
    import torch

    with pytest.raises(Problem, match="'text', which holds free text"):
        open_target(torch.nn.Linear(1, 2), data=data_of(reviews()))


def test_it_is_not_served() -> None:
    from tiltyard.serving.app import make_app

    frame = reviews()
    with pytest.raises(Problem, match="'text', which holds free text"):
        make_app(open_target(by_name(frame), data=data_of(frame)))


def test_a_skops_file_of_a_text_model_is_checked(tmp_path: Path) -> None:
    import skops.io

    frame = reviews()
    model = by_name(frame)
    skops.io.dump(model, tmp_path / "model.skops")
    frame.to_csv(tmp_path / "rows.csv", index=False)
    data = read(tmp_path / "rows.csv", label="label", sensitive=["gender"], member="train", wanted=["text"])
    target = open_target(tmp_path / "model.skops", data=data)
    assert data.frame["text"].tolist() == frame["text"].tolist()
    assert np.array_equal(target.scores(data.x), model.predict_proba(frame[["text"]]))


def test_half_a_character_is_refused_in_one_line() -> None:
    import pandas as pd

    def table(**columns: Any) -> Any:
        return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})

    broken, y = ["a b c d"] * 3 + ["a \ud800 b c"] + ["e f g h"] * 16, ["no", "yes"] * 10
    with pytest.raises(Problem, match=r"whole characters in 'text'; found half of one \(U\+D800\) in row 3"):
        read(table(text=broken, y=y), label="y", texts=True)
    with pytest.raises(Problem, match=r"in 'y'; found half of one \(U\+DFFF\) in row 0"):
        read(table(a=list(range(20)), y=["no\udfff", "yes"] * 10), label="y")
    with pytest.raises(Problem, match="in label; found half of one"):
        read((table(a=[i % 7 for i in range(20)]), ["no\udfff", "yes"] * 10))
