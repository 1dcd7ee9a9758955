"""The Cohorts panel through its traits, without a browser."""

import base64
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tiltyard.access.person import Person
from tiltyard.access.roles import Role
from tiltyard.datasets.cohorts import Cohort
from tiltyard.datasets.conditions import Between, InGroup
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.targets.estimators import FunctionTarget
from tiltyard_widgets.panels.cohort_conditions import Levels, Number, RightOrWrong, Score, Several
from tiltyard_widgets.panels.cohorts import CohortsPanel
from tiltyard_widgets.panels.session import Session

from .waiting import until

N = 1200


@pytest.fixture(autouse=True)
def _own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def session(role: Role = Role.ADMIN) -> Session:
    rng = np.random.default_rng(0)
    age = rng.integers(18, 80, N).astype(float)
    age[:50] = np.nan
    x = np.column_stack([age, rng.integers(0, 3, N), rng.random(N)])
    features = (
        Feature(name="age", kind="integer", low=18, high=80, missing=True),
        Feature(name="job", kind="categorical", categories=("cook", "clerk", "nurse")),
        Feature(name="score", kind="continuous"),
    )
    schema = Schema(features=features, label="paid", classes=("no", "yes"), favorable="yes")
    y = (x[:, 2] > 0.5).astype(np.int64)
    y[(x[:, 1] == 1) & (rng.random(N) < 0.4)] ^= 1
    data = Dataset(x, y, schema, "people", {"sex": np.where(rng.random(N) < 0.5, "F", "M")})
    target = FunctionTarget(lambda rows: np.clip(np.asarray(rows, float)[:, -1], 0, 1), schema.classes, schema, "by score")
    made = Session(target, data)
    made.person = Person("ann", role)
    return made


def opened(role: Role = Role.ADMIN) -> CohortsPanel:
    panel = CohortsPanel(session=session(role))
    until(lambda: panel.answers is not None)
    return panel


def about(panel: CohortsPanel, name: str) -> object:
    """Choose what the next condition is about; its controls."""
    options = {option["label"]: option["value"] for option in panel.builder.about.options}
    panel.builder.about.value = options[name]
    return panel.builder._editor


def test_rows_are_counted_as_conditions_are_chosen() -> None:
    panel = opened()
    data = panel.session.data
    assert data is not None
    jobs = about(panel, "job")
    assert isinstance(jobs, Levels)
    jobs.several.names.value = ("clerk",)
    clerk = data.x[:, 1] == 1
    assert f"{clerk.sum():,} of 1,200 rows" in panel.live.plain_text()
    panel.builder.add()
    ages = about(panel, "age")
    assert isinstance(ages, Number)
    ages.span.high.value = "40"
    both = clerk & (data.x[:, 0] <= 40)
    assert f"{both.sum():,} of 1,200 rows" in panel.live.plain_text()
    table = panel.sides.table
    assert table is not None
    assert [row[1] for row in table.rows] == [int(both.sum()), int((~both).sum()), N]
    said = data.x[:, 2] > 0.5
    assert table.rows[0][3] == pytest.approx((said == data.y)[both].mean())
    assert table.rows[2][5] == pytest.approx(said.mean())
    assert panel.cohort().words == "job is clerk and age up to 40"
    panel.builder.drop("0")
    assert f"{(data.x[:, 0] <= 40).sum():,} of 1,200 rows" in panel.live.plain_text()


def test_what_the_model_answers_can_be_a_condition() -> None:
    panel = opened()
    data, answers = panel.session.data, panel.answers
    assert data is not None
    assert answers is not None
    assert isinstance(about(panel, "Right or wrong"), RightOrWrong)
    assert f"{(answers.labels != data.y).sum():,} of 1,200" in panel.live.plain_text()
    scores = about(panel, "Score of a class")
    assert isinstance(scores, Score)
    scores.span.low.value = "0.9"
    assert f"{(answers.scores[:, 1] >= 0.9).sum():,} of 1,200" in panel.live.plain_text()
    scores.span.low.value = "1.5"
    assert "a score from 0 to 1 under From" in panel.builder.wrong.plain_text()
    assert panel.use.disabled


def test_wrong_numbers_are_said_beside_the_field_and_lose_nothing() -> None:
    panel = opened()
    ages = about(panel, "age")
    assert isinstance(ages, Number)
    ages.span.low.value = "old"
    assert "a number under From of 'age'" in panel.builder.wrong.plain_text()
    assert ages.span.low.value == "old"
    ages.span.low.value = "60"
    ages.span.high.value = "20"
    assert "Exchange them" in panel.builder.wrong.plain_text()
    ages.which.value = "missing"
    assert "50 of 1,200 rows" in panel.live.plain_text()


def test_a_cohort_is_used_in_every_panel_and_left_again() -> None:
    panel = opened()
    whole = panel.session.data
    assert whole is not None
    sexes = about(panel, "sex (sensitive)")
    assert isinstance(sexes, Several)
    sexes.names.value = ("F",)
    panel.name.value = "women"
    panel.adopt(panel.cohort())
    used = panel.session.data
    assert used is not None
    assert used.name == "people: women"
    assert (used.sensitive["sex"] == "F").all()
    assert f"the cohort “women” (sex is F): {len(used):,} of 1,200 rows" in panel.banner.plain_text()
    assert panel.back.layout.display is None
    assert f"{len(used):,} of 1,200" in panel.live.plain_text()
    panel.all_rows()
    assert panel.session.data is whole
    assert "all 1,200 rows" in panel.banner.plain_text()
    assert panel.back.layout.display == "none"


