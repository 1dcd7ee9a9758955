"""An endpoint as a target: batches, retries that are bounded, a query budget that is never overrun, and cancel."""

import hashlib
import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...access.person import me
from ...datasets.schema import Rows, Schema
from ...errors import Problem
from ...result import Identity
from ..class_names import places_of
from ..decision import Labels, LargestScore, Prediction, Scores
from ..estimators import WORDS, Feeds, Outputs, fed, one_hot, softmax
from ..query_budget import BudgetSpent, Meter
from ..target import Target
from .line import Key, Line, Reply, Unreached, rested
from .wire import About, EndpointAnswer, Wire, parsed, written

if TYPE_CHECKING:
    from .address import Address

ROWS, NUMBERS = 256, 50_000
TRIES = 6
FIRST_REST, PATIENCE = 0.25, 60.0
AGAIN = (429, 503)
KEY = "Give key=…, or --key-env with the name of a variable that holds it"
DO = {3: "Check the address", 4: "Check the rows against the model's columns", 5: "See the endpoint's log"}


class Refused(Problem):
    """The endpoint answered ``status`` instead of labels or scores."""

    code = "TY-REFUSED"

    def __init__(self, expected: str, found: str, do: str, status: int = 0) -> None:
        super().__init__(expected, found, do)
        self.status = status

    def __reduce__(self) -> tuple[type["Problem"], tuple[Any, ...]]:
        return Refused, (self.expected, self.found, self.do, self.status)


