"""Red teaming: a threat model, the plan it allows with its cost, the campaign, its outcome; and attacking by hand."""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import ipywidgets as w

from tiltyard.errors import Problem
from tiltyard.formatting.numbers import about
from tiltyard.result import Column, Record, Table

from ..controls.form import form_for
from ..controls.picker import Choice
from ..theme import look, plain
from ..views.cards import outcome
from ..views.outcome import OutcomeView
from ..views.table import TableView
from .bar import WorkBar
from .manual_attack import ByHand
from .panel import Panel
from .session import SHOWING
from .settings import Settings
from .work import Work

if TYPE_CHECKING:
    from tiltyard.campaign.campaign import Plan, Planned
    from tiltyard.campaign.probe import Probe
    from tiltyard.campaign.rules import Rules
    from tiltyard.datasets.dataset import Dataset
    from tiltyard.targets.target import Target

REST = 0.5
FAR = 10.0
GOALS = {"evade": "Evade", "infer": "Infer", "steal": "Steal", "poison": "Poison"}


class RedTeamPanel(Panel):
    """Choose who attacks, see what they would do and what it costs, let them, and read the outcome."""

    title = "Red teaming"

    def build(self) -> Sequence[w.Widget]:
        from tiltyard.campaign.campaign import ThreatModel

        self.plan: Plan | None = None
        self._before: frozenset[str] = frozenset()  # records of campaigns that were started over
        self._turn = 0
        self._timer: threading.Timer | None = None
        self._for: tuple[str, str] | None = None
        self._rules: Rules | None = None
        self._probe: Probe | None = None
        self.mode = Choice(
            label="Who attacks", options=[("A planned campaign", "plan"), ("You, by hand", "hand")], value="plan", kind="segments"
        )
        self.mode.observe(lambda _: self._switch(), "value")
        self.form = form_for(ThreatModel)
        self.form.observe(lambda _: self._later(), "given")
        self.profile = Choice(
            label="Depth of each attack", options=[("Quick: fewer rows", "quick"), ("Full: defaults of each attack", "full")], value="quick"
        )
        self.profile.observe(lambda _: self._later(), "value")
        self.go = look.button("Run the plan", kind="primary", denied=self.session.denied("run"))
        self.go.on_click(lambda _: self.run())
        self.over = look.button("Start over", title="Run every step again, with the whole budget", denied=self.session.denied("run"))
        self.over.on_click(lambda _: self.start_over())
        self.measure = look.button("Measure the costs", title="Run each attack on 10 and on 30 rows, and plan by what that cost")
        self.measure.on_click(lambda _: self.measured())
        self.progress = WorkBar(self.session)
        self.sentence = outcome()
        self.steps = TableView()
        self.left = TableView()
        self.view = OutcomeView("Not run yet.", self.open_step)
        self.found = look.stack([self.sentence, self.steps, self.left])
        self.settings = Settings([self.form, self.profile])
        buttons = look.row([self.go, self.over, self.measure, self.settings.change])
        self.campaign = look.split([buttons, self.progress, self.settings], [self.found])
        self.campaign.add_class("ty-campaign")
        self.settings.observe(lambda change: self._wide(change.new), "folded")
        self.hand = ByHand(self.session, self.message)
        self.place = plain.VBox([self.campaign])
        return [look.heading(self.title), self.message, self.mode, self.place]

    def _wide(self, folded: bool) -> None:
        """The outcome beside the threat model, or over the whole width where that is folded."""
        (self.campaign.add_class if folded else self.campaign.remove_class)("ty-folded")

    def _switch(self) -> None:
        by_hand = self.mode.value == "hand"
        if by_hand:
            self.hand.refresh()
        self.place.children = (self.hand if by_hand else self.campaign,)

    def refresh(self) -> None:
        if self.mode.value == "hand":
            self.hand.refresh()
        target, data = self.session.target, self.session.data
        now = (target.fingerprint, data.fingerprint) if target and data else None
        if now != self._for:
            self._for, self.plan, self._before, self._probe = now, None, frozenset(), None
            self.view.show(None)
            self._restore()
            self._later(0.0)
        self._draw()

    def _restore(self) -> None:
        """The threat model of the last campaign on this target, where a stored run was opened."""
        if (last := self.session.latest.get("campaign.matrix")) is not None:
            from tiltyard.campaign.campaign import ThreatModel

            threat = ThreatModel.model_validate(last.effective["plan"]["threat"])
            self.form.set(threat.model_dump(mode="json"))
            self.settings.fold()

    def _later(self, rest: float = REST) -> None:
        """Plan anew once the form rests."""
        self._turn += 1
        turn = self._turn
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(rest, lambda: self.session.on_main(lambda: self._plan(turn)))
        self._timer.daemon = True
        self._timer.start()

    def _plan(self, turn: int) -> None:
        target, data = self.session.target, self.session.data
        if turn != self._turn or target is None or data is None or self.progress.work is not None:
            return
        if self.form.error:
            self.plan = None
            self.sentence.say("failed", self.form.error)
            self._draw()
            return
        threat, profile, probe = self.form.step(), self.profile.value, self._probe
        self.sentence.say("running", "Planning …" if probe is None else "Measuring each attack on a few rows …")

        def body() -> "Plan":
            from tiltyard.campaign.campaign import plan
            from tiltyard.campaign.cost import Cost

            return plan(threat, target, data, profile, costs=probe or Cost.of)  # type: ignore[arg-type]

        self.session.aside(body, lambda found: self._planned(turn, found), self._failed)

    def measured(self) -> None:
        """Plan by what each attack costs on a few rows, from now on for this target and these data."""
        from tiltyard.campaign.probe import Probe

        if self.session.target is not None and self.progress.work is None:
            self._probe = self._probe or Probe()
            self._later(0.0)

    def _planned(self, turn: int, found: "Plan") -> None:
        if turn == self._turn:
            self.plan = found
            self._draw()

    def _failed(self, problem: Exception) -> None:
        self.sentence.say("failed", str(problem))
        self.message.say(problem)

    def mine(self) -> list[Record]:
        """The records of this campaign."""
        if self.plan is None or self.session.target is None:
            return []
        from tiltyard.campaign.rules import own

        return own(self.plan, self.session.target, [r for r in self.session.records if r.id not in self._before])

    def waiting(self) -> "list[Planned]":
        """The planned steps that have no record."""
        if self.plan is None or self.session.target is None:
            return []
        from tiltyard.campaign.rules import remaining

        return remaining(self.plan, self.session.target, self.mine())

    def _draw(self) -> None:
        plan, busy = self.plan, self.progress.work is not None
        waiting = self.waiting()
        done = len(plan.steps) - len(waiting) if plan else 0
        self.go.disabled = busy or not waiting or bool(self.session.closed)
        self.over.disabled = busy or not done or bool(self.session.closed)
        self.go.description = f"Resume: {len(waiting)} of {len(plan.steps)} left" if plan and done and waiting else "Run the plan"
        if plan is None:
            self.steps.show(None)
            self.left.show(None)
            if self.session.target is None:
                self.sentence.say("not_run", "Load a model and data first; then the plan stands here.")
            return
        if not busy:
            self.progress.cost(
                f"Cost: {about(sum(p.seconds for p in waiting))}, and {sum(p.queries for p in waiting):,} rows asked" if waiting else ""
            )
            self.sentence.say("not_run" if plan.steps else "not_applicable", sentence(plan, len(waiting)))
        mine = self.mine()
        self.steps.show(plan_table(plan, {p.id for p in waiting}))
        self.left.show(left_table(plan))
        self._matrix(mine)
        # The outcome comes first once something ran; its own tables say what was left out.
        self.found.children = (
            (*((self.sentence,) if busy or waiting else ()), self.view, self.steps) if mine else (self.sentence, self.steps, self.left)
        )

    def _matrix(self, mine: list[Record]) -> None:
        target, data = self.session.target, self.session.data
        if not mine or self.plan is None or target is None or data is None:
            self.view.show(None)
            return
        from tiltyard.campaign.matrix import campaign_record

        self.view.show(campaign_record(self.plan, target, data, mine), CODE)

    def start_over(self) -> None:
        """Forget what was run of this campaign here; the store keeps it."""
        self._before = frozenset(record.id for record in self.session.records)
        self.run()

    def run(self) -> None:
        """Run what has no record yet, within what the threat model leaves."""
        self.message.clear()
        try:
            about = self.session.ready()
            if self.plan is None or not self.waiting():
                raise Problem("a plan with a step that was not run", "none", "Choose another threat model, or start over")
            from tiltyard.campaign.rules import Rules

            plan, mine = self.plan, self.mine()
            found: list[Record] = []
            held: list[Work] = []
            from tiltyard.campaign.cost import Cost

            self._rules = Rules(plan.threat, mine, plan=plan, costs=self._probe or Cost.of)
            steps = [p.step for p in self.waiting()]
            over = lambda: self._over(held, about, plan, [*mine, *found])  # noqa: E731
            with SHOWING:  # its end is not heard before it is held
                held.append(self.session.start(steps, self.progress.report, found.append, over, executor=self._rules, title="Red teaming"))
        except Problem as problem:
            self.message.say(problem)
            return
        self.settings.fold()
        self.progress.take(held[0], f"Running {len(steps)} attacks")
        words = self.session.queue.words(held[0])
        runs = f"{len(steps)} attacks are running, {plan.threat.words} …"
        self.sentence.say("waiting" if words else "running", f"{words}." if words else runs)
        self.progress.begun = lambda _: self.sentence.say("running", runs)
        self.go.disabled = self.over.disabled = True

    def _over(self, held: list[Work], about: "tuple[Target, Dataset]", plan: "Plan", records: list[Record]) -> None:
        """The campaign's matrix goes into the run of the model it was about, whichever is in the header now."""
        late = self._rules is not None and self._rules.out_of_time
        target, data = about
        if self._rules is not None and self._rules.plan is not None:
            plan, was = self._rules.plan, plan
            self.plan = plan if self.plan is was else self.plan
        if records:
            from tiltyard.campaign.matrix import campaign_record

            self.session.keep(campaign_record(plan, target, data, records), held[0])
        if self.session.warning:
            self.message.say(self.session.warning, level="warning")
        if target is self.session.target and data is self.session.data:
            left = len(self.waiting())
            self.progress.finish(
                "The time budget is spent." if late else f"Stopped; {left} attacks are left. Resume goes on." if left else "Ended"
            )
        self._draw()


