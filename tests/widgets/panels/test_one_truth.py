"""Two windows over one store, driven at random: every number that is shown is the store's, of the model and data in the header."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from tests.tiny import tiny_data
from tests.widgets.panels.waiting import until

from tiltyard.access.person import me
from tiltyard.assessment.standing import Standing, concerns, standing_of
from tiltyard.catalogue import unmet
from tiltyard.cli.commands.report import bundled
from tiltyard.evasion.square import Square
from tiltyard.privacy.dp_sgd import DPSGD
from tiltyard.result import CheckResult, Evidence, Finding, Identity, Record, Severity, Status
from tiltyard.store.lines import RunLine
from tiltyard.store.store import Store
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.restricted import RestrictedTarget
from tiltyard.targets.target import Target
from tiltyard.validation.performance import Performance
from tiltyard_widgets.panels.history import HistoryPanel, table_of
from tiltyard_widgets.panels.report import ReportPanel
from tiltyard_widgets.panels.session import Session
from tiltyard_widgets.panels.topic_panel import TopicPanel
from tiltyard_widgets.panels.workbench import Workbench, states
from tiltyard_widgets.theme.markup import words
from tiltyard_widgets.views.states import STATES

ONE = tiny_data()
TWO = ONE.sample(40, np.random.default_rng(1))
FOUND = Finding(title="Found", severity=Severity.HIGH, evidence=Evidence(sentence="so"), advice="Mend it.")
STEPS = {"performance": Performance(rows=20), "square": Square(**Square.tiny)}
PANELS = ("evasion", "validation", "report", "history")


def model(name: str, column: int) -> Target:
    """A model that asks one column; each is another."""
    return FunctionTarget(
        lambda x: (np.asarray(x)[:, column] > 0.5).astype(np.float32), ONE.schema.classes, ONE.schema, name, fingerprint=name * 4
    )


MODELS = [model("first", 0), model("second", 1)]


def written(check: str, status: Status, target: Identity, data: Identity, kind: str = "check") -> Record:
    """A record as another shell could write it."""
    result = CheckResult(status=status, summary=f"It is {status}.", findings=(FOUND,) * (status is Status.FINDING))
    facts = {"id": f"{check} {datetime.now(UTC).timestamp()}", "check": check, "kind": kind, "title": check, "result": result}
    facts |= {"given": {}, "effective": {}, "seed": 0, "target": target, "data": data, "versions": {}}
    return Record.model_validate(facts | {"started": datetime.now(UTC), "seconds": 0.1, "queries": 0})


class House:
    """Two windows and a shell over one store."""

    def __init__(self, place: Path, seed: int) -> None:
        self.place, self.rng = place, np.random.default_rng(seed)
        self.windows = [self.opened() for _ in range(2)]
        self.done: list[str] = []
        self.moves: dict[str, Callable[[Workbench], None]] = {
            "load": self.load,
            "run": self.run,
            "defend and adopt": self.defend,
            "undo": lambda window: window.undo(),
            "campaign": self.campaign,
            "shell": self.shell,
            "reload": self.reload,
            "delete": self.delete,
        }

    def opened(self) -> Workbench:
        window = Workbench(session=Session(MODELS[0], ONE, Store(self.place)))
        for panel in PANELS:
            window.go(panel)
        return window

    def pick(self, *of: object) -> object:
        return of[int(self.rng.integers(len(of)))]

    def move(self) -> None:
        """One random move in one of the windows, then all are heard out."""
        name = str(self.pick(*self.moves))
        self.done.append(name)
        place = int(self.rng.integers(2))
        self.place_of = place
        self.moves[name](self.windows[place])
        self.settle()

    def settle(self) -> None:
        """Nothing runs, and each window has looked at the store."""
        for window in self.windows:
            session = window.session
            until(lambda session=session: session.queue.running is None and not session.busy)
            until(lambda session=session: not session._looking)
        for window in self.windows:
            session = window.session
            session.look()
            until(lambda session=session: not session._looking)

    def load(self, window: Workbench) -> None:
        window.session.adopt(MODELS[int(self.rng.integers(2))], ONE if self.rng.random() < 0.7 else TWO)

    def run(self, window: Workbench) -> None:
        step = STEPS[str(self.pick(*STEPS))]
        window.session.start([step], lambda _: None, lambda _: None, lambda: None)
        if self.rng.random() < 0.3:  # the model is changed while it runs
            self.load(window)

    def campaign(self, window: Workbench) -> None:
        from tiltyard.campaign.campaign import ThreatModel
        from tiltyard.campaign.rules import Rules

        window.session.start([STEPS["square"]], lambda _: None, lambda _: None, lambda: None, executor=Rules(ThreatModel()))

    def defend(self, window: Workbench) -> None:
        session = window.session
        assert session.target is not None and session.data is not None
        record = written(DPSGD.id, Status.PASSED, session.target.identity, session.data.identity, "defense")
        session.made[record.id] = model(f"{session.target.name[:20]}+", int(self.rng.integers(2)))
        session.add(record)
        session.go_on(record)

    def shell(self, window: Workbench) -> None:
        """Somebody else writes of a model and data, whole or as a threat model shows it."""
        target, data = MODELS[int(self.rng.integers(2))], ONE
        about = RestrictedTarget(target, frozenset({"labels"})) if self.rng.random() < 0.4 else target
        store = Store(self.place)
        run = store.begin("from a shell", target.identity, data.identity)
        for _ in range(2):
            check = str(self.pick("evasion.square", "evasion.pgd", "validation.performance", "campaign.matrix"))
            store.add(run.id, written(check, self.pick(*Status), about.identity, data.identity))  # type: ignore[arg-type]
        store.end(run.id)

    def reload(self, window: Workbench) -> None:
        window.close()
        self.windows[self.place_of] = self.opened()

    def delete(self, window: Workbench) -> None:
        ended = [line for line in Store(self.place).runs() if line.state == "finished"]
        if ended and me().sees_all:
            Store(self.place).delete(ended[int(self.rng.integers(len(ended)))].id)

    def hold(self) -> None:
        """Every number that is shown, against the store."""
        store = Store(self.place)
        for window in self.windows:
            held(window, store)
        for line in store.runs():
            of_run(store, line)


def held(window: Workbench, store: Store) -> None:
    """The header, the rail, every result, the report and the history of a window, against the store."""
    session = window.session
    target, data = session.target, session.data
    assert target is not None and data is not None
    known = store.known(target.fingerprint, data.fingerprint)
    truth = standing_of(known.records.values(), target.identity, data.identity, unmet(target, data))
    header(window, truth)
    assert {item["id"]: (item["state"], item["words"]) for item in window.rail.items if item["id"] in truth.topics} == {
        topic.id: (topic.state, states(session)[topic.id][1]) for topic in truth.topics.values() if topic.id in window.names
    }
    for topic in truth.topics.values():
        if topic.id in window.names:
            assert topic.sentence in states(session)[topic.id][1]
    for name in PANELS:
        if isinstance(panel := window.go(name), TopicPanel):
            results(panel, truth, target.identity, data.identity)
    report(window, truth)
    history(window, store)


def header(window: Workbench, truth: Standing) -> None:
    said = window.header.plain_text()
    assert truth.target is not None and truth.target.name in said
    assert truth.sentence in said
    assert STATES[truth.state][1] in said


def results(panel: TopicPanel, truth: Standing, target: Identity, data: Identity) -> None:
    for id, runner in panel._runners.items():
        shown = runner.view._record
        assert shown == truth.steps[id].shown or (shown is None and truth.steps[id].state == "not_applicable")
        assert shown is None or concerns(shown, target, data)
        told = runner.stands.plain_text()
        assert told == truth.steps[id].stands or (shown is not None and f"{shown.started:%Y-%m-%d %H:%M}" in told)
        if runner.remeasure is not None and runner.remeasure.children:
            assert runner.remeasure.record == truth.steps[id].shown


def report(window: Workbench, truth: Standing) -> None:
    panel = window.go("report")
    assert isinstance(panel, ReportPanel)
    if truth.records:
        bundle = panel.bundle()
        told = standing_of(bundle.records, bundle.target, bundle.data, unmet(window.session.target, window.session.data))  # type: ignore[arg-type]
        assert (told.findings, told.asked, told.of, told.passed) == (truth.findings, truth.asked, truth.of, truth.passed)
        assert counted(told) == counted(truth)
        assert (bundle.target.fingerprint, bundle.data.fingerprint) == window.session.about
    if truth.asked:
        assert truth.sentence in panel.sentence.plain_text()


def counted(stands: Standing) -> dict[str, tuple[str, str]]:
    """Of each step its state and the record that counts; a report may withhold rows of it."""
    return {id: (step.state, step.counted.id) for id, step in stands.steps.items() if step.counted is not None}


def history(window: Workbench, store: Store) -> None:
    window.go("report")
    panel = window.go("history")
    assert isinstance(panel, HistoryPanel)
    lines = store.runs()
    table = panel.table.table
    shown = {row[8]: row[:4] + row[5:7] for row in table.rows} if table is not None else {}
    assert shown == {row[8]: row[:4] + row[5:7] for row in table_of(lines, len(lines)).rows}
    assert all(str(row[0]) in words(panel.table.tree[0]) for row in shown.values())
    if len(lines) > 1:
        assert panel.before.value != panel.after.value


def of_run(store: Store, line: RunLine) -> None:
    """What the list says of a run is what its own records say, and its report from a shell counts the same."""
    own = standing_of(store.records(line.id), line.target, line.data)
    assert line.asked == own.asked
    assert line.with_finding == sum(step.kind == "check" and step.state == "finding" for step in own.steps.values())
    if own.records:
        bundle = bundled(store, line.id)
        told = standing_of(bundle.records, line.target, line.data)
        assert (told.findings, told.asked, told.passed) == (own.findings, own.asked, own.passed)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_every_number_is_the_stores(tmp_path: Path, seed: int) -> None:
    house = House(tmp_path / "runs.sqlite", seed)
    house.settle()
    house.hold()
    for _ in range(12):
        house.move()
        try:
            house.hold()
        except AssertionError as error:
            raise AssertionError(f"after {', '.join(house.done)}: {error}") from error


def test_a_history_that_is_shown_hears_of_other_models(tmp_path: Path) -> None:
    house = House(tmp_path / "runs.sqlite", 0)
    window = house.windows[0]
    panel = window.go("history")
    assert isinstance(panel, HistoryPanel)
    store = Store(house.place)
    store.end(store.begin("of another", MODELS[1].identity, ONE.identity).id)
    window.session.look()
    until(lambda: panel.table.table is not None and len(panel.table.table.rows) == 1)


def test_windows_that_lie_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that hears nothing of others, and one that goes on showing the former model."""
    house = House(tmp_path / "runs.sqlite", 0)
    deaf, stale = house.windows
    monkeypatch.setattr(deaf.session.known, "news", lambda: None)
    house.run(stale)
    house.settle()
    held(stale, Store(house.place))
    with pytest.raises(AssertionError):
        held(deaf, Store(house.place))
    former = stale.session.standing
    monkeypatch.setattr(stale.session, "_standing", lambda: former)
    stale.session.adopt(MODELS[int(stale.session.target is MODELS[0])], ONE)
    with pytest.raises(AssertionError):
        held(stale, Store(house.place))
