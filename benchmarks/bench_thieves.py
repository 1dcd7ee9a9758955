"""What thieves get for their rows: ours of every kind and strategy, and those of ART, at equal budgets in one run.

python benchmarks/bench_thieves.py [digits|census] [--budget 1000] [--seeds 3] [--knows rows nothing] [--art]

ART (adversarial-robustness-toolbox, with ``--art``) is asked for CopycatCNN and KnockoffNets on a network like ours and the same rows. Fidelity is
on the same held-out rows for all. Never a timed test.
"""

import argparse
from typing import Any

import numpy as np

from tiltyard.datasets.schema import Rows
from tiltyard.progress import Progress
from tiltyard.samples.catalog import Sample, load
from tiltyard.theft._copies import Lesson, kinds, trained
from tiltyard.theft._form import Form
from tiltyard.theft.extraction import Extraction

JUDGE = 500


def main() -> None:
    """Print a line for each thief and seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sample", nargs="?", default="census")
    parser.add_argument("--budget", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--knows", nargs="*", default=["rows"])
    parser.add_argument("--strategies", nargs="*", default=["natural", "adaptive", "k-center", "disagreement", "jacobian"])
    parser.add_argument("--access", nargs="*", default=["scores", "labels"])
    parser.add_argument("--art", action="store_true")
    given = parser.parse_args()
    sample = load(given.sample)
    for seed in range(given.seeds):
        for access in given.access:
            alone(sample, given, access, seed)
            for knows in given.knows:
                for strategy in given.strategies:
                    ours(sample, given, access, knows, strategy, seed)


def alone(sample: Sample, given: argparse.Namespace, access: str, seed: int) -> None:
    """Each kind of copy by itself, and ART's, on the same random rows."""
    held = sample.data.unseen
    order = np.random.default_rng(seed).permutation(len(held))
    judge, own = held.take(order[:JUDGE]), held.take(order[JUDGE : JUDGE + given.budget])
    answers, wanted = sample.target.predictions(own.x), sample.target.labels(judge.x)
    scores = answers.scores if access == "scores" else np.eye(len(sample.target.classes))[answers.labels]
    lesson = Lesson(own.x, scores, answers.labels, held.schema, given.epochs, seed)
    for kind in kinds(held.schema, len(own)):
        shown(given.sample, access, f"{kind} alone", seed, len(own), (trained(kind, lesson, Progress()).labels(judge.x) == wanted).mean())
    if given.art:
        for name, labels in art(lesson, sample, access, judge.x):
            shown(given.sample, access, f"ART {name}", seed, len(own), (labels == wanted).mean())


def ours(sample: Sample, given: argparse.Namespace, access: str, knows: str, strategy: str, seed: int) -> None:
    """The check itself."""
    asked = {"query_budget": given.budget, "access": access, "knows": knows, "strategy": strategy, "seed": seed, "rows": JUDGE}
    result = Extraction.model_validate({**asked, "points": 4, "epochs": given.epochs})(sample.target, sample.data).result
    fidelity, paid = result.metric("fidelity").value or 0, int(result.metric("queries").value or 0)
    shown(given.sample, access, f"best copy, {strategy}, knows {knows}", seed, paid, fidelity)


def art(lesson: Lesson, sample: Sample, access: str, judge: Rows) -> list[tuple[str, Any]]:
    """ART's thieves on the lesson's rows, a network like ours in its hands."""
    import torch
    from art.attacks.extraction import CopycatCNN, KnockoffNets
    from art.estimators.classification import BlackBoxClassifier, PyTorchClassifier

    from tiltyard.targets.architecture import build, cnn, mlp

    k, images = len(sample.target.classes), lesson.schema.images
    form = Form.by_bounds(lesson.schema) if images else Form.by_spread(lesson.schema, lesson.x)
    shape = lesson.schema.shape if images else (form.width,)
    x = form(lesson.x).reshape(-1, *shape)
    asked = {row.tobytes(): answer for row, answer in zip(x, lesson.scores, strict=True)}
    victim = BlackBoxClassifier(lambda z: np.stack([asked[row.astype(np.float32).tobytes()] for row in z]), shape, k)
    found = []
    for name, kind, more in (
        ("CopycatCNN", CopycatCNN, {}),
        ("KnockoffNets", KnockoffNets, {"sampling_strategy": "random", "verbose": False}),
    ):
        torch.manual_seed(lesson.seed)
        made = build(cnn((8, 16), 64, k) if images else mlp(form.width, (64, 32), k, [0.0] * form.width, [1.0] * form.width))
        thief = PyTorchClassifier(made, torch.nn.CrossEntropyLoss(), shape, k, optimizer=torch.optim.Adam(made.parameters(), lr=2e-3))
        size = int(min(128, max(8, len(x) // 8)))
        steal = kind(
            victim,
            batch_size_fit=size,
            batch_size_query=len(x),
            nb_epochs=lesson.epochs,
            nb_stolen=len(x),
            use_probability=access == "scores",
            **more,
        )
        copy = steal.extract(x, None, thieved_classifier=thief)
        found.append((name, copy.predict(form(judge).reshape(-1, *shape)).argmax(1)))
    return found


def shown(sample: str, access: str, who: str, seed: int, rows: int, fidelity: float) -> None:
    """One line."""
    print(f"{sample:7s} {access:7s} {who:45s} seed {seed}: {rows:5d} rows, fidelity {fidelity:.3f}", flush=True)


if __name__ == "__main__":
    main()
