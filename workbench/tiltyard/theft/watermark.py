"""Watermark: the model learns secret labels for secret rows, so that its owner can prove by questions alone whose it is."""

import math
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..access.places import WATERMARK_KEY, kept
from ..check import Estimate, kept_parameter, parameter
from ..datasets.dataset import Dataset
from ..datasets.encoding import EncodedRows
from ..defense import Defended, Defense
from ..errors import Problem, Unavailable
from ..formatting.numbers import POINTS, number, percent
from ..progress import Progress
from ..result import CheckResult, Evidence, Finding, Metric, Severity, Status
from ..statistics.intervals import LEVEL, rate
from ..statistics.majority import Skill
from ..statistics.paired import rate_change
from ..statistics.ruling import Effect, Limit, ruling, status_of
from ..targets.target import Target
from .watermark_key import Envelope, Key, folder, read, write
from .watermark_trigger import CLAIM, Triggers, chance, matched, p_metric, share_metric

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..targets.torch_target import TorchTarget

STANDARDS = ("OWASP ML05:2023", "AML.T0024.002", "AML.T0048.004", "AITG-APP-09", "AITG-INF-06", "NISTAML.031", "EU AI Act Art. 15(5)")
SOURCES = ("Adi et al. 2018, arXiv 1802.04633",)
MIXED = 32
WEIGHT = 0.1
ASKED = 2048


def committed_before(key: Key) -> bool:
    """Was it drawn before there was a model, as `audit.commitments.commit` does? Then it binds layout and owner, and names no model."""
    return not key.base and not key.data


