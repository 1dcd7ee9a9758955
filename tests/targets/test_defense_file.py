"""A defense that was saved is the defense that was measured: the same answers, for the model it was made for and no other; and a file of it can do no harm."""

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiltyard.catalogue import find
from tiltyard.errors import Problem
from tiltyard.targets.opening import open_target
from tiltyard.targets.saving import not_within
from tiltyard.targets.wrapper import KEY, Wrapper

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "thresholds": ("fairness.threshold_optimizer", {"column": "sex"}),
    "equalized odds by two columns": (
        "fairness.threshold_optimizer",
        {"column": "sex", "crossed_with": "age band", "constraint": "equalized_odds"},
    ),
    "by hand": ("fairness.threshold_optimizer", {"column": "sex", "groups": ("Female",), "thresholds": (0.2,)}),
    "mixture": ("fairness.exponentiated_gradient", {"column": "sex", "iterations": 2, "rows": 400}),
    "guard": ("validation.guard", {"rows": 200}),
    "rounded": ("theft.output_policy", {"kind": "round"}),
    "noised": ("theft.output_policy", {"kind": "noise"}),
    "misinformed": ("theft.output_policy", {"kind": "misinform"}),
}


@pytest.fixture(scope="module")
def census() -> Any:
    from tiltyard.samples.catalog import load

    return load("census")


@pytest.fixture(scope="module")
def rounded(census: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = applied("theft.output_policy", census.target, census.data, kind="round")
    return written(made, tmp_path_factory.mktemp("defenses") / "rounded.safetensors")


def applied(id: str, target: Any, data: Any, **given: Any) -> Any:
    """What a defense makes of ``target``."""
    defense: Any = find(id)
    return defense(**given)(target, data).target


def written(target: Any, place: Path) -> Path:
    place.write_bytes(target.safetensors())
    return place


@pytest.mark.parametrize("name", KINDS)
def test_what_is_opened_answers_as_what_was_saved(name: str, census: Any, tmp_path: Path) -> None:
    id, given = KINDS[name]
    made = applied(id, census.target, census.data, **given)
    again = open_target(census.target, behind=written(made, tmp_path / "defense.safetensors"))
    rows = census.data.unseen.x[:500]
    saved, opened = made.predictions(rows), again.predictions(rows)
    np.testing.assert_array_equal(opened.labels, saved.labels)
    np.testing.assert_array_equal(opened.scores, saved.scores)
    assert (again.fingerprint, again.rule, again.name) == (made.fingerprint, made.rule, made.name)
    assert isinstance(again, Wrapper)
    assert again.safetensors() == made.safetensors()  # one more turn gives the same bytes


def test_thresholds_that_were_found_pass_nothing_by_groups_after_they_were_saved(census: Any, tmp_path: Path) -> None:
    found, by_hand = ({"column": "sex"}, KINDS["by hand"][1])
    for given, said in ((found, True), (by_hand, False)):
        made = applied("fairness.threshold_optimizer", census.target, census.data, **given)
        again = open_target(census.target, behind=written(made, tmp_path / f"{said}.safetensors"))
        assert bool(again.fitted_here) is bool(made.fitted_here) is said


def test_two_defenses_stand_in_the_order_that_is_given(census: Any, tmp_path: Path) -> None:
    inner = applied("validation.guard", census.target, census.data, rows=200)
    outer = applied("theft.output_policy", inner, census.data, kind="round", digits=0)
    files = [written(inner, tmp_path / "guard.safetensors"), written(outer, tmp_path / "policy.safetensors")]
    assert open_target(census.target, behind=files).fingerprint == outer.fingerprint
    with pytest.raises(Problem, match="the model of policy"):
        open_target(census.target, behind=files[::-1])  # the policy was made for the guarded model


def test_it_is_for_the_model_that_it_was_made_for(census: Any, rounded: Path) -> None:
    import torch

    other = census.target.made(census.target.trainable(), "other")
    with torch.no_grad():
        next(other.inner.parameters()).add_(0.05)
    other.fingerprint = "0" * 64
    with pytest.raises(Problem, match="answers 32 made rows otherwise"):
        open_target(other, behind=rounded)
    stranger = open_target(census.target, threshold=0.2)
    assert census.target.rule != stranger.rule  # what was given stays as it was
    with pytest.raises(Problem, match="answers 32 made rows otherwise"):
        open_target(stranger, behind=rounded)  # the same scores under another rule are another model


def test_the_same_model_from_another_file_is_the_same_model(census: Any, rounded: Path) -> None:
    same = census.target.made(census.target.trainable(), census.target.name)
    same.fingerprint = "1" * 64  # as a file of another format has it
    again = open_target(same, behind=rounded)
    assert "another fingerprint, which gave 32 made rows the same scores" in " ".join(again.assumptions)


def test_other_columns_and_classes_are_refused(rounded: Path) -> None:
    from tiltyard.samples.catalog import load

    with pytest.raises(Problem, match="the classes of rounded"):
        open_target(load("digits").target, behind=rounded)


def test_a_network_that_is_not_described_is_saved_as_weights(tmp_path: Path) -> None:
    import torch
    from torch import nn

    from tiltyard.datasets.reading import read

    source = "import torch\nfrom torch import nn\nclass Net(nn.Module):\n    def __init__(s):\n        super().__init__(); s.a = nn.Linear(2, 2); s.b = nn.Linear(2, 2)\n    def forward(s, x): return s.a(x) + s.b(x).tanh()\n"
    (tmp_path / "mine.py").write_text(f"{source}def make(): return Net()\n")
    made_by = runpy.run_path(str(tmp_path / "mine.py"))["make"]
    torch.manual_seed(0)
    (tmp_path / "rows.csv").write_text("a,b,y\n" + "".join(f"{i / 7},{(i * i) % 11},{'no' if i % 3 else 'yes'}\n" for i in range(60)))
    data = read(tmp_path / "rows.csv", label="y")
    target: Any = open_target(made_by(), data=data)
    assert isinstance(target.inner, nn.Module)
    place = written(target, tmp_path / "model.safetensors")
    again = open_target(place, factory=f"{tmp_path}/mine.py:make")
    np.testing.assert_array_equal(again.scores(data.x), target.scores(data.x))
    assert again.fingerprint == target.fingerprint
    assert "factory" in not_within(target)


def test_a_rule_that_the_file_of_a_model_lacks_is_named(census: Any) -> None:
    assert not_within(census.target) == ""
    assert "from 0.2 on" in not_within(open_target(census.target, threshold=0.2))


def forged(place: Path, out: Path, **changes: Any) -> Path:
    """The file with some of its facts changed."""
    from safetensors.numpy import load, save

    from tiltyard.artifacts.headers import read_safetensors

    with place.open("rb") as stream:
        facts = json.loads(read_safetensors(stream).metadata[KEY])
    facts |= changes
    out.write_bytes(save(load(place.read_bytes()), {KEY: json.dumps(facts)}))
    return out


POLICY = {"kind": "round", "digits": 1, "noise": 0.1, "query_budget": 5, "seed": 0}


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 99},
        {"kind": "os:system"},
        {"settings": {}},
        {"settings": []},
        {"settings": POLICY | {"digits": 10**9}},
        {"settings": POLICY | {"seed": -1}},
        {"settings": POLICY | {"noise": float("nan")}},
        {"rows": float("inf")},
        {"schema": None},
        {"model": {}},
    ],
)
def test_a_file_that_was_tampered_with_is_one_line(changes: dict[str, Any], census: Any, rounded: Path, tmp_path: Path) -> None:
    with pytest.raises(Problem) as problem:
        open_target(census.target, behind=forged(rounded, tmp_path / "forged.safetensors", **changes))
    assert len(str(problem.value).splitlines()) == 1