def test_cohorts_are_kept_renamed_deleted_and_the_deletion_undone() -> None:
    panel = opened()
    about(panel, "Right or wrong")
    panel.name.value = "errors"
    panel._keep()
    panel._keep()
    assert "a name that no kept cohort has" in panel.message.text
    assert "errors" in panel.kept_lines.plain_text()
    panel._rename("errors")
    panel.new_name.value = "mistakes"
    panel._rename_to()
    again = CohortsPanel(session=session())
    until(lambda: again.answers is not None)
    assert "mistakes" in again.kept_lines.plain_text()
    assert again.sides.table is not None
    assert "mistakes" in [row[0] for row in again.sides.table.rows]
    again._delete("mistakes")
    assert "mistakes" not in again.kept_lines.plain_text()
    again._restore()
    again._use_kept("mistakes")
    assert again.session.data is not None
    assert again.session.data.name == "people: mistakes"


def test_rows_come_as_csv_and_a_viewer_keeps_nothing() -> None:
    panel = opened()
    data = panel.session.data
    assert data is not None
    panel.begin(Cohort(name="x", conditions=(InGroup(column="sex", groups=("M",)), Between(column="age", low=60))))
    panel.offer_rows()
    frame = pd.read_csv(io.BytesIO(base64.b64decode(panel.download.content)))
    mask = (data.sensitive["sex"] == "M") & (data.x[:, 0] >= 60)
    assert frame["row"].tolist() == np.flatnonzero(mask).tolist()
    assert set(frame.columns) == {"age", "job", "score", "row", "paid", "sex", "predicted"}
    assert (frame["age"] >= 60).all()
    viewer = opened(Role.VIEWER)
    about(viewer, "Right or wrong")
    viewer._keep()
    assert "the role analyst" in viewer.message.text
    assert viewer.keep.disabled


def test_the_worst_slices_are_found_and_made_a_cohort() -> None:
    panel = opened()
    view = panel.slices
    view.form.set({"least": 20})
    view.run()
    until(lambda: view.found is not None)
    assert view.found is not None
    assert "job is clerk" in view.worst.plain_text()
    assert "job is clerk" in view.tree.plain_text()
    first = next(i for i, s in enumerate(view.found.search.slices) if s.cohort.words == "job is clerk")
    panel.begin(view._cohort(view._slices, str(first)))
    assert panel.cohort().words == "job is clerk"
    panel.adopt(panel.cohort())
    assert view.found is None
    assert "Not looked for yet" in view.sentence.plain_text()


def test_other_data_leave_nothing_of_the_former() -> None:
    panel = opened()
    about(panel, "Right or wrong")
    panel.builder.add()
    about(panel, "Right or wrong")
    other = session()
    assert other.data is not None
    panel.session.adopt(panel.session.target, other.data.take(np.arange(100)))
    assert panel.builder.stated == ()
    until(lambda: panel.answers is not None and len(panel.answers.labels) == 100)
    assert "all 100 rows" in panel.banner.plain_text()
    panel.session.adopt(None, None)
    assert panel.body.layout.display == "none"


def test_the_header_names_the_cohort_and_leads_back_to_all_rows() -> None:
    from tiltyard_widgets.panels.workbench import Workbench

    made = session()
    bench = Workbench(session=made)
    panel = bench.go("cohorts")
    assert isinstance(panel, CohortsPanel)
    whole = made.data
    assert whole is not None
    panel.adopt(Cohort(name="over 60", conditions=(Between(column="age", low=60),)))
    assert "cohort over 60" in bench.header.plain_text()
    assert made.data is not None
    assert made.data.fingerprint[:12] in bench.header.plain_text()
    assert panel.session.standing.data == made.data.identity
    bench.all_rows()
    assert made.data is whole
    assert "cohort" not in bench.header.plain_text()


def test_a_condition_that_is_being_edited_stays_when_the_model_has_answered() -> None:
    panel = CohortsPanel(session=session())
    jobs = about(panel, "job")
    assert isinstance(jobs, Levels)
    jobs.several.names.value = ("nurse",)
    until(lambda: panel.answers is not None)
    assert panel.builder._editor is jobs
    assert panel.builder.about.value == "column job"
    assert panel.cohort().words == "job is nurse"


def test_the_most_exposed_and_what_attacks_fooled_are_offered_as_soon_as_they_are_known_and_are_cohorts_as_all_others() -> None:
    import tiltyard as ty
    from tiltyard.testing.grounds import grounds

    ground = grounds()["table"]
    panel = CohortsPanel(session=Session(ground.target, ground.data))
    until(lambda: panel.answers is not None)
    assert not any(key.startswith("rows ") for key in panel.builder._makers)
    attacks = [ty.check("evasion.pgd", ground.target, ground.data, rows=60, eps=0.2, steps=2, curve=False)]
    attacks.append(ty.check("evasion.fgsm", ground.target, ground.data, rows=60, eps=0.2, curve=False))
    for record in (*attacks, ty.check("privacy.membership_threshold", ground.target, ground.data)):
        panel.session.known.add(record)
    panel.session.version += 1
    until(lambda: any(key.startswith("rows ") for key in panel.builder._makers))
    offered = [key.removeprefix("rows ") for key in panel.builder._makers if key.startswith("rows ")]
    assert offered == [
        "Most fooled rows",
        *(f"Rows fooled by {record.title}" for record in attacks[::-1]),  # in the order of the catalogue
        "Rows most exposed to Membership: confidence threshold",
    ]
    panel.builder.about.value = f"rows {offered[-1]}"
    panel.adopt(panel.cohort())
    used = panel.session.data
    assert used is not None and used.member is not None and used.member.all() and len(used) <= 20