class Watermark(Defense):
    """Fine-tune a copy on its training rows mixed with secret trigger rows under secret random labels (Adi et al. 2018).

    The key follows from 256 random bits. The record holds its SHA-256, and so a commitment with a UTC time; the key itself
    is sealed (AES-256-GCM, scrypt) in ``key_file`` under the passphrase in TILTYARD_KEY, or one in a file made beside it.
    A key file that is there is used again where it is of the same model, data, triggers and seed, and never overwritten else.
    One that was committed to before there was a model (`audit.commitments`) is used for any of its layout.
    We depart from the paper in drawing the labels from the secret instead of choosing them, which makes the test exact,
    and in holding the copy to the model's own answers on its rows, which makes the mark cost less.
    """

    id: ClassVar[str] = "theft.watermark"
    title: ClassVar[str] = "Watermark"
    question: ClassVar[str] = "Can the owner prove later that a copy comes from this model, and what does the mark cost?"
    needs: ClassVar[frozenset[str]] = frozenset({"gradients", "weights", "training"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = SOURCES
    cost: ClassVar[str] = "seconds to a minute: a few more epochs of training"
    main: ClassVar[tuple[str, ...]] = ("count", "epochs", "accepted")
    leads: ClassVar[tuple[str, ...]] = ("matches", "accuracy_after", "accuracy_before")
    seconds: ClassVar[float] = 60.0
    answers: ClassVar[tuple[str, ...]] = ("theft.extraction", "theft.watermark_survival")
    quick: ClassVar[Mapping[str, Any]] = {"epochs": 4}
    tiny: ClassVar[Mapping[str, Any]] = {"count": 32, "epochs": 2}

    count: int = parameter(100, "Secret trigger rows", "rows", ge=32, le=2000)
    epochs: int = parameter(6, "Passes over the training rows, triggers mixed into each batch", "epochs", ge=1, le=200)
    accepted: float = parameter(0.01, "Loss of accuracy that is accepted", "share", ge=0, le=1)
    owner: str = parameter("", "Who will claim what carries the mark; bound into the key", "name")
    key_file: str = kept_parameter("File the sealed key is written to; a bare name or empty: in your user data folder", WATERMARK_KEY)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        return Estimate(queries=2 * len(data.unseen) + self.count, note=self.cost)

    def apply(self, target: Target, data: Dataset, progress: Progress) -> Defended:
        base = trainable(target)
        path = self.path(target, data)
        key, known = self._key(path, target, data)
        progress.step(0.02, "the key is drawn")
        secret = key.triggers()
        module = embedded(base, data.seen, secret, self.epochs, self.seed, progress.part(0.9))
        made = base.made(module, f"{target.name}, watermarked")
        progress.step(0.93, "measuring the cost")
        return self._result_of(base, made, data.unseen, secret, self._sealed(path, key, known, made.fingerprint))

    def path(self, target: Target, data: Dataset) -> Path:
        """Where the key is or will be."""
        if self.key_file:
            if Path(self.key_file).name == self.key_file:
                folder()  # a bare name stands there, and at the first mark of all the folder is not yet
            return kept(self.key_file, WATERMARK_KEY)
        return folder() / f"{target.fingerprint[:12]}-{data.fingerprint[:8]}-{self.count}-{self.seed}.key"

    def _key(self, path: Path, target: Target, data: Dataset) -> tuple[Key, Envelope | None]:
        secret = secrets.token_hex(32)
        held = {"layout": target.schema, "base": target.fingerprint, "data": data.fingerprint}
        wanted = Key(secret=secret, owner=self.owner, count=self.count, seed=self.seed, **held)  # type: ignore[arg-type]
        if not path.exists():
            return wanted, None
        key, known = read(path)
        if committed_before(key):
            key.fits(target)
        names = ("count", "seed", "owner") if committed_before(key) else ("base", "data", "count", "seed", "owner")
        if other := [name for name in names if getattr(key, name) != getattr(wanted, name)]:
            found = f"a key of another {other[0].replace('base', 'model')}"
            raise Problem(f"{path.name} to be new, or the key of this model, data, count and seed", found, "Name another key_file")
        return key, known

    def _sealed(self, path: Path, key: Key, known: Envelope | None, marked: str) -> Envelope:
        if known is None:
            return write(path, key, (marked,))
        return known if marked in known.marked else write(path, key, (*known.marked, marked), known.committed)

    def _result_of(self, base: "TorchTarget", made: "TorchTarget", rows: Dataset, secret: Triggers, seal: Envelope) -> Defended:
        k, n = len(made.classes), len(secret.x)
        before, after = base.labels(rows.x) == rows.y, made.labels(rows.x) == rows.y
        matches, before_marking = matched(made.labels(secret.x), secret), matched(base.labels(secret.x), secret)
        cost = lost(before, after)
        taken = rate_change(
            "matches_change", "Secret labels given, after less before", *(m.labels(secret.x) == secret.y for m in (base, made))
        )
        metrics = (
            p_metric(matches, n, k),
            share_metric("matches", "Triggers answered with the secret label", matches, n),
            share_metric("matches_before", "The same before marking", before_marking, n),
            rate("accuracy_before", "Accuracy before", int(before.sum()), len(rows), "higher"),
            rate("accuracy_after", "Accuracy of the marked model", int(after.sum()), len(rows), "higher"),
            cost,
            taken,
        )
        p = chance(matches, n, k)
        skill = Skill.of(rows.y, before, base.classes)
        vain = () if skill.learned else (f"before marking {skill.fact}: it has no accuracy to lose. {skill.advice.rstrip('.')}",)
        limit = Limit(cost, self.accepted, surely=True)
        ruled = ruling([limit], effects=[Effect(taken)], open_ends=vain)
        bad = p >= CLAIM or limit.state == "broken"
        summary = (
            f"{matches} of {n} secret labels are answered (p = {number(p, 2)} for an independent model); "
            f"accuracy {percent(after.mean())}, before {percent(before.mean())}, on {len(rows):,} {rows.known}."
        )
        result = CheckResult(
            status=status_of(bad, ruled.status is not Status.PASSED),
            summary=f"{summary} {ruled.sentence}",
            metrics=metrics,
            findings=(self._finding(p, cost),) if bad else (),
            notes=(
                *ruled.notes,
                f"Committed to by SHA-256 {seal.commitment} at {_utc(seal.committed)} by this machine's clock, which proves no date to others.",
                "Before anybody else gets the model, have the commitment stamped by a time-stamping authority (RFC 3161): "
                f"openssl ts -query -digest {seal.commitment} -sha256 -cert -out mark.tsq, and keep its reply for the verification.",
                "The key is sealed in its file, mode 0600; keep its passphrase (TILTYARD_KEY, or the file beside it) elsewhere.",
                "Training the marked model anew from data alone (shadow models, poisoning) makes an unmarked one.",
                *base.rule_notes,
            ),
            artifacts={"watermark key": seal.commitment},
        )
        return Defended(made, result)

    def _finding(self, p: float, cost: Metric) -> Finding:
        weak = p >= CLAIM
        return Finding(
            title="The mark proves nothing yet" if weak else f"The mark costs {100 * (cost.value or 0):.1f} points of accuracy",
            severity=Severity.LOW,
            evidence=Evidence(metrics=("p_value" if weak else "accuracy_cost",)),
            advice="Train for more epochs, or use more triggers." if weak else "Train for fewer epochs, or use fewer triggers.",
            standards=STANDARDS,
        )


def trainable(target: Target) -> "TorchTarget":
    """The target as one that can be trained on; `Unavailable` where it cannot."""
    from ..targets.torch_target import TorchTarget

    if not isinstance(target, TorchTarget) or target.recipe is None:
        raise Unavailable("a torch module with its training recipe", type(target).__name__, "Open it with its architecture and recipe")
    if target.outputs != "logits":
        raise Unavailable("a module that returns logits, to train it on", "probabilities", "Give the module without its softmax")
    return target


def embedded(base: "TorchTarget", rows: Dataset, secret: Triggers, epochs: int, seed: int, progress: Progress) -> "nn.Module":
    """A copy of the base's module fine-tuned so that each batch also holds up to 32 triggers; the rate falls to 0.

    On its own rows the copy is held to what the base answers there (distillation, Hinton et al. 2015, arXiv 1503.02531), not to
    the labels, and the triggers weigh a tenth: what the mark does not need stays as it was. By labels and equal weights it
    changed more than twice as many answers on held-out rows (``benchmarks/bench_watermark.py``).
    """
    import torch

    from ..targets.training import class_logits

    assert base.recipe is not None
    module = base.trainable()
    order = torch.Generator().manual_seed(seed)
    x = EncodedRows(base.encoding, rows.x)
    kept = _answers(module.eval(), x, progress)
    hidden, wanted = torch.from_numpy(base.encoding.encode(secret.x)), torch.from_numpy(secret.y)
    size = base.recipe.batch_size
    optimizer = torch.optim.Adam(module.parameters(), lr=base.recipe.rate, weight_decay=base.recipe.decay)
    steps = max(1, -(-len(x) // size))
    loss_of = torch.nn.functional.cross_entropy
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for epoch in range(epochs):
            mixed = torch.randperm(len(x), generator=order)
            for i in range(steps):
                progress.step((epoch * steps + i) / (epochs * steps), f"marking: epoch {epoch + 1} of {epochs}")
                for group in optimizer.param_groups:
                    group["lr"] = base.recipe.rate * (1 + math.cos(math.pi * (epoch * steps + i) / (epochs * steps))) / 2
                own = mixed[i * size : (i + 1) * size]
                some = torch.randperm(len(hidden), generator=order)[:MIXED]
                module.train()
                optimizer.zero_grad(set_to_none=True)
                logits = class_logits(module(torch.cat([torch.from_numpy(x[own.numpy()]), hidden[some]])))
                loss = loss_of(logits[: len(own)], kept[own]) + WEIGHT * loss_of(logits[len(own) :], wanted[some])
                if not torch.isfinite(loss):
                    raise Problem("a finite loss while marking", f"{loss.item()}", "Check the model's recipe and rows")
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
    return module.eval()


def _answers(module: "nn.Module", x: EncodedRows, progress: Progress) -> "Tensor":
    """Probabilities (n, k) of the module as it is."""
    import torch

    from ..targets.training import class_logits

    parts = []
    with torch.no_grad():
        for start in range(0, len(x), ASKED):
            progress.step(0.0, "what the model answers now")
            parts.append(torch.softmax(class_logits(module(torch.from_numpy(x[start : start + ASKED]))), 1))
    return torch.cat(parts)


def lost(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> Metric:
    """Accuracy before minus after on the same rows, with the interval of a paired difference (Agresti and Min 2005)."""
    n = len(before)
    worse, better = int((before & ~after).sum()), int((~before & after).sum())
    value = (worse - better) / n
    m, a, b = n + 2, worse + 0.5, better + 0.5  # half a row added to each of the four cells
    middle = (a - b) / m
    half = 1.96 * max((a + b) - (a - b) ** 2 / m, 0.0) ** 0.5 / m
    return Metric(
        name="accuracy_cost",
        label="Accuracy lost by the mark",
        value=value,
        unit=POINTS,
        low=min(middle - half, value),
        high=max(middle + half, value),
        level=LEVEL,
        n=n,
        safer="lower",
        interval="paired, Agresti-Min",
    )


def _utc(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
