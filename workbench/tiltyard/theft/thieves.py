"""The strategies of model extraction: which rows to ask next, and how the copy is trained on the answers. `extraction` calls them."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets.encoding import encoding_of
from ..datasets.schema import Rows, Schema
from ..progress import Progress
from ..targets.decision import Labels, Scores
from ._copied import Copied
from ._form import Form, members, parts, settle
from ._rule import moved
from ._transfer_set import TransferSet

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..targets.architecture import Architecture

VAIN = ": the target answers nearly always the same, so there is nothing to steal here. Give rows on which its answers differ."
CHUNK = 2048
STEP = 0.1
MOVED = 2
Strategy = Literal["natural", "adaptive", "k-center", "disagreement", "jacobian"]


@dataclass(frozen=True)
class Copy:
    """A thief's copy of a model: a network of its own, the form in which that eats rows, and what was learned of the decision rule.

    Attributes
    ----------
    shape
        Of one row that the network eats.
    shift : float64 (k,)
        Added to the log scores, so that the largest is the label.
    """

    module: "nn.Module"
    form: Form
    shape: tuple[int, ...]
    shift: NDArray[np.float64]

    def scores(self, x: Rows) -> Scores:
        """Probabilities (n, k) whose largest is the copy's label."""
        import torch

        with torch.inference_mode():
            found = [torch.softmax(self.module(self.eaten(x[part])).double() + torch.from_numpy(self.shift), 1) for part in self._parts(x)]
        return torch.cat(found).numpy() if found else np.empty((0, len(self.shift)))

    def labels(self, x: Rows) -> Labels:
        """What the copy decides, int64 (n,)."""
        found: Labels = self.scores(x).argmax(1).astype(np.int64)
        return found

    def ascent(self, x: Rows, labels: Labels) -> NDArray[np.float32]:
        """The sign of the gradient of each row's logit of its label, (n, encoded columns)."""
        import torch

        inputs = self.eaten(x).requires_grad_()
        chosen = self.module(inputs)[torch.arange(len(x)), torch.from_numpy(labels)].sum()
        (gradient,) = torch.autograd.grad(chosen, inputs)
        sign: NDArray[np.float32] = torch.sign(gradient).reshape(len(x), -1)[:, : len(self.form.shift)].numpy()
        return sign

    def eaten(self, x: Rows) -> "Tensor":
        """Rows as the network eats them, float32 (n, *shape)."""
        import torch

        return torch.from_numpy(self.form(x)).reshape(len(x), *self.shape)

    def _parts(self, x: Rows) -> list[slice]:
        return list(parts(self.form.schema, len(x)))


@dataclass(frozen=True)
class Eaten:
    """Rows as a copy eats them, made where a training loop reads them."""

    copy: Copy
    x: Rows

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: NDArray[np.intp]) -> NDArray[Any]:
        return self.copy.eaten(self.x[rows]).numpy()


