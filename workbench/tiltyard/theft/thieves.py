"""The strategies of model extraction: which rows to ask next, and how the copy is trained on the answers. `extraction` calls them."""

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets.schema import Schema
from ..progress import Progress
from ._transfer_set import TransferSet

if TYPE_CHECKING:
    from torch import nn

VAIN = ": the target answers nearly always the same, so there is nothing to steal here. Give rows on which its answers differ."
CHUNK = 2048
STEP = 0.1
Strategy = Literal["natural", "adaptive", "jacobian"]


def copycat(
    x: NDArray[np.float32], answers: NDArray[np.float32], schema: Schema, epochs: int, seed: int, progress: Progress
) -> "nn.Module":
    """The thief's own network, trained on what the target answered.

    A two-layer perceptron for tables, a small convolutional network for 28×28 images, else a perceptron
    on pixels: the thief does not know the target's architecture.
    """
    import torch

    from ..targets.architecture import Layer, build, cnn, mlp
    from ..targets.training import Recipe, fit, fresh

    k = answers.shape[1]
    if schema.shape == (1, 28, 28):
        architecture = cnn((8, 16), 64, k)
    else:
        flat = x.reshape(len(x), -1)
        mean, std = flat.mean(0), flat.std(0)
        std[std < 1e-6] = 1.0
        architecture = mlp(flat.shape[1], (64, 32), k, mean.tolist(), std.tolist())
        if schema.images:
            architecture = architecture.model_copy(update={"layers": (Layer(type="flatten"), *architecture.layers)})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = fresh(build(architecture), seed)
    size = int(min(128, max(8, len(x) // 8)))
    recipe = Recipe(epochs=epochs, batch_size=size, rate=2e-3, decay=0.0)
    return fit(module, x, answers.argmax(1).astype(np.int64), recipe, seed, progress, soft=answers)


def predicted(module: "nn.Module", x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The copy's probabilities, float32 (n, k)."""
    import torch

    with torch.inference_mode():
        parts = [torch.softmax(module(torch.from_numpy(x[i : i + 4096])), 1) for i in range(0, len(x), 4096)]
    return torch.cat(parts).numpy()


def unsure(module: "nn.Module", pool: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Indices of the ``count`` pool rows on which the copy is least sure (smallest margin of its two best).

    Uncertainty sampling, as ActiveThief (Pal et al. 2020, AAAI) has it. Knockoff Nets (Orekondy et al. 2019, arXiv 1812.02766)
    learn by a bandit which labels of the pool pay best, for pools of pictures unlike the target's; ours is like it, and unlabeled.
    """
    top = np.sort(predicted(module, pool), axis=1)
    return np.argsort(top[:, -1] - top[:, -2], kind="stable")[:count]


def augmented(
    module: "nn.Module", x: NDArray[np.float32], labels: NDArray[np.int64], schema: Schema, step: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Jacobian augmentation (Papernot et al. 2017, arXiv 1602.02697): each row moved by the sign of the copy's gradient.

    ``step`` is the share of each column's range. Rows stay valid: bounds, integers, one-hot groups. For tables a
    random categorical feature is also redrawn, since a sign step cannot cross a one-hot group.
    """
    span = schema.high - schema.low
    signs = [_ascent(module, x[i : i + CHUNK], labels[i : i + CHUNK]) for i in range(0, len(x), CHUNK)]
    return valid(x + step * span * np.concatenate(signs), x, schema, rng)


def _ascent(module: "nn.Module", x: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """The sign of the gradient of each row's logit of its label."""
    import torch

    inputs = torch.from_numpy(x.copy()).requires_grad_()
    chosen = module(inputs)[torch.arange(len(x)), torch.from_numpy(labels)].sum()
    (gradient,) = torch.autograd.grad(chosen, inputs)
    sign: NDArray[np.float32] = torch.sign(gradient).numpy()
    return sign


def synthetic(
    module: "nn.Module", answered: TransferSet, count: int, schema: Schema, rng: np.random.Generator, progress: Progress
) -> NDArray[np.float32]:
    """``count`` rows never asked, made by `augmented` from rows that were; fewer where no more can be made.

    Every row is moved once before any is moved again: `STEP` down the logit of its label, `STEP` up, then by twice that, to the
    whole range. Papernot et al. step up, or in turns (their periodic step); down comes nearer to the boundary, as targeted steps
    do (Juuti et al. 2019, arXiv 1805.02628), and steals more for as many rows. A step that was clipped away, or that was made from
    the same row before, gives a row that is known and is not asked again. They double all rows with each copy, we ask what the
    curve's next point needs; with plain random choice of the rows moved where they use a reservoir.
    """
    labels = answered.answers.argmax(1).astype(np.int64)
    found = np.empty((0, *answered.x.shape[1:]), np.float32)
    for step in (sign * times * STEP for times in range(1, round(1 / STEP) + 1) for sign in (-1, 1)):
        order = rng.permutation(len(answered.x))
        for i in range(0, len(order), CHUNK):
            progress.check()
            rows = order[i : i + CHUNK]
            found = np.concatenate([found, augmented(module, answered.x[rows], labels[rows], schema, step, rng)])
            found = found[answered.fresh(found)]
            if len(found) >= count:
                return found[:count]
    return found


def valid(moved: NDArray[np.float32], x: NDArray[np.float32], schema: Schema, rng: np.random.Generator) -> NDArray[np.float32]:
    """``moved`` brought back into the schema: clipped, whole numbers, one-hot groups of ``x`` with one redrawn."""
    out = np.clip(moved, schema.low, schema.high)
    if schema.images:
        return out.astype(np.float32)
    out[:, schema.integer] = np.round(out[:, schema.integer])
    groups = schema.groups
    for group in groups:
        out[:, group] = x[:, group]
    if groups:
        for i, g in enumerate(rng.integers(0, len(groups), len(out))):
            group = groups[g]
            out[i, group] = 0
            out[i, group.start + rng.integers(0, group.stop - group.start)] = 1
    return out.astype(np.float32)
