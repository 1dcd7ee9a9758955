"""The thief's side: which rows to ask next, and the copy trained on the answers."""

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets.schema import Schema
from ..progress import Progress

if TYPE_CHECKING:
    from torch import nn

VAIN = ": the target answers nearly always the same, so there is nothing to steal here. Give rows on which its answers differ."
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
    """Indices of the ``count`` pool rows on which the copy is least sure (smallest margin of its two best)."""
    top = np.sort(predicted(module, pool), axis=1)
    return np.argsort(top[:, -1] - top[:, -2], kind="stable")[:count]


def augmented(
    module: "nn.Module", x: NDArray[np.float32], labels: NDArray[np.int64], schema: Schema, step: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Jacobian augmentation (Papernot et al. 2017, arXiv 1602.02697): each row moved by the sign of the copy's gradient.

    ``step`` is the share of each column's range. Rows stay valid: bounds, integers, one-hot groups. For tables a
    random categorical feature is also redrawn, since a sign step cannot cross a one-hot group.
    """
    import torch

    inputs = torch.from_numpy(x.copy()).requires_grad_()
    logits = module(inputs)
    chosen = logits[torch.arange(len(x)), torch.from_numpy(labels)].sum()
    (gradient,) = torch.autograd.grad(chosen, inputs)
    span = schema.high - schema.low
    moved = x + step * span * np.sign(gradient.numpy())
    return valid(moved, x, schema, rng)


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
