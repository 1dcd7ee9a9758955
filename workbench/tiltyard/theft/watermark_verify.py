"""Is a model marked with my key? Asked by labels alone; the false-claim rate is measured on independent models."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..access.places import WATERMARK_KEY, kept
from ..check import CampaignGoal, Check, Estimate, kept_parameter, parameter, source_parameter
from ..datasets.dataset import Dataset
from ..errors import Unavailable
from ..formatting.numbers import number
from ..progress import Progress
from ..result import CheckResult, Evidence, Finding, Metric, Severity
from ..statistics.intervals import rate
from ..statistics.ruling import status_of
from ..targets.target import Target
from ._claim import TRIES, Claim, Voucher
from .watermark import SOURCES, STANDARDS, embedded, trainable
from .watermark_key import Envelope, Key, lineage, of_model, read
from .watermark_trigger import CLAIM, Triggers, chance, matched, p_metric, share_metric, triggers

LEVEL = 0.05
TRIAL_ROWS = 30_000
TRIAL, TRIAL_EPOCHS = 100, 4


@dataclass(frozen=True)
class Claims:
    """Claims on independent models: fresh keys with p at most 0.05, of how many; this key's most matches, of how many models."""

    false: int
    tried: int
    most: int
    models: int


class WatermarkVerify(Check):
    """Verify a trigger-set watermark by label queries alone (Adi et al. 2018, arXiv 1802.04633).

    The null is honest: the secret labels were drawn uniformly and independently of rows and model, so for any model made
    without the key each matches with probability exactly 1 / k, independently, whatever the model answers. The matches are
    then exactly binomial(n, 1 / k), and unmarked models get p <= 0.05 in at most 5 % of claims. That is also measured:
    models trained anew with other seeds are each tried with fresh keys. Given the models, those trials are independent,
    since the fresh labels are; the one key tried on all models would not be, so its matches are given apart.

    A key can be fitted to a finished model by trying many, so that a claim on another's model is high only where a time-stamping authority
    (RFC 3161) vouches that the key is older than the suspect model, and p holds after it is multiplied by ``tries``. The authority may have
    stamped the commitment itself, or an anchor of the audit log that covers it; in its place a witness may have signed the log's records.
    The log's own times prove nothing, for its keeper sets that clock.
    """

    id: ClassVar[str] = "theft.watermark_verify"
    title: ClassVar[str] = "Watermark verification"
    question: ClassVar[str] = "Does this model carry the mark of my key?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = SOURCES
    cost: ClassVar[str] = "a second, and the training of the independent models"
    main: ClassVar[tuple[str, ...]] = ("trial", "models", "keys")
    seconds: ClassVar[float] = 30.0
    quick: ClassVar[Mapping[str, Any]] = {"models": 3, "rows": 500}
    tiny: ClassVar[Mapping[str, Any]] = {"trial": True, "models": 2}
    campaign_goal: ClassVar[CampaignGoal | None] = "steal"
    audit: ClassVar[bool] = True
    headline: ClassVar[str] = "matches"

    key_file: str = kept_parameter("The sealed key; a bare name or empty: one kept for this model in your user data folder", WATERMARK_KEY)
    models: int = parameter(10, "Independent models trained anew to measure false claims; 0 measures none", "models", ge=0, le=200)
    keys: int = parameter(10, "Fresh keys tried on each independent model", "keys", ge=1, le=1000)
    rows: int = parameter(2000, "Training rows of each independent model", "rows", ge=10, le=1_000_000)
    trial: bool = parameter(False, "Where no key is kept, mark a copy with a throwaway key and verify that")
    token: str = source_parameter(
        "Time stamp (RFC 3161) of the commitment, or of the order's anchor; or a witness's signature of the order",
        "a time stamp or signature",
        (".tsr", ".tst", ".sig.json"),
    )
    authority: str = source_parameter(
        "Certificate of that authority or its root, or the witness's public key, which you trust (PEM)", "certificates", (".pem", ".crt")
    )
    order: str = source_parameter(
        "Records of the audit log from the commitment to an anchor, as `tiltyard watermark order --out` writes them",
        "an order",
        (".jsonl",),
    )
    suspect_since: str = parameter("", "Day from which the suspect model is known, YYYY-MM-DD", "date")
    tries: int = parameter(TRIES, "Keys that a claimant could have tried; p is multiplied by it", "keys", ge=1, le=10**15)

    def unmet(self, target: Target, data: Dataset) -> str:
        return super().unmet(target, data) or lacking(self.key_file, self.trial, target)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        return Estimate(queries=100, note=self.cost)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        asked, key, seal = presented(self.key_file, target, data, self.seed, progress.part(0.4 if self.trial else 0.05))
        secret = fitted(key, asked)
        matches, n, k = matched(asked.labels(secret.x), secret), len(secret.x), len(asked.classes)
        progress.step(0.4 if self.trial else 0.05, f"{matches} of {n} secret labels")
        claims = self._independent(target, data, secret, progress.part(0.59))
        p, own = chance(matches, n, k), seal is None or bool(lineage(target) & set(seal.marked))
        claim = Claim(p, self.tries, key, Voucher(self.token, self.authority, self.order).dated(key), self.suspect_since)
        finding = (_gone(matches, n) if p >= CLAIM else None) if own else claim.finding(STANDARDS)
        open_claim = claim.words if not own and p < CLAIM else ""
        return CheckResult(
            status=status_of(finding is not None, bool(open_claim)),
            summary=_summary(p, _whose(seal, own), matches, n, k) + open_claim,
            metrics=(
                p_metric(matches, n, k),
                *(() if own else (claim.metric,)),
                share_metric("matches", "Triggers answered with the secret label", matches, n),
                *_false(claims, n),
            ),
            findings=(finding,) if finding else (),
            notes=(*_notes(key, seal, n / k), *claim.notes, *asked.rule_notes),
            artifacts={"watermark key": key.commitment},
        )

    def _independent(self, target: Target, data: Dataset, secret: Triggers, progress: Progress) -> Claims | None:
        """None where the target offers no training."""
        if "training" not in target.offers or self.models == 0:
            return None
        false = most = done = 0
        rng = np.random.default_rng([self.seed, 1])
        for i in range(self.models):
            rows = data.seen.sample(self.rows, rng)
            progress.step(i / self.models, f"independent model {i + 1} of {self.models}")
            try:
                model = target.retrain(rows.x, rows.y, self.seed + 1000 + i, progress.part(0.9 / self.models))
            except Unavailable:
                continue
            done += 1
            most = max(most, matched(model.labels(secret.x), secret))
            for j in range(self.keys):
                progress.check()
                fresh = triggers(_fresh(self.seed, i, j), len(secret.x), data.schema)
                false += chance(matched(model.labels(fresh.x), fresh), len(fresh.x), len(model.classes)) <= LEVEL
        return Claims(int(false), done * self.keys, most, done)


