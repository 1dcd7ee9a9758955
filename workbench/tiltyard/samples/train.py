"""Makes the shipped models from the shipped data: ``python -m tiltyard.samples.train [name …] [--out FOLDER]``.

Equal seeds on one machine give equal weights; another processor or torch version may differ in the last digits.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..datasets.dataset import Dataset
from ..datasets.encoding import encoding_of
from ..evasion.adversarial_training import AdversarialTraining
from ..progress import Progress, Report
from ..targets.architecture import Architecture, build, cnn, mlp
from ..targets.saving import save
from ..targets.torch_target import TorchTarget
from ..targets.training import Recipe, fit, fresh
from ..targets.versions import here
from .catalog import load_data

HERE = Path(__file__).parent / "models"
SEED = 0
CENSUS = Recipe(epochs=8, batch_size=512, rate=3e-3, decay=0.0)
ROBUST = AdversarialTraining(norm="linf", eps=0.2, steps=7, epochs=30, batch_size=80, rate=3e-3, ramp=0.35, shift=2, rows=200, seed=SEED)
DIGITS = Recipe(epochs=8, batch_size=64, rate=2e-3, decay=0.0)


def accuracy(target: TorchTarget, data: Dataset) -> float:
    """Share of rows whose label the target gives."""
    return float((target.labels(data.x) == data.y).mean())


def trained(name: str, architecture: Architecture, recipe: Recipe, data: Dataset, progress: Progress) -> TorchTarget:
    """``architecture`` trained by ``recipe`` on the rows of ``data`` marked as trained on."""
    module = fresh(build(architecture), SEED)
    seen = data.seen
    fit(module, seen.encoded, seen.y, recipe, SEED, progress)
    target = TorchTarget(module, data.schema.classes, data.schema, name, recipe=recipe, architecture=architecture)
    target.trained_with = here()
    return target


def census(progress: Progress) -> TorchTarget:
    """A multilayer perceptron, 106 encoded columns to 64 to 64 to 2; numbers are normalized by the trained rows."""
    data = load_data("census")
    rows = data.seen.encoded.astype(np.float64)
    number = encoding_of(data.schema).spread({f.name: float(not f.grouped) for f in data.schema.features}) > 0
    mean = np.where(number, rows.mean(0), 0.0).round(4).tolist()
    std = np.where(number, rows.std(0), 1.0).round(4).tolist()
    return trained("Census income MLP", mlp(rows.shape[1], (64, 64), 2, mean, std), CENSUS, data, progress)


def digits(progress: Progress) -> TorchTarget:
    """A convolutional network with 16 and 32 channels and 64 hidden units."""
    return trained("Digits CNN", cnn((16, 32), 64, 10), DIGITS, load_data("digits"), progress)


def robust(progress: Progress) -> TorchTarget:
    """The digits model after adversarial training, by the defense of that name."""
    data = load_data("digits")
    start = digits(progress.part(0.1))
    outcome = ROBUST(start, data, progress.part(0.9))
    if not isinstance(outcome.target, TorchTarget):
        raise SystemExit(outcome.record.error or outcome.record.result.summary)
    return outcome.target


MODELS: dict[str, tuple[str, str, Callable[[Progress], TorchTarget]]] = {
    "census": ("census", "Census income: who earns more than 50,000 dollars?", census),
    "digits": ("digits", "Handwritten digits", digits),
    "digits-robust": ("digits", "Handwritten digits, adversarially trained", robust),
}


def make(name: str, folder: Path, progress: Progress) -> tuple[dict[str, str], float]:
    """Train and save one model; its card and its accuracy on the held-out rows."""
    data, title, build_it = MODELS[name]
    target = build_it(progress)
    held_out = accuracy(target, load_data(data).unseen)
    file = f"{name}.safetensors"
    sha256 = save(target, folder / file)
    made = f"python -m tiltyard.samples.train {name}"
    return {"title": title, "data": data, "file": file, "sha256": sha256, "made": made}, held_out


def write_cards(cards: dict[str, dict[str, str]], path: Path) -> None:
    """``models.toml``, read by `catalog`."""
    lines = ["# Written by tiltyard.samples.train."]
    for name in MODELS:
        if name in cards:
            lines += ["", f"[{name}]", *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in cards[name].items())]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def read_cards(path: Path) -> dict[str, dict[str, str]]:
    """What ``models.toml`` holds so far."""
    import tomllib

    return tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}


def main() -> None:
    """The command line."""
    import torch

    parser = argparse.ArgumentParser(prog="python -m tiltyard.samples.train", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"which models ({', '.join(MODELS)}); all if none is named")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to")
    given = parser.parse_args()
    if unknown := set(given.names) - set(MODELS):
        parser.error(f"no sample model called {', '.join(sorted(unknown))}; there are {', '.join(MODELS)}")
    torch.set_num_threads(1)  # sums in one order, so that equal seeds give equal weights
    given.out.mkdir(parents=True, exist_ok=True)
    cards = read_cards(given.out / "models.toml")
    for name in given.names or MODELS:
        start = time.monotonic()
        cards[name], held_out = make(name, given.out, Progress(_printing(name)))
        print(f"{name}: {held_out:.4f} of the held-out rows right, {time.monotonic() - start:.0f} s, SHA-256 {cards[name]['sha256'][:16]}")
        write_cards(cards, given.out / "models.toml")


def _printing(name: str) -> Callable[[Report], None]:
    last: list[str] = [""]

    def listener(report: Report) -> None:
        if report.message != last[0]:
            last[0] = report.message
            print(f"{name}: {report.message}", flush=True)

    return listener


if __name__ == "__main__":
    main()
