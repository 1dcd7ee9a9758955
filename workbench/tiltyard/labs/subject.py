"""What a lab looks at: a model with its data."""

from dataclasses import dataclass

from ..datasets.dataset import Dataset
from ..targets.target import Target


@dataclass(frozen=True)
class Model:
    """A target with the data that a lab asks about it."""

    target: Target
    data: Dataset