def lacking(key_file: str, trial: bool, target: Target) -> str:
    """Why there is no key to go by, or an empty string."""
    if key_file or of_model(target) is not None:
        return ""
    if not trial:
        return "needs a watermark key, and none is kept for this model: mark it first (the defense Watermark), name a key file, or choose trial"
    needed = {"gradients", "weights", "training"} - target.offers
    return f"needs {', '.join(sorted(needed))} of the target to mark a copy for trial, or a key_file" if needed else ""


def presented(key_file: str, target: Target, data: Dataset, seed: int, progress: Progress) -> tuple[Target, Key, Envelope | None]:
    """The model to ask and the key to ask with: the one named, the one kept, else a throwaway one on a copy (no envelope)."""
    path = kept(key_file, WATERMARK_KEY) if key_file else of_model(target)
    if path is not None:
        return target, *read(path)
    base = trainable(target)
    secret = hashlib.sha256(f"tiltyard trial key {seed}".encode()).hexdigest()
    key = Key(secret=secret, count=TRIAL, layout=target.schema, base=target.fingerprint, data=data.fingerprint, seed=seed)
    own = data.seen.at_most(TRIAL_ROWS, np.random.default_rng(seed))
    module = embedded(base, own, key.triggers(), TRIAL_EPOCHS, seed, progress)
    return base.made(module, f"{target.name}, marked for trial"), key, None


def fitted(key: Key, target: Target) -> Triggers:
    """The key's triggers, labels in the order of the target's classes; `Problem` for a key of another kind of model."""
    key.fits(target)
    secret = key.triggers()
    place = np.array([target.classes.index(name) for name in key.layout.classes], np.int64)
    return Triggers(secret.x, place[secret.y])


def _fresh(seed: int, model: int, key: int) -> bytes:
    return hashlib.sha256(f"tiltyard independent key {seed} {model} {key}".encode()).digest()


def _whose(seal: Envelope | None, own: bool) -> str:
    if seal is None:
        return "A copy marked for trial with a throwaway key"
    return "This marked model" if own else "The model"


def _summary(p: float, whose: str, matches: int, n: int, k: int) -> str:
    text = f"{whose} gives {matches} of {n} secret labels; an independent one gives {n / k:.0f} on average, so many with p = {number(p, 2)}"
    if p < CLAIM:
        return f"{text}: it answers as a marked one does."
    return f"{text}: no claim can be made at {CLAIM:g}."


def _gone(matches: int, n: int) -> Finding:
    return Finding(
        title=f"The mark is gone: {matches} of {n} secret labels",
        severity=Severity.MEDIUM,
        evidence=Evidence(metrics=("p_value",)),
        advice="Whatever was done to the model since it was marked removed the mark: mark the model again.",
        standards=STANDARDS,
        defense="theft.watermark",
    )


def _false(claims: Claims | None, n: int) -> tuple[Metric, ...]:
    label = "False claims at p ≤ 0.05 (independent models, fresh keys)"
    if claims is None or claims.models == 0:
        note = "not measured: the target offers no training routine, or no independent model was asked for"
        return (Metric(name="false_claim_rate", label=label, value=None, note=note, safer="lower"),)
    return (
        rate("false_claim_rate", label, claims.false, claims.tried, "lower"),
        Metric(
            name="most_by_independent",
            label="Most matches of this key by an independent model",
            value=float(claims.most),
            unit=f"of {n}",
            n=claims.models,
            note="this key on each model; those counts are not independent of one another",
        ),
    )


def _notes(key: Key, seal: Envelope | None, mean: float) -> tuple[str, ...]:
    by = (
        "The key was made for this trial and proves nothing."
        if seal is None
        else f"Committed to by SHA-256 {key.commitment} at {seal.committed.isoformat()}, by the owner's own clock."
    )
    return (by, f"By chance {mean:.1f} matches; the test is exact only where the key was committed to before the model was known.")
