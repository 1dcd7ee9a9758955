"""What a table's columns are taken for: the label by the model's classes, families of 0/1 columns, codes, groups, names twice."""

from pathlib import Path

import numpy as np
import pytest

from tiltyard.datasets.column_names import distinctly, words
from tiltyard.datasets.people import banded, holds, likely_sensitive
from tiltyard.datasets.proposing import propose
from tiltyard.datasets.reading import read
from tiltyard.errors import Problem

N = 40


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_label_is_the_column_of_the_models_classes() -> None:
    import pandas as pd

    frame = pd.DataFrame({"size": rng().random(N), "malignant": ["no", "yes"] * (N // 2), "site": ["A", "B"] * (N // 2)})
    assert propose(frame).schema.label == "malignant"
    frame = frame.rename(columns={"malignant": "mal"})
    assert propose(frame).schema.label == "site"
    found = propose(frame, classes=("no", "yes"))
    assert found.schema.label == "mal"
    assert "its values are the model's classes, no, yes" in found.assumptions[0]


@pytest.mark.parametrize(
    ("values", "classes"),
    [([0, 1], ("0", "1")), ([0.0, 1.0], ("0", "1")), ([False, True], ("0", "1")), ([0, 1], ("False", "True")), (["0", "1"], ("0", "1")),
     ([-1.0, 1.0], ("-1", "1")), ([1, 3], ("1", "2", "3"))],
)  # fmt: skip
def test_classes_are_found_by_value(values: list[object], classes: tuple[str, ...]) -> None:
    import pandas as pd

    frame = pd.DataFrame({"size": rng().random(N), "it": values * (N // 2), "site": ["A", "B"] * (N // 2)})
    assert propose(frame, classes=classes).schema.label == "it"


def test_of_several_columns_of_the_models_classes_the_name_decides_or_one_is_asked_for() -> None:
    import pandas as pd

    frame = pd.DataFrame({"smoker": ["no", "yes"] * (N // 2), "size": rng().random(N), "outcome": ["no", "yes"] * (N // 2)})
    assert propose(frame, classes=("no", "yes")).schema.label == "outcome"
    frame = frame.rename(columns={"outcome": "ill"})
    with pytest.raises(Problem, match=r"'smoker', 'ill'.*Name the label column"):
        propose(frame, classes=("no", "yes"))
    assert propose(frame, classes=("no", "yes"), wanted=("size", "smoker")).schema.label == "ill"


def test_the_columns_that_the_model_takes_are_the_features_in_its_order() -> None:
    import pandas as pd

    frame = pd.DataFrame(
        {
            "id": np.arange(N),
            "note": [f"text {i}" for i in range(N)],
            "size": rng().random(N),
            "sex": ["f", "m"] * (N // 2),
            "y": [0, 1] * (N // 2),
        }
    )
    found = propose(frame, wanted=("size", "note", "id"))
    assert [f.name for f in found.schema.features] == ["size", "note", "id"]
    assert found.schema.sensitive == ("sex",)
    assert "The model does not take 'sex'" in " ".join(found.assumptions)
    pd.testing.assert_frame_equal(found.build().frame, frame[["size", "note", "id"]])
    with pytest.raises(Problem, match="none called weight among id, note"):
        propose(frame, wanted=("size", "weight"))


def test_a_word_inside_a_longer_one_is_no_hint() -> None:
    import pandas as pd

    assert words("<24Y") == ("24y",)
    assert words("age2") == ("age", "2")
    frame = pd.DataFrame({"<24Y": [0, 1] * (N // 2), "size": rng().random(N), "healed": ["no", "yes"] * (N // 2)})
    assert propose(frame).schema.label == "healed"


@pytest.mark.parametrize(
    ("name", "values", "ground"),
    [("group", ["F", "M"], ""), ("shift", ["M", "F"], ""), ("applicant", ["F", "M"], "sex"), ("x3", ["F", "M"], "sex"), ("grade", ["F", "M", "D"], ""),
     ("paint", ["white", "black", "red"], ""), ("customer", ["white", "black"], "race"), ("group", ["female", "male"], "sex"),
     ("group", ["white", "black", "asian"], "race")],
)  # fmt: skip
def test_codes_are_looked_at_with_their_columns_name(name: str, values: list[str], ground: str) -> None:
    import pandas as pd

    assert holds(pd.Series(values * 5, name=name)) == ground


@pytest.mark.parametrize("dropped", [False, True])
@pytest.mark.parametrize("apart", [False, True])
def test_a_family_of_columns_is_one_sensitive_column(dropped: bool, apart: bool) -> None:
    import pandas as pd

    race = pd.Series(rng().choice(["Black", "White", "Asian-Pac"], N))
    dummies = pd.get_dummies(race, prefix="Race", drop_first=dropped)
    frame = pd.concat(
        [dummies.iloc[:, :1], pd.DataFrame({"size": rng().random(N)}), dummies.iloc[:, 1:]]
        if apart
        else [dummies, pd.DataFrame({"size": rng().random(N)})],
        axis=1,
    )
    frame["label"] = np.arange(N) % 2
    found = propose(frame)
    assert found.schema.sensitive == ("Race",)
    data = found.build()
    wanted = race.where(race != "Asian-Pac", "(other)") if dropped else race
    assert data.sensitive["Race"].tolist() == wanted.tolist()
    assert not any(f.mutable for f in data.schema.features if f.name.startswith("Race"))
    pd.testing.assert_frame_equal(data.frame, frame[list(data.frame.columns)], check_exact=True)


def test_columns_that_share_a_name_but_can_be_1_together_are_no_family() -> None:
    import pandas as pd

    frame = pd.DataFrame({"race_a": [1, 1, 0, 0], "race_b": [1, 0, 1, 0]})
    assert set(likely_sensitive(frame, "")) == {"race_a", "race_b"}


def test_one_word_in_several_spellings_is_pointed_out() -> None:
    import pandas as pd

    frame = pd.DataFrame({"who": ["Male", "male", "MALE", "female"] * 10, "size": rng().random(N), "label": np.arange(N) % 2})
    (said,) = propose(frame).warnings
    assert said == "'who' writes one thing in several ways ('MALE', 'Male', 'male'); to the model they are different."


def test_names_that_stand_there_twice_get_numbers(tmp_path: Path) -> None:
    import pandas as pd

    assert distinctly(["a", "a", "a.1", "a"]) == ("a", "a.2", "a.1", "a.3")
    (tmp_path / "t.csv").write_text("age,age,pay\n1,2,low\n3,4,high\n5,2,low\n")
    frame = pd.DataFrame([[1, 2, "low"], [3, 4, "high"], [5, 2, "low"]], columns=["age", "age", "pay"])
    for source in (tmp_path / "t.csv", frame):
        data = read(source)
        assert [f.name for f in data.schema.features] == ["age", "age.1"]
        assert data.x.tolist() == [[1, 2], [3, 4], [5, 2]]
        assert "Column names that stand there more than once got numbers: 'age.1'." in data.assumed
    assert list(frame.columns) == ["age", "age", "pay"]


@pytest.mark.parametrize(
    ("values", "name", "groups"),
    [
        ([0] * 75 + list(range(1, 26)), "gain", {"0": 75, "over 0 to under 13": 12, "13 and over": 13}),
        ([0] * 50 + list(range(1, 51)), "gain", {"0": 50, "over 0 to under 26": 25, "26 and over": 25}),
        ([0] * 90 + list(range(-10, 10)), "gain", {"under -5": 5, "-5 to under 0": 5, "0": 91, "over 0": 9}),
        ([100] * 80 + list(range(20)), "score", {"under 10": 10, "10 to under 100": 10, "100": 80}),
        (list(range(16, 24)) * 2 + [17.5, 18.5, 19.5, 20.5, 21.5], "age", None),
        (list(range(100)), "score", {"under 24.75": 25, "24.75 to under 49.5": 25, "49.5 to under 74.25": 25, "74.25 and over": 25}),
    ],
    ids=str,
)
def test_bands_are_at_least_two_groups(values: list[float], name: str, groups: dict[str, int] | None) -> None:
    import pandas as pd

    found, counts = np.unique(banded(pd.Series(values), name), return_counts=True)
    assert len(found) >= 2
    assert groups is None or dict(zip(found.tolist(), counts.tolist(), strict=True)) == groups


def test_dates_of_birth_are_banded_by_year() -> None:
    import pandas as pd

    found = banded(pd.Series(pd.date_range("1950-01-01", periods=60, freq="YS")), "birthdate")
    assert set(found) == {"under 1964.75", "1964.75 to under 1979.5", "1979.5 to under 1994.25", "1994.25 and over"}


def test_free_text_is_a_feature_where_the_model_takes_it_or_nothing_else_is_there() -> None:
    import numpy as np
    import pandas as pd

    from tiltyard.datasets.proposing import propose
    from tiltyard.errors import Problem

    rng = np.random.default_rng(0)
    words = np.array("good bad fine awful nice poor great sad".split())
    frame = pd.DataFrame({"review": [" ".join(rng.choice(words, 8)) for _ in range(400)], "stars": rng.integers(1, 6, 400)})
    frame["label"] = rng.choice(["neg", "pos"], 400)
    found = propose(frame, "label")
    assert [f.name for f in found.schema.features] == ["stars"]
    assert any("'review' was left out: it holds free text" in note for note in found.assumptions)
    for text in (propose(frame, "label", wanted=("review", "stars")), propose(frame[["review", "label"]], "label"), found.take("review")):
        assert text.schema.feature("review").kind == "text"
    with pytest.raises(Problem, match="free text as a pandas category"):
        propose(frame.astype({"review": "category"}), "label", wanted=("review", "stars"))


@pytest.mark.parametrize(
    ("name", "values", "ground"),
    [
        ("male", [True, False], "sex"),
        ("is_female", [0, 1], "sex"),
        ("patient_black", ["yes", "no"], "race"),
        ("muslim", [0.0, 1.0], "religion"),
        ("white_wine", [0, 1], ""),
        ("male_bees", [0, 1], ""),
        ("black", [0, 1, 2], ""),
    ],
)
def test_columns_that_say_yes_or_no_of_people_are_proposed(name: str, values: list[object], ground: str) -> None:
    import pandas as pd

    frame = pd.DataFrame({"a": range(60), name: [values[i % len(values)] for i in range(60)], "y": ["no", "yes"] * 30})
    assert likely_sensitive(frame, "y") == ({name: ground} if ground else {})


def test_why_a_column_was_left_out_is_said_where_the_model_wants_it() -> None:
    import pandas as pd
    from sklearn.tree import DecisionTreeClassifier

    from tiltyard.targets.opening import open_target

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.random(60), "account": 2**53 + rng.integers(0, 999, 60) * 2, "y": ["no", "yes"] * 30})
    model = DecisionTreeClassifier().fit(frame[["a", "account"]], frame["y"])
    with pytest.raises(Problem, match=r"without account \('account' was left out: its whole numbers are too large to be held exactly"):
        open_target(model, data=read(frame, label="y"))