def copycat(
    x: Rows, scores: Scores, labels: Labels, schema: Schema, epochs: int, seed: int, progress: Progress, shifted: bool = False
) -> Copy:
    """The thief's own network, trained on what the target answered, ``scores`` (n, k) and ``labels`` (n,).

    A two-layer perceptron for tables, a small convolutional network for 28×28 images, else a perceptron
    on pixels: the thief does not know the target's architecture. Where labels are not those of the largest score a threshold is read off
    the answers; where none tells them, the copy learns the labels instead of the scores. ``shifted`` pictures are moved by up to
    two pixels at each step, with the answer that they had.
    """
    import torch

    from ..targets.architecture import build, cnn
    from ..targets.training import Recipe, fit, fresh

    k = scores.shape[1]
    shift = moved(scores, labels)
    wanted = scores if shift is not None else np.eye(k)[labels]
    shape: tuple[int, ...]
    if schema.shape == (1, 28, 28):
        size = int(np.prod(schema.shape))
        form, shape, architecture = Form(schema, np.zeros(size), np.ones(size)), schema.shape, cnn((8, 16), 64, k)
    else:
        form = Form.by_spread(schema, x)
        shape, architecture = (form.width,), _perceptron(form.width, k)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = fresh(build(architecture), seed)
    recipe = Recipe(epochs=epochs, batch_size=int(min(128, max(8, len(x) // 8))), rate=2e-3, decay=0.0)
    copy = Copy(module, form, shape, np.zeros(k) if shift is None else shift)
    fit(module, Eaten(copy, x), labels, recipe, seed, progress, partial(shaken, schema.shape) if shifted else None, wanted)
    return copy


def shaken(shape: tuple[int, ...], module: "nn.Module", x: "Tensor", answers: "Tensor") -> "Tensor":
    """Pictures of ``shape`` (channels, height, width), each moved by up to `MOVED` pixels; what moves in is the edge."""
    import torch

    n, height, width = len(x), *shape[1:]
    wide = torch.nn.functional.pad(x.reshape(n, *shape), (MOVED,) * 4, mode="replicate")
    down, right = torch.randint(0, 2 * MOVED + 1, (2, n))
    rows, columns = down[:, None] + torch.arange(height), right[:, None] + torch.arange(width)
    found: Tensor = wide[torch.arange(n)[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    return found.reshape(x.shape)


def _perceptron(width: int, k: int) -> "Architecture":
    from ..targets.architecture import mlp

    return mlp(width, (64, 32), k, [0.0] * width, [1.0] * width)


def unsure(copy: Copied, pool: Rows, count: int) -> NDArray[np.intp]:
    """Indices of the ``count`` pool rows on which the copy is least sure (smallest margin of its two best).

    Uncertainty sampling, as ActiveThief (Pal et al. 2020, AAAI) has it. Knockoff Nets (Orekondy et al. 2019, arXiv 1812.02766)
    learn by a bandit which labels of the pool pay best, for pools of pictures unlike the target's; ours is like it, and unlabeled.
    """
    top = np.sort(copy.scores(pool), axis=1)
    return np.argsort(top[:, -1] - top[:, -2], kind="stable")[:count]


def scattered(copy: Copied, pool: Rows, asked: Rows, count: int, progress: Progress) -> NDArray[np.intp]:
    """Indices of ``count`` pool rows that the copy's scores put farthest from those asked and from one another (greedy k-center).

    As ActiveThief has it (Pal et al. 2020, AAAI), after Sener and Savarese (2018, arXiv 1708.00489).
    """
    scores = copy.scores(pool)
    near = _nearest(scores, copy.scores(asked))
    found = []
    for _ in range(min(count, len(pool))):
        progress.check()
        found.append(int(near.argmax()))
        near = np.minimum(near, ((scores - scores[found[-1]]) ** 2).sum(1))
        near[found[-1]] = -1.0
    return np.array(found, np.intp)


def _nearest(scores: Scores, known: Scores) -> NDArray[np.float64]:
    """Squared distance of each row of scores (n, k) to the nearest of ``known`` (m, k)."""
    found = [((scores[i : i + 500, None] - known[None]) ** 2).sum(-1).min(1) for i in range(0, len(scores), 500)]
    return np.concatenate(found) if found else np.empty(0)


def disputed(committee: tuple[Copied, ...], pool: Rows, count: int) -> NDArray[np.intp]:
    """Indices of the ``count`` pool rows on which copies of several kinds differ most: the entropy of their mean less the mean of theirs.

    Query by committee (Seung et al. 1992), with the Jensen-Shannon divergence of their scores.
    """
    every = np.stack([copy.scores(pool) for copy in committee])
    gain = _entropy(every.mean(0)) - np.mean([_entropy(scores) for scores in every], axis=0)
    return np.argsort(-gain, kind="stable")[:count]


def _entropy(scores: Scores) -> NDArray[np.float64]:
    found: NDArray[np.float64] = -(scores * np.log(np.maximum(scores, 1e-12))).sum(1)
    return found


def augmented(copy: Copy, x: Rows, labels: Labels, schema: Schema, step: float, rng: np.random.Generator) -> Rows:
    """Jacobian augmentation (Papernot et al. 2017, arXiv 1602.02697): each row moved by the sign of the copy's gradient.

    ``step`` is the share of each column's range. Rows stay valid: bounds, whole numbers, categories, one-hot groups; a number that a row
    lacks stays away. For tables a random category is also redrawn, since a sign step cannot cross one.
    """
    encoding = encoding_of(schema)
    found = []
    for part in parts(schema, len(x)):
        z = encoding.encode(x[part], np.float64)
        sign = copy.ascent(x[part], labels[part]).reshape(z.shape)
        found.append(encoding.decode(z + step * (encoding.high - encoding.low) * sign))
    return valid(np.concatenate(found), x, schema, rng)


def synthetic(copy: Copy, answered: TransferSet, count: int, schema: Schema, rng: np.random.Generator, progress: Progress) -> Rows:
    """``count`` rows never asked, made by `augmented` from rows that were; fewer where no more can be made.

    Every row is moved once before any is moved again: `STEP` down the logit of its label, `STEP` up, then by twice that, to the
    whole range. Papernot et al. step up, or in turns (their periodic step); down comes nearer to the boundary, as targeted steps
    do (Juuti et al. 2019, arXiv 1805.02628), and steals more for as many rows. A step that was clipped away, or that was made from
    the same row before, gives a row that is known and is not asked again. They double all rows with each copy, we ask what the
    curve's next point needs; with plain random choice of the rows moved where they use a reservoir.
    """
    found = answered.x[:0]
    for step in (sign * times * STEP for times in range(1, round(1 / STEP) + 1) for sign in (-1, 1)):
        order = rng.permutation(len(answered.x))
        for i in range(0, len(order), CHUNK):
            progress.check()
            rows = order[i : i + CHUNK]
            found = np.concatenate([found, augmented(copy, answered.x[rows], answered.labels[rows], schema, step, rng)])
            found = found[answered.fresh(found)]
            if len(found) >= count:
                return found[:count]
    return found


def valid(moved: Rows, x: Rows, schema: Schema, rng: np.random.Generator) -> Rows:
    """``moved`` brought back into the schema: clipped, whole numbers, categories of ``x`` with one of each row redrawn."""
    out = np.clip(moved, schema.low, schema.high)
    if schema.images:
        return out.astype(np.float32)
    settle(out, schema)
    grouped = [f for f in schema.features if f.grouped]
    for feature in grouped:
        out[:, schema.slices[feature.name]] = x[:, schema.slices[feature.name]]
    if grouped:
        chosen = rng.integers(0, len(grouped), len(out))
        for i, feature in enumerate(grouped):
            rows = np.flatnonzero(chosen == i)
            places = members(feature, len(rows), rng)
            redrawn = places[:, None] if feature.kind == "categorical" else np.eye(len(feature.values))[places]
            out[rows, schema.slices[feature.name]] = redrawn
    return out