def sentence(plan: "Plan", waiting: int) -> str:
    """The plan in a sentence."""
    n = len(plan.steps)
    if not n:
        return f"No attack is possible for this attacker ({plan.threat.words}): see below why."
    if not waiting:
        return f"All {n} attacks of this plan were run."
    cost = f"{about(plan.seconds)} and {plan.queries:,} of {plan.threat.query_budget:,} rows"
    if waiting < n:
        return f"{waiting} of {n} attacks are left; what was run is below and is not run again."
    return f"{n} attacks, each goal in turn: {cost}; {len(plan.left_out)} are left out."


def plan_table(plan: "Plan", waiting: set[str]) -> Table:
    """The ordered steps with their cost."""
    columns = (
        Column(name="#", kind="integer"),
        Column(name="Goal"),
        Column(name="Attack"),
        Column(name="Rows asked", kind="integer"),
        Column(name="Time"),
        Column(name="State"),
        Column(name="Note"),
    )
    rows = tuple(
        (
            i + 1,
            GOALS[p.goal],
            p.title,
            p.queries,
            about(p.seconds).replace(" ", "\u00a0"),
            "to run" if p.id in waiting else "done",
            "; ".join(filter(None, (_known(p), p.note))) or "–",
        )
        for i, p in enumerate(plan.steps)
    )
    return Table(name="plan", title="The plan", columns=columns, rows=rows)