class HttpTarget(Target):
    """Asks an endpoint. Offers labels, scores where the endpoint gives them, and url.

    Every row is counted in ``meter`` before it is sent, and again where a connection broke off and nobody knows whether it
    arrived; none is sent beyond the meter's budget. 429, 503 and connections that fail are tried again, at most 6 times,
    after what Retry-After says or 0.25 s, doubled each time; a batch waits a minute at most. 413 makes the batches smaller.

    Parameters
    ----------
    order
        Which of the endpoint's k outputs is each class of the schema; empty where they are in its order.
    feeds, outputs
        As of `FunctionTarget`.
    ordered
        Whether the caller or the endpoint said in which order its classes are, so that whole numbers may be places among them.
    decides
        Whether it answers with labels, which then are its own decision; else the largest score counts.

    Attributes
    ----------
    judge
        A second key on which an attack is judged, so that the first pays for the attacker's rows alone; may be none.
    """

    def __init__(
        self,
        line: Line,
        wire: Wire,
        schema: Schema,
        *,
        name: str = "",
        order: tuple[int, ...] = (),
        feeds: Feeds = "encoded",
        outputs: Outputs = "probabilities",
        meter: Meter | None = None,
        about: About | None = None,
        ordered: bool = False,
        decides: bool = False,
    ) -> None:
        about = about or About()
        self.meter = meter or Meter()
        offers = frozenset({"labels", "url"} if outputs == "labels" else {"labels", "scores", "url"})
        what = [str(line.address), wire.title, about.model, feeds, outputs, list(order), list(schema.classes)]
        fingerprint = hashlib.sha256(json.dumps(what).encode()).hexdigest()
        super().__init__(name or about.name or str(line.address), schema.classes, schema, offers, fingerprint)
        self.line, self.wire = line, wire
        self.order = order or tuple(range(len(schema.classes)))
        self.wants: Feeds = feeds
        self.outputs: Outputs = outputs
        self.ordered = ordered
        self.own_rule = about.decision
        self.given = f"{WORDS[feeds]}, as JSON"
        self.decision = None if decides or outputs == "labels" else LargestScore()
        wide = max(int(np.prod(schema.shape if feeds != "encoded" else self.encoding.shape)), len(schema.classes))
        self.batch = max(min(about.batch or ROWS, ROWS, NUMBERS // wide), 1)
        self.origin = str(line.address)
        self.partial = ""
        self.judge = Key("")

    @property
    def address(self) -> "Address":
        """Where it is."""
        return self.line.address

    def judged(self) -> Target:
        if not self.judge:
            return self
        line = Line(self.address, self.judge, self.line.timeout, self.line.largest)
        other = HttpTarget(
            line, self.wire, self.schema, name=self.name, order=self.order, feeds=self.wants, outputs=self.outputs, ordered=self.ordered
        )
        other.batch, other.decision, other.own_rule = self.batch, self.decision, self.own_rule
        other.doubts, other.noise = self.doubts, self.noise
        return other

    @property
    def rule(self) -> str:
        """The decision rule in words."""
        if self.decision is not None:
            return self.decision.words
        return f"the label that the endpoint gives{f', which it says is {self.own_rule}' if self.own_rule else ''}"

    @property
    def identity(self) -> Identity:
        return super().identity.model_copy(update={"detail": f"{self.wire.title} endpoint, {len(self.classes)} classes"})

    @property
    def queries(self) -> int:
        """Rows that may have reached the endpoint so far."""
        return self.meter.spent

    @queries.setter
    def queries(self, value: int) -> None:
        """Ignored: rows are counted where they are sent."""

    @property
    def queries_here(self) -> int:
        """As `queries`: the meter knows no threads."""
        return self.meter.spent

    def __repr__(self) -> str:
        return f"HttpTarget({self.origin!r}, {self.wire.title}, {len(self.classes)} classes)"

    def __reduce__(self) -> Any:
        do = "Run its checks here, with --executor local"
        raise Problem("a target that can be sent to another process", f"{self.name}, an endpoint whose key and budget stay here", do)

    def _scores(self, x: Rows) -> Scores:
        return self._prediction(x).scores

    def _predict(self, x: Rows) -> Labels:
        return self._prediction(x).labels

    def _prediction(self, x: Rows) -> Prediction:
        """Labels and scores of one answer, asked for once."""
        self.meter.afford(len(x))
        labels, scores = np.empty(len(x), np.int64), np.empty((len(x), len(self.classes)))
        start = 0
        while start < len(x):
            part = x[start : start + self.batch]
            reply = self.asked(part)
            if reply is not None:
                found = self.read(self.answered(reply, len(part)))
                place = slice(start, start + len(part))
                labels[place], scores[place] = found.labels, found.scores
                start += len(part)
        return Prediction(labels, scores)

    def asked(self, part: Rows) -> Reply | None:
        """The good reply to one batch; None where it was too large and ``batch`` is smaller now."""
        body = self.request(part)
        counted, slept = False, 0.0
        for turn in range(TRIES):
            if not counted:
                self.meter.take(len(part))
            counted = True
            try:
                reply = self.line.send("POST", self.wire.ask, body, {"Content-Type": "application/json"})
            except Unreached as lost:
                if lost.late or turn + 1 == TRIES or "certificate" in lost.expected:
                    raise
                counted, wait = not lost.sent, FIRST_REST * 2**turn
            else:
                if reply.status not in AGAIN:
                    return self._settled(reply, len(part))
                wait = self._patient(reply, FIRST_REST * 2**turn, slept, turn)
            rested(wait)
            slept += wait
        raise AssertionError("unreachable")

    def _patient(self, reply: Reply, usual: float, slept: float, turn: int) -> float:
        """How long to wait before the next try; `BudgetSpent` where that is longer than anyone waits."""
        asked = retry_after(reply)
        wait = usual if asked is None else asked
        if turn + 1 < TRIES and slept + wait <= PATIENCE:
            return wait
        after = "" if asked is None else f" and asks to wait {asked:,.0f} s"
        if reply.status == 429:
            found = f"429{after}: {self._words(reply)}"
            raise BudgetSpent(f"{self.name} to go on answering", found, "Wait, ask for fewer rows, or use a key with a larger budget")
        raise Problem(f"{self.name} to answer", f"503{after}: {self._words(reply)}", "Try again later")

    def _settled(self, reply: Reply, n: int) -> Reply | None:
        if reply.good:
            return reply
        if reply.status == 413 and n > 1:
            self.batch = max(n // 2, 1)
            self.meter.give_back(n)
            return None
        raise self.refused(reply)

    def request(self, x: Rows) -> bytes:
        """The body that asks about ``x``."""
        return written(self.wire.body(fed(x, self.schema, self.wants)))

    def answered(self, reply: Reply, n: int) -> EndpointAnswer:
        """What a good reply says of ``n`` rows."""
        if reply.cut:
            raise Problem(f"an answer of at most {self.line.largest:,} bytes", "a longer one", "Check the address")
        try:
            return self.wire.answer(parsed(reply.body, self.name), n, self.theirs)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
            if isinstance(error, Problem):
                raise
            found = f"{self.line.key.hidden_in(reply.body[:80].decode('utf-8', 'replace'))!r}"
            found = "something else" if me().shared else found
            raise Problem(
                f"an answer to {n} rows in the {self.wire.title} format from {self.name}", found, "Check address and classes"
            ) from None

    @property
    def theirs(self) -> tuple[str, ...]:
        """The classes in the order of the endpoint's outputs."""
        return tuple(self.classes[ours] for ours in np.argsort(self.order))

    def read(self, answer: EndpointAnswer) -> Prediction:
        """Labels as it decided them, or by its scores where it gives none; probabilities (n, k) in the schema's order."""
        if answer.scores is None:
            if answer.labels is None or self.outputs != "labels":
                raise Problem(f"scores from {self.name}", "labels alone", "Open it again: it answers otherwise than before")
            labels = self._places(answer.labels)
            return Prediction(labels, one_hot(labels, len(self.classes)))
        self.partial = answer.note or self.partial
        scores = columns(answer.scores, len(self.classes), self.outputs)[:, list(self.order)]
        if not np.isfinite(scores).all():
            raise Problem(f"finite scores from {self.name}", "NaN or inf", "Check the model")
        labels = self._decision_of(answer, scores)
        if self.outputs == "labels":
            return Prediction(labels, one_hot(labels, len(self.classes)))
        probabilities = softmax(scores) if self.outputs == "logits" else summed(scores)
        return Prediction(labels if self.decision is None else self.decision(probabilities), probabilities)

    def _decision_of(self, answer: EndpointAnswer, scores: Scores) -> Labels:
        """The labels that it gives; of an endpoint that gives scores alone those of the largest."""
        if answer.labels is not None:
            return self._places(answer.labels)
        if self.decision is None and self.outputs != "labels":
            raise Problem(f"labels from {self.name} beside its scores", "scores alone", "Open it again: it answers otherwise than before")
        return np.asarray(scores.argmax(1), np.int64)

    def _places(self, labels: NDArray[Any]) -> Labels:
        """Labels by value as places in the schema's classes."""
        ours = np.argsort(self.order)
        return np.asarray(ours[places_of(labels, self.theirs, self.name, self.ordered)], np.int64)

    def refused(self, reply: Reply) -> Refused:
        """Why an endpoint did not answer, in one line and in its own words; the key is never part of it."""
        words, status = self._words(reply), reply.status
        if status in (401, 403):
            found = f"{status} {'with' if self.line.key else 'without'} a key{f' ({words})' if words else ''}"
            return Refused(f"a key that {self.address.origin} takes", found, KEY, status)
        found = f"{status}, a redirect, which is not followed" if 300 <= status < 400 else f"{status}{f': {words}' if words else ''}"
        do = DO.get(status // 100 if status not in (404, 405) else 3, DO[4])
        return Refused(f"an answer from {self.origin}", found, do, status)

    def _words(self, reply: Reply) -> str:
        return words(reply, self.line)


def words(reply: Reply, line: Line, most: int = 200) -> str:
    """What an endpoint says of an error, in one short line without the key.

    Behind a shared login only what is in Tiltyard's own form: whatever else answers there may be no endpoint of theirs.
    """
    ours = False
    text = reply.body[:5000].decode("utf-8", "replace")
    try:
        found = json.loads(text)
        error = found.get("error", found.get("detail", found.get("message", found)))
        ours = isinstance(error, dict) and {"expected", "found"} <= set(error)
        text = f"expected {error['expected']}; found {error['found']}" if ours else str(error)
    except (ValueError, AttributeError, RecursionError):
        pass
    if me().shared and not ours:
        return ""
    plain = "".join(sign if sign.isprintable() else " " for sign in line.key.hidden_in(text))
    return " ".join(plain.split())[:most]


def retry_after(reply: Reply) -> float | None:
    """Seconds that Retry-After asks for, given as seconds or as a date; None where it does not."""
    text = reply.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(min(int(text[:12]), 10**9))
    try:
        return max((parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


def columns(scores: Scores, k: int, outputs: Outputs) -> Scores:
    """(n, k) scores also where only the last of two classes was given one."""
    if k == 2 and (scores.ndim == 1 or scores.shape[1] == 1):
        last = scores.reshape(-1, 1)
        return np.concatenate([np.zeros_like(last) if outputs == "logits" else 1 - last, last], 1)
    if scores.ndim != 2 or scores.shape[1] != k:
        raise Problem(f"{k} scores a row, one a class", f"answers of shape {scores.shape}", "Check the classes")
    return scores


def summed(scores: Scores) -> Scores:
    """Rows that sum to 1 although they were rounded; a row rounded to nothing says nothing."""
    total = scores.sum(1, keepdims=True)
    near = np.abs(total - 1) < 0.5
    even = np.full_like(scores, 1 / scores.shape[1])
    out: Scores = np.where(near, scores / np.where(near, total, 1), np.where(total == 0, even, scores))
    return out
