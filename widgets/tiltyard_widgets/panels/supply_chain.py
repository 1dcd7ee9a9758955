"""The supply chain: what the model is made of, what is known against it, how old it is, and what it was trained with."""

import base64
from collections.abc import Mapping, Sequence

import ipywidgets as w

from tiltyard.errors import Problem
from tiltyard.result import Column, Metric, Record, Table

from ..controls.download import Download
from ..theme import look
from ..views.table import TableView
from .bar import WorkBar
from .topic_panel import TopicPanel

CARDS = {"supply_chain.advisories": "data_age", "supply_chain.age": "untouched"}


class SupplyChainPanel(TopicPanel):
    """All checks of the supply chain, their state in one table, and the bill of materials as a file."""

    topic = "supply_chain"
    first = "supply_chain.advisories"

    def above(self) -> Sequence[w.Widget]:
        self.overview = TableView()
        self.all = look.button("Run all of them", kind="primary", denied=self.session.denied("run"))
        self.all.on_click(lambda _: self.run_all())
        self.fetch = look.button("Bill of materials as a file", title="CycloneDX 1.6, JSON", denied=self.session.denied("export"))
        self.fetch.on_click(lambda _: self.offer())
        self.link = Download()
        self.progress = WorkBar(self.session)
        self._sum()
        return [look.row([self.all, self.fetch, self.progress]), self.link]

    def below(self) -> Sequence[w.Widget]:
        return [self.overview]

    def refresh(self) -> None:
        super().refresh()
        self._sum()

    def forget(self) -> None:
        super().forget()
        self.link.offer("", "", "")

    def _sum(self) -> None:
        self.overview.show(overview({id: step.title for id, step in self.steps.items()}, self.session.latest))
        under_way = self.progress.work is not None
        self.all.disabled = self.session.target is None or self.session.data is None or under_way or bool(self.session.closed)

    def run_all(self) -> None:
        """Each check as its form says, one after another."""
        self.message.clear()
        try:
            steps = [self.runner(id).made() for id in self.steps]
            title = f"Supply chain: {len(steps)} checks"
            work = self.session.start(steps, self.progress.report, lambda _: None, self._ended, title=title)
        except Problem as problem:
            self.message.say(problem)
            return
        self.progress.take(work, "looking at what is installed")
        self._sum()

    def _ended(self) -> None:
        self._choose(self.choice.value)
        self._sum()
        self.progress.finish("")

    def offer(self) -> None:
        """Make the bill of what is loaded, or of the environment alone, and hand it out as a download."""
        self.message.clear()
        try:
            self.session.person.must("export")
        except Problem as problem:
            self.message.say(problem)
            return
        self.fetch.disabled = True
        self.session.aside(self._bill, self._offered, self._failed)

    def _bill(self) -> bytes:
        from tiltyard.supply_chain.bom import bill, encoded
        from tiltyard.supply_chain.environment import packages

        return encoded(bill(packages(), self.session.target, self.session.data, list(self.session.latest.values()), stamped=True))

    def _offered(self, content: bytes) -> None:
        self.link.offer("bom.cdx.json", "application/vnd.cyclonedx+json", base64.b64encode(content).decode())
        self.fetch.disabled = False

    def _failed(self, problem: Exception) -> None:
        self.message.say(problem, doing="No bill")
        self.fetch.disabled = False


def overview(titles: Mapping[str, str], latest: Mapping[str, Record]) -> Table:
    """Each check with its state, what it says, and how old its data are."""
    columns = tuple(Column(name=n) for n in ("Check", "State", "Says", "Age"))
    rows = tuple((title, *_row(id, latest.get(id))) for id, title in titles.items())
    return Table(name="supply_chain", title="Supply chain at a glance", columns=columns, rows=rows)


def _row(id: str, record: Record | None) -> tuple[str, str, str]:
    if record is None:
        return "not run", "—", "—"
    metric = next((m for m in record.result.metrics if m.name == CARDS.get(id)), None)
    return record.result.status.value.replace("_", " "), record.result.summary, _days(metric)


def _days(metric: Metric | None) -> str:
    if metric is None:
        return "—"
    return "not known" if metric.value is None else f"{metric.value:,.0f} day{'s' * (metric.value != 1)}"
