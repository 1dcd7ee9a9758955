"""What an owner offers to everybody: named, looked at, and opened once for all."""

from pathlib import Path

import numpy as np
import pytest
from tests.offering import wages

from tiltyard.access.offers import OFFERS, written
from tiltyard.assessment import offers as module
from tiltyard.assessment.config import read_config
from tiltyard.assessment.offers import hold, offer_of, offered, rows_of
from tiltyard.errors import Problem


@pytest.fixture
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of an offer that this process knows of."""
    found = wages(tmp_path)
    monkeypatch.setenv(OFFERS, written([offer_of(str(found))]))
    monkeypatch.setattr(module, "_held", {})
    return found


def test_an_assessment_file_is_opened_as_assess_opens_it_wherever_the_app_is_started(toml: Path) -> None:
    target, data = offered("wages")
    same, rows = read_config(toml).opened()
    assert (target.fingerprint, data.fingerprint) == (same.fingerprint, rows.fingerprint)
    assert (target.name, data.source, set(data.sensitive)) == ("wages", "wages.csv", {"sex"})  # and no folder of the server's


def test_a_model_and_its_data_are_called_as_the_model(tmp_path: Path) -> None:
    wages(tmp_path)
    made = offer_of("wages.safetensors=wages.csv", tmp_path)
    assert made.name == "wages" and made.reads == (str(tmp_path / "wages.safetensors"), str(tmp_path / "wages.csv"))


def test_who_asks_has_counts_of_their_own_and_the_one_model(toml: Path) -> None:
    hold("wages", rows_of("wages"))
    (first, data), (second, same) = offered("wages"), offered("wages")
    first.labels(data.x)
    assert (first.queries, second.queries) == (len(data), 0)
    assert data is same and first.inner is second.inner  # type: ignore[attr-defined]


def test_rows_that_were_read_before_give_the_same(toml: Path) -> None:
    target, data = offered("wages")
    rows = rows_of("wages")
    toml.with_suffix(".csv").unlink()
    hold("wages", rows)
    again, same = offered("wages")
    assert (again.fingerprint, same.fingerprint) == (target.fingerprint, data.fingerprint)
    assert np.array_equal(again.scores(same.x), target.scores(data.x))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("wages.safetensors", "MODEL=DATA"),
        ("none.safetensors=wages.csv", "a model file to offer"),
        ("wages.safetensors=none.csv", "none at"),
        ("census.safetensors=wages.csv", "that no sample has"),
        ("wages.safetensors=/dev/zero", "data.file"),
        ("evil.pkl=wages.csv", "evil"),
        ("url.toml", "an endpoint"),
        ("sample.toml", "a shipped sample"),
        ("code.toml", "code that makes the model"),
        ("alone.toml", "no data"),
    ],
)
def test_what_cannot_be_held_for_all_is_refused_before_anybody_comes(tmp_path: Path, text: str, what: str) -> None:
    wages(tmp_path)
    (tmp_path / "census.safetensors").write_bytes((tmp_path / "wages.safetensors").read_bytes())
    (tmp_path / "evil.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    for name, target in (
        ("url", 'url = "http://127.0.0.1:1/"'),
        ("sample", 'sample = "census"'),
        ("code", 'file = "wages.safetensors"\nfactory = "a.py:f"'),
        ("alone", 'file = "wages.safetensors"'),
    ):
        rows = "" if name == "alone" else '[data]\nfile = "wages.csv"\n'
        (tmp_path / f"{name}.toml").write_text(f"[target]\n{target}\n{rows}")
    with pytest.raises(Problem, match=what):
        offer_of(text, tmp_path)


def test_what_is_not_offered_is_told(toml: Path) -> None:
    with pytest.raises(Problem, match=r"what is offered here \(wages\)"):
        offered("other")
