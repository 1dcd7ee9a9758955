"""Do a target's scores say how near an error is? A search by scores is blind where they stay as they are whatever is changed."""

from typing import TYPE_CHECKING

import numpy as np

from ..datasets.dataset import Dataset
from ..targets.target import Target, uncounted
from ._evaluation import Line

if TYPE_CHECKING:
    from ..attacks.norms import Norm
    from ..attacks.perturbation_space import PerturbationSpace

ROWS, CHANGES = 24, 4
MOST_SILENT = 0.5
NAME = "Scores follow changes"
DO = "Attack its labels, evasion.hop_skip_jump, or a table with evasion.tabular"


def reacting(target: Target, sample: Dataset, space: "PerturbationSpace", norm: "Norm", eps: float, seed: int) -> Line:
    """Do the scores of most rows change under changes of size ``eps``, such as the search begins with? These are none of its queries.

    They do not where answers are labels in the guise of scores, rounded, saturated, or remembered from rows asked before.
    """
    if "url" in target.offers:
        return Line(NAME, None, "an endpoint's answers cost queries")
    import torch

    from ..attacks.norms import each, project_within
    from ..attacks.queries import Answers, tensors
    from ..attacks.score_search import first

    module, generator = Answers(target), torch.Generator().manual_seed(seed)
    x = tensors(sample.take(np.arange(min(ROWS, len(sample)))), torch.float32 if sample.schema.images else torch.float64)[0]
    low, high = space.room(x)
    with uncounted():
        was, silent = module(x), torch.ones(len(x), dtype=torch.bool)
        for _ in range(CHANGES):
            change = project_within(first(x, space, norm, each(eps, x), generator), norm, eps, low, high)
            silent &= (module(space.moved(x, space.related(x, change))) == was).all(1)
    share = float(silent.double().mean())
    return Line(NAME, share <= MOST_SILENT, f"those of {int(silent.sum())} of {len(x)} rows stay the same under {CHANGES} changes", DO)
