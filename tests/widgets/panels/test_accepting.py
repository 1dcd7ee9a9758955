"""The load panel asks whether a file of known types is accepted: with a reason it opens, and the acceptance can be taken back."""

from pathlib import Path

import pytest

from tiltyard.artifacts.acceptance import accepted
from tiltyard_widgets.panels.load import LoadPanel

from .waiting import until


@pytest.fixture
def panel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadPanel:
    import joblib
    import numpy as np
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    monkeypatch.setenv("TILTYARD_ACCEPTED", str(tmp_path / "accepted.json"))
    x = np.random.default_rng(0).normal(size=(80, 2))
    table = pd.DataFrame(x, columns=["a", "b"]).assign(y=np.where(x[:, 0] > 0, "yes", "no"))
    table.to_csv(tmp_path / "own.csv", index=False)
    joblib.dump(LogisticRegression().fit(table[["a", "b"]], table["y"]), tmp_path / "own.joblib")
    made = LoadPanel()
    made.source.value = "files"
    made.model_file.value, made.data_file.value = str(tmp_path / "own.joblib"), str(tmp_path / "own.csv")
    return made


def test_a_file_of_known_types_opens_once_accepted_and_asks_again_once_revoked(panel: LoadPanel) -> None:
    view = panel.accepting
    panel.load()
    until(lambda: view.accept in view.children[2].children if len(view.children) > 2 else False)
    until(lambda: not panel.opener.disabled)
    assert "LogisticRegression" in panel.accepting.children[3].body.children[0].value

    assert "waits to be accepted" in panel.sentence.plain_text() and not panel.more.unfolded
    view.why.value = " "
    view.accept.click()
    assert "reason" in panel.message.text
    assert accepted().files == ()

    view.why.value = "made by our own team"
    view.accept.click()
    until(lambda: panel.session.target is not None and not panel.opener.disabled)
    assert [one.why for one in accepted().files] == ["made by our own team"]
    assert view.revoke in view.children[1].children

    view.revoke.click()
    assert accepted().files == ()
    panel.load()
    until(lambda: len(view.children) > 2 and not panel.opener.disabled)
