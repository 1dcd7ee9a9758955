"""A file of known types: what it holds, and the button by which somebody who knows where it comes from accepts it, or takes that back."""

import html
from collections.abc import Callable

import ipywidgets as w

from tiltyard.artifacts import acceptance
from tiltyard.artifacts.acceptance import Acceptance
from tiltyard.artifacts.verdict import Verdict
from tiltyard.audit import notes as audit
from tiltyard.errors import Problem
from tiltyard.targets.model_file import NotAccepted

from ..controls.fold import Fold
from ..theme import look, plain
from .session import Session

MOST_SHOWN = 40


class Accepting(look.Stack):
    """Empty until a file is refused for want of an acceptance, or one that was accepted is loaded.

    Parameters
    ----------
    again
        Loads what was refused.
    failed
        Shows why a file could not be accepted.
    """

    def __init__(self, session: Session, again: Callable[[], object], failed: Callable[[Exception], object]) -> None:
        super().__init__()
        self.session, self._again, self._failed = session, again, failed
        self._verdict: Verdict | None = None
        self._accepted: Acceptance | None = None
        self._words = look.text("", kind="lead")
        self.why = look.entry("Reason", "who made it, how it came here", help="It stands in the audit log and in the report")
        self.accept = look.button(
            "Accept and load", title="It opens in a child with limits first, then here", denied=session.denied("code")
        )
        self.revoke = look.button("Take it back", title="The file is asked about again", denied=session.denied("code"))
        self.accept.on_click(lambda _: self._accept())
        self.revoke.on_click(lambda _: self._revoke())

    def withdraw(self) -> None:
        """Ask nothing."""
        self.children: tuple[w.Widget, ...] = ()

    def offer(self, problem: Exception) -> bool:
        """Ask, where ``problem`` is that nobody has accepted the file yet; True where it was asked."""
        self.withdraw()
        if not isinstance(problem, NotAccepted) or problem.verdict is None:
            return False
        self._verdict = problem.verdict
        held = sorted({r.what for r in problem.verdict.reasons if r.grade == "known types"})
        self._words.say(
            f"{problem.verdict.name} is a pickle of {len(held)} known types and functions. Opening it runs their code, not its own. "
            "Accept it if you know who made it."
        )
        shown = "".join(f"<li><code>{html.escape(one[:200])}</code></li>" for one in held[:MOST_SHOWN])
        more = f"<li>and {len(held) - MOST_SHOWN:,} more</li>" if len(held) > MOST_SHOWN else ""
        listed = plain.HTML(f"<ul>{shown}{more}</ul>")
        self.children = (self._words, self.why, look.row([self.accept]), Fold([], [listed], "What it holds"))
        return True

    def loaded(self, digest: str) -> None:
        """Say who accepted the file with this SHA-256, where somebody did."""
        self.withdraw()
        try:
            found = next((one for one in acceptance.accepted().files if one.sha256 == digest), None)
        except Problem:
            return
        if found is not None:
            self._accepted = found
            self._words.say(f"Accepted by {found.who} on {found.when:%Y-%m-%d}: {found.why}")
            self.children = (self._words, look.row([self.revoke]))

    def _accept(self) -> None:
        try:
            self.session.person.must("code")
            assert self._verdict is not None
            one = acceptance.accept(self._verdict, str(self.why.value), self.session.person.name)
            self._note("file accepted", one)
        except Problem as problem:
            self._failed(problem)
            return
        self.why.value = ""
        self.withdraw()
        self._again()

    def _revoke(self) -> None:
        try:
            self.session.person.must("code")
            assert self._accepted is not None
            one = acceptance.revoke(self._accepted.sha256)
            self._note("acceptance revoked", one)
        except Problem as problem:
            self._failed(problem)
            return
        self._words.say(f"{one.name} is accepted no more. What is loaded stays until something else is.")
        self.children = (self._words,)

    def _note(self, what: str, one: Acceptance) -> None:
        audit.note(what, one.sha256, {"name": one.name, "verdict": one.verdict, "why": one.why}, who=self.session.person.name)
