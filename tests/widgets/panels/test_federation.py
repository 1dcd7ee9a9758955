"""The Federation panel through its traits: sliders set the step, the curve grows with each round, what cannot be is said in a line."""

from pathlib import Path

import pytest

from tiltyard.samples.catalog import load
from tiltyard.store.store import Store
from tiltyard_widgets.panels.federation import TRAINING, FederationPanel
from tiltyard_widgets.panels.session import Session
from tiltyard_widgets.panels.workbench import PANELS

from .waiting import until


@pytest.fixture
def panel(tmp_path: Path) -> FederationPanel:
    census = load("census")
    return FederationPanel(session=Session(census.target, census.data, Store(tmp_path / "runs.sqlite")))


def test_it_stands_in_the_rail():
    assert PANELS["federated"][0] == "Federation"


def test_sliders_set_the_step_and_the_curve_grows(panel):
    runner = panel.runner(TRAINING)
    runner.bound.clients.value, runner.bound.attackers.value, runner.bound.rounds.value = 7, 2, 3
    runner.bound.rule.value = "krum"
    runner.form.set({"rows": 300})
    told: list[int] = []
    show = panel.round_charts.show

    def kept(charts):
        told.append(len(charts[0].series[0].x) if charts else 0)
        show(charts)

    panel.round_charts.show = kept
    runner.run()
    until(lambda: not panel.session.busy)
    record = panel.session.latest[TRAINING]
    assert told == [2, 3, 4, 0]
    assert panel.round_charts.children == ()
    assert {name: record.effective[name] for name in ("clients", "attackers", "rule", "tolerate", "rounds")} == {
        "clients": 7,
        "attackers": 2,
        "rule": "krum",
        "tolerate": 2,
        "rounds": 3,
    }
    assert record.result.charts[0].name == "accuracy_by_round"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"clients": 5, "attackers": 2, "rule": "krum"}, "Krum needs 7 clients to withstand 2; there are 5."),
        ({"clients": 3, "attackers": 4}, "At most 3 malicious clients"),
        ({"noise": 1.0, "rule": "median"}, "choose FedAvg, or no noise"),
        ({"clients": 1, "attackers": 0}, "FedAvg: the mean, weighted by rows."),
    ],
)
def test_what_the_settings_mean_is_said_at_once(panel, given, says):
    bound = panel.runner(TRAINING).bound
    for name, value in given.items():
        getattr(bound, name).value = value
    assert says in str(bound.line.tree)


def test_impossible_settings_are_a_line_and_lose_nothing(panel):
    runner = panel.runner(TRAINING)
    runner.bound.clients.value, runner.bound.attackers.value, runner.bound.rule.value = 5, 2, "krum"
    runner.run()
    assert "needs 7 clients to withstand 2" in panel.message.text
    assert panel.session.busy == ""
    assert int(runner.bound.clients.value) == 5


def test_noise_says_what_it_costs(panel):
    bound = panel.runner(TRAINING).bound
    bound.noise.value = 1.0
    until(lambda: "Epsilon" in str(bound.line.tree))
    assert "by the closed form" in str(bound.line.tree)
