"""The guarded model: what one request may do and what it is answered, given its key and its body. HTTP is the business of `app`."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from ..access.roles import Action, allows, role_of_scopes
from ..datasets.encoding import encoding_of
from ..datasets.schema import Rows, Schema
from ..errors import Problem
from ..targets.decision import Labels, Prediction, Scores
from ..targets.target import Target
from .answers import answer, policy_facts
from .examples import exemplary
from .extraction_detector import ExtractionDetector, Watched
from .gate import where
from .journal import Journal, Trace
from .keys import Key, KeyStore
from .labels import Learner, counted, truths
from .places import Visit
from .quota import Quota
from .refusal import Refusal, refuse
from .rows import Bounds, instances, read_rows
from .settings import Settings

if TYPE_CHECKING:
    from ..validation.guard import FittedGuard

Observer = Callable[[Rows, Scores, Labels, str, str], None]
BEARER = "bearer "
MOST_UNOBSERVED = 256
LOGGED_EVERY = 1000


class Guarded:
    """A target with its keys, quota, input guard, output policy and log. `app.make_app` makes one and calls it for every request.

    Attributes
    ----------
    observers
        Called after each answer with (x, scores, labels, the key's account, request_id), in order, in a thread of their own. What one raises
        is logged and stops nothing. When they are `MOST_UNOBSERVED` answers behind, further answers are not shown to them: ``unobserved``
        counts these and the log has a line of it. Where the extraction detector may refuse keys, requests are refused until they catch up.
    learner
        Called with the true labels that come for answers given; None where accuracy is not kept.
    """

    def __init__(
        self, target: Target, settings: Settings, keys: KeyStore, quota: Quota, journal: Journal, guard: "FittedGuard | None" = None
    ) -> None:
        self.target = target
        self.settings = settings
        self.keys = keys
        self.quota = quota
        self.journal = journal
        self.guard = guard
        self.observers: list[Observer] = []
        self.learner: Learner | None = None
        self.detector: ExtractionDetector | None = None
        self.unobserved = 0
        self.example = exemplary(target.schema, guard)
        self._bounds = Bounds.of(target.schema)
        self._waiting = 0
        self._behind = 0
        self._count = threading.Lock()
        self._model = ThreadPoolExecutor(settings.limits.threads, "tiltyard-model")
        self._aside = ThreadPoolExecutor(1, "tiltyard-observer")

    def admitted(self, header: str | None, action: Action, trace: Trace, visit: Visit | None = None) -> Key:
        """The key of an Authorization header, if it may do ``action``; else a refusal 401, 403, 429 or 503. ``visit`` counts wrong keys."""
        key = self._identified(header, visit)
        trace.key = key.id
        if not allows(role_of_scopes(key.scopes), action):
            raise refuse(403, f"a key that may {_words(action)}", f"scope {', '.join(key.scopes)}", "Use another key")
        if (
            action == "run"
            and self.settings.extraction_detector.action == "refuse"
            and self.detector is not None
            and self.detector.of(key.account).refused
        ):
            raise refuse(403, "queries like those of other clients", "a pattern of model extraction", "Ask the operator")
        self.quota.admit(key)
        return key

    def _identified(self, header: str | None, visit: Visit | None) -> Key:
        secret = header[len(BEARER) :].strip() if header and header[: len(BEARER)].lower() == BEARER else ""
        key = self.keys.find(secret) if secret else None
        state = key.state(self.keys.clock()) if key else "unknown" if secret else "none"
        if key is None or state != "valid":
            if visit is not None:
                visit.refused()
            refusal = refuse(
                401, "Authorization: Bearer with a valid key", f"{state} key".replace("none key", "none"), "Ask the operator for a key"
            )
            refusal.headers["WWW-Authenticate"] = 'Bearer realm="tiltyard"'
            raise refusal
        if visit is not None and not visit.shown(key.account):
            raise refuse(503, "a connection that is free for this key", "none", "Use fewer at a time, or try again", 1)
        return key

    def keep(self, detector: ExtractionDetector) -> None:
        """Watch every key with this detector."""
        self.detector = detector
        detector.on_flag = self._flagged
        self.observers.append(detector)

    async def predict(self, key: Key, body: Any, trace: Trace) -> dict[str, Any]:
        """The answer to a body under the output policy; raises `Refusal`."""
        limits = self.settings.limits
        rows = instances(body, limits.rows)
        x = read_rows(rows, self.target.schema, self._bounds)
        if self._waiting >= limits.waiting:
            raise refuse(503, f"at most {limits.waiting} requests waiting", "more", "Try again", 1)
        if self._overrun:
            raise refuse(503, "answers that the extraction detector can follow", "more than it has read", "Try again", 1)
        self.quota.spend(key, len(x))
        trace.rows = len(x)
        found = await self._answered(x)
        self._show(x, found, key.account, trace.id)
        return answer(found, self.target.classes, self.settings.output)

    async def learn(self, body: Any) -> dict[str, Any]:
        """Tell the learner the labels of a body, after all answers given before it; how many were right. Raises `Refusal`."""
        if self.learner is None:
            raise refuse(404, "an endpoint that keeps windows", "one that keeps none", "Start it with --monitor WINDOWS.jsonl")
        given = truths(body, self.target.classes)
        facts = await asyncio.get_running_loop().run_in_executor(self._aside, counted, self.learner, given)
        self.journal.event({"event": "labels came"} | facts)
        return facts

    @property
    def _overrun(self) -> bool:
        """Would the detector miss an answer, though whom it flags is to be refused? A flood must not be a way past it."""
        return self.detector is not None and self.settings.extraction_detector.action == "refuse" and self._behind >= MOST_UNOBSERVED

    def facts(self) -> dict[str, Any]:
        """The JSON of ``/v1/model``."""
        schema, limits, rate = self.target.schema, self.settings.limits, self.settings.rate
        return {
            "name": self.settings.name or self.target.name,
            "classes": list(self.target.classes),
            "decision": self.target.rule,
            "input_shape": list(self.target.encoding.shape),
            "columns": [] if schema.images else list(schema.columns),
            "features": [_feature(f.model_dump(mode="json")) for f in schema.features],
            "example": self.example,
            "policy": policy_facts(self.settings.output),
            "limits": {
                "body": limits.body,
                "rows": limits.rows,
                "seconds": limits.seconds,
                "requests_rate": rate.requests,
                "rows_rate": rate.rows,
            }
            | {"budget": rate.budget, "budget_days": rate.days},
        }

    def settle(self) -> None:
        """Wait until the observers have seen every answer so far."""
        self._aside.submit(lambda: None).result()

    def close(self) -> None:
        """Let the observers finish, write what was spent of the budgets, end the threads."""
        self._aside.shutdown()
        if self.detector is not None:
            self.detector.close()
        self._model.shutdown(wait=False, cancel_futures=True)
        self.quota.close()
        self.quota.ledger.close()
        self.journal.close()

    async def _answered(self, x: Rows) -> Prediction:
        seconds = self.settings.limits.seconds
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._model, self._ask, x)
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            raise refuse(503, f"an answer within {seconds:g} s", "none yet", "Send fewer rows, or try again later", 1) from None
        finally:
            self._waiting -= 1

    def _ask(self, x: Rows) -> Prediction:
        if self.guard is not None:
            refused = self.guard.refused(x)
            if refused.any():
                raise _strange(self.guard, x, int(refused.argmax()))
        return self.target.predictions(x)

    def _show(self, x: Rows, found: Prediction, key: str, request: str) -> None:
        if not self.observers:
            return
        with self._count:
            if self._behind >= MOST_UNOBSERVED:
                self.unobserved += 1
                if self.unobserved % LOGGED_EVERY == 1:
                    self.journal.event({"event": "answers not observed", "number": self.unobserved})
                return
            self._behind += 1
        self._aside.submit(self._observe, x, found, key, request)

    def _flagged(self, key: str, watched: Watched) -> None:
        self.journal.event({"event": "extraction suspected", "key": key} | watched.facts())

    def _observe(self, x: Rows, found: Prediction, key: str, request: str) -> None:
        for observer in self.observers:
            try:
                observer(x, found.scores, found.labels, key, request)
            except Exception as error:
                self.journal.event({"event": "observer failed", "error": where(error)})
        with self._count:
            self._behind -= 1


def _strange(guard: "FittedGuard", x: Rows, row: int) -> Refusal:
    """The refusal of a row the guard does not know, with the table's column in which it is farthest from the nearest row that it does."""
    z = guard.normalized(x[row : row + 1])
    near = guard.reference[((guard.reference - z) ** 2).sum(1).argmin()]
    column = "" if guard.schema.images else _column_at(guard.schema, int(np.abs(near - z[0]).argmax()))
    text = f"one unlike them in row {row}" + (f", most in {column!r}" if column else "")
    return Refusal(422, Problem("a row like those the model was made for", text, "Check the row"), column=column or None, row=row)


def _column_at(schema: Schema, place: int) -> str:
    """The table's column that the encoded column ``place`` comes from."""
    name, span = next((name, span) for name, span in encoding_of(schema).slices.items() if span.start <= place < span.stop)
    return schema.feature(name).table_columns[place - span.start if schema.feature(name).kind == "onehot" else 0]


def _feature(facts: dict[str, Any]) -> dict[str, Any]:
    """A feature as a client needs it: no word of how the schema was guessed or what an attacker may change."""
    keep = ("name", "kind", "low", "high", "unit", "categories", "written", "columns", "shape", "dtype", "ordered", "missing")
    return {k: facts[k] for k in keep if facts[k] not in ([], "") and facts[k] is not False}


def _words(action: Action) -> str:
    return "ask the model" if action == "run" else "do what an admin does"