def _known(p: "Planned") -> str:
    """How its cost is known."""
    if p.measured and p.queries_high is not None and p.seconds_high is not None:
        rows = f"{round(p.queries_low or 0):,}{_up_to(p.queries, p.queries_high, f' to {round(p.queries_high):,}')} rows"
        return f"measured: {rows}, {about(p.seconds_low or 0)}{_up_to(p.seconds, p.seconds_high, f' to {about(p.seconds_high)}')}"
    return "the time is a guess" if p.guessed else ""


def _up_to(value: float, high: float, text: str) -> str:
    """The upper end, as ``text``; one that is ten times the value and more bounds nothing."""
    return text if high <= FAR * value else " or more"


def left_table(plan: "Plan") -> Table | None:
    """What was left out, and why."""
    if not plan.left_out:
        return None
    columns = (Column(name="Goal"), Column(name="Attack"), Column(name="Why not"))
    rows = tuple((GOALS[one.goal], one.title, one.reason) for one in plan.left_out)
    return Table(name="left_out", title="Left out", columns=columns, rows=rows)


CODE = """from tiltyard.campaign.campaign import ThreatModel, plan
from tiltyard.campaign.matrix import matrix
from tiltyard.campaign.rules import start

found = plan(ThreatModel(knowledge="black", access="scores", query_budget=200_000), target, data)
records = start(found, target, data).wait()
print(matrix(records, found).summary)
"""
