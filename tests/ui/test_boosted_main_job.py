"""The main job in a real browser with the files of a stranger: an XGBoost model, a CSV, the threshold that is deployed."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .test_main_job import Window

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow


def files(folder: Path) -> float:
    """Write ``loan.ubj`` and ``loan.csv`` (a bool, missing numbers, classes by name) there; the accuracy at 0.7 by XGBoost alone."""
    import numpy as np
    import pandas as pd
    import xgboost

    random = np.random.default_rng(0)
    n = 900
    rows = pd.DataFrame(
        {"age": random.integers(18, 80, n), "income": random.lognormal(10, 0.5, n).round(2), "member": random.random(n) < 0.4}
    )
    z = 0.05 * (rows["age"] - 45) + 1.2 * np.log(rows["income"] / 22000) + 0.8 * rows["member"] - 0.5
    approved = (random.random(n) < 1 / (1 + np.exp(-z))).to_numpy()
    rows.loc[random.random(n) < 0.08, "income"] = np.nan
    model = xgboost.XGBClassifier(n_estimators=20, max_depth=3, random_state=0).fit(rows[:500], approved[:500].astype(int))
    model.save_model(folder / "loan.ubj")
    asked = rows[500:].assign(decision=np.where(approved, "approved", "denied")[500:])
    asked.to_csv(folder / "loan.csv", index=False)
    read = pd.read_csv(folder / "loan.csv")
    decided = model.predict_proba(read.drop(columns="decision"))[:, 1] >= 0.7
    return float((decided == (read["decision"] == "approved")).mean())


def test_a_booster_with_its_threshold_is_loaded_measured_and_reported(browser: "Browser", app: str, tmp_path: Path) -> None:
    pytest.importorskip("xgboost")
    accuracy = files(tmp_path)
    context = browser.new_context(viewport={"width": 1300, "height": 900}, accept_downloads=True)
    window = Window(context.new_page(), app)
    page = window.page

    def fill(name: str, value: str) -> None:
        page.get_by_role("textbox", name=name, exact=True).locator("visible=true").first.fill(value)
        page.keyboard.press("Tab")

    page.get_by_text("Files of mine").click()
    fill("Model file", str(tmp_path / "loan.ubj"))
    fill("Data file", str(tmp_path / "loan.csv"))
    assert page.get_by_role("button", name="Load and probe").bounding_box()["y"] < 900  # type: ignore[index]
    page.get_by_role("button", name="Load and probe").click()
    window.see(re.compile("Expected a model of the classes approved, denied; found the model of 0, 1"))  # nobody guesses which is which
    for name, value in {"Classes": "denied, approved", "Threshold": "0.7", "Class of the threshold": "approved"}.items():
        fill(name, value)  # unfolded by what was refused
    fill("Favorable outcome", "approved")
    page.get_by_role("button", name="Load and probe").click()
    window.see("decides by class 'approved' from 0.7 on")

    window.go("Input validation")
    page.locator("select:visible").first.select_option(label="Accuracy and calibration")
    window.run()
    window.see(f"{100 * accuracy:.1f} % of 400 rows are right")

    window.go("Bias and fairness")
    page.locator("select:visible").first.select_option(label="Fairness by group")
    window.run()
    window.see("Demographic parity difference by age")

    window.go("Report")
    page.get_by_role("button", name="Prepare a download").click()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("Download tiltyard-report")).click()
    download.value.save_as(tmp_path / "report.html")
    report = (tmp_path / "report.html").read_text()
    context.close()
    assert "from 0.7 on" in report and f"{100 * accuracy:.1f} %" in report
    assert window.errors == []