@pytest.mark.parametrize("change", [lambda a: a[:0], lambda a: a * float("nan"), lambda a: a[..., :3], lambda a: a.astype("int8")])
def test_a_guard_whose_numbers_are_none_is_one_line(change: Any, census: Any, tmp_path: Path) -> None:
    from safetensors.numpy import load, save

    from tiltyard.artifacts.headers import read_safetensors

    place = written(applied("validation.guard", census.target, census.data, rows=100), tmp_path / "guard.safetensors")
    with place.open("rb") as stream:
        metadata = read_safetensors(stream).metadata
    arrays = load(place.read_bytes())
    place.write_bytes(save(arrays | {"reference": np.ascontiguousarray(change(arrays["reference"]))}, metadata))
    with pytest.raises(Problem, match="a guard file"):
        open_target(census.target, behind=place)


def test_what_is_no_defense_is_told_so(census: Any, tmp_path: Path) -> None:
    model = written(census.target, tmp_path / "model.safetensors")
    with pytest.raises(Problem, match="a safetensors file without one"):
        open_target(census.target, behind=model)
    (tmp_path / "evil.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(Problem):
        open_target(census.target, behind=tmp_path / "evil.pkl")


def test_members_that_are_estimators_are_scanned_before_they_are_read(tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    from tiltyard.datasets.reading import read
    from tiltyard.fairness.members import read_member, written_member

    (tmp_path / "rows.csv").write_text("a,b,y\n" + "".join(f"{i / 7},{(i * i) % 11},{'no' if i % 3 else 'yes'}\n" for i in range(60)))
    data = read(tmp_path / "rows.csv", label="y")
    target = open_target(LogisticRegression().fit(data.x, data.y), data=data, classes=("no", "yes"))
    kind, content = written_member(target, target)
    again = read_member(kind, np.frombuffer(content, np.uint8), target)
    np.testing.assert_array_equal(again.scores(data.x), target.scores(data.x))
    with pytest.raises(Problem, match="members shown to be safe to open"):
        read_member(kind, np.frombuffer(b"cos\nsystem\n(S'true'\ntR.", np.uint8), target)
