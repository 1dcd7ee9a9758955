"""The layers of a scikit-learn estimator as a torch module, for attacks that follow gradients."""

import numpy as np
import torch
from torch import Tensor, nn

from .decision import Prediction
from .estimator_layers import Layers

CLOSE = 1e-7
ACTIVATIONS = {"identity": lambda z: z, "relu": torch.relu, "tanh": torch.tanh, "logistic": torch.sigmoid}


class EstimatorModule(nn.Module):
    """Encoded rows (n, *shape) to logits (n, k), worked out in float64 as scikit-learn does; of the dtype that it is given."""

    dtype = torch.float64
    differentiable = True

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        self.empty = nn.Buffer(torch.from_numpy(layers.empty))
        self.weights = nn.ParameterList([nn.Parameter(torch.from_numpy(w.copy()), requires_grad=False) for w, _ in layers.layers])
        self.biases = nn.ParameterList([nn.Parameter(torch.from_numpy(b.copy()), requires_grad=False) for _, b in layers.layers])
        self.activation = layers.activation
        self.ending = layers.ending
        self.order = list(layers.order)

    def forward(self, z: Tensor) -> Tensor:
        """Logits (n, k)."""
        rows = z.flatten(1).double()
        gone = rows.isnan()
        h = rows.masked_fill(gone, 0.0) @ self.weights[0] + gone.double() @ self.empty + self.biases[0]
        for weights, bias in zip(self.weights[1:], self.biases[1:], strict=True):
            h = ACTIVATIONS[self.activation](h) @ weights + bias
        if h.shape[1] == 1:
            h = torch.cat([torch.zeros_like(h), h], 1)
        elif self.ending == "one_vs_rest":
            h = nn.functional.logsigmoid(h)
        logits: Tensor = h[:, self.order].to(z.dtype)
        return logits

    def answers_as(self, truly: Prediction, z: Tensor) -> bool:
        """Are its probabilities within 1e-7 of the estimator's on encoded rows ``z``, and its labels the same?"""
        with torch.inference_mode():
            scores = self(z).softmax(1).numpy()
        ranked = np.sort(truly.scores, 1)
        tied = ranked[:, -1] - ranked[:, -2] < CLOSE
        return bool((np.abs(scores - truly.scores) <= CLOSE).all() and ((scores.argmax(1) == truly.labels) | tied).all())
