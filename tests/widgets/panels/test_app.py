"""The window as the app opens it: the shipped model is loaded by itself, unless a person was quicker."""

from pathlib import Path
from typing import Any

import pytest
from tests.offering import wages

from tiltyard.access.offers import OFFERS, written
from tiltyard.assessment.offers import offer_of
from tiltyard_widgets.panels.app import begin, shipped
from tiltyard_widgets.panels.load import LoadPanel

from .waiting import until


@pytest.fixture(autouse=True)
def _nothing_loaded_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else what another test's person loaded last is offered, and nothing is loaded unasked."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def test_the_shipped_model_is_loaded_by_itself() -> None:
    bench = shipped()
    begin(bench)
    until(lambda: bench.session.target is not None)
    until(lambda: not bench.session.busy)
    assert bench.session.target.name == "Census income MLP"


def test_who_was_quicker_is_not_loaded_over() -> None:
    bench = shipped()
    panel = bench.go("load")
    panel.source.value = "files"
    begin(bench)
    assert not bench.session.busy and panel.message.text == "" and bench.session.target is None


def test_what_is_offered_to_everybody_is_what_a_page_opens_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OFFERS, written([offer_of(str(wages(tmp_path)))]))
    bench = shipped()
    panel = bench.go("load")
    assert isinstance(panel, LoadPanel)
    assert [one["label"] for one in panel.sample.options][:2] == ["wages (offered here)", "Census income, MLP (table, 32,561 people)"]
    begin(bench)
    until(lambda: bench.session.target is not None)
    until(lambda: not bench.session.busy)
    data = bench.session.data
    assert data is not None and (bench.session.target.name, data.name) == ("wages", "wages")
    found: dict[str, Any] = {}
    exec(panel.code.code, found)  # noqa: S102 (the code the panel shows)
    assert found["data"].fingerprint == data.fingerprint and str(tmp_path) not in panel.code.code
