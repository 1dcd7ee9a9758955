"""What transformers itself answers: its pipeline, opened from the folder without us."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...datasets.schema import Rows
from ..decision import LargestScore, Prediction, Scores
from .library import library, offline

if TYPE_CHECKING:
    import pandas as pd

    from .loading import Kind


@dataclass(frozen=True)
class Pipeline:
    """The pipeline over the folder at ``path``, made when it is first asked.

    Parameters
    ----------
    names
        What it calls its classes, in the order of ours.
    most
        Tokens of a text beyond which it is to cut.
    """

    path: Path
    kind: "Kind"
    names: tuple[str, ...]
    most: int = 0

    def texts(self, texts: list[str]) -> Prediction:
        """Its answers to these texts."""
        cut = {"truncation": True, "max_length": self.most} if self.most else {}
        with offline():
            return self._read(self._made()(texts, top_k=None, **cut))

    def images(self, x: Rows) -> Prediction:
        """Its answers to images float32 (n, channels, height, width) of 0 to 1, given as pictures of 8 bits."""
        from PIL import Image

        pixels = np.rint(np.asarray(x, np.float64).transpose(0, 2, 3, 1) * 255).astype(np.uint8)
        pictures = [Image.fromarray(one[:, :, 0] if one.shape[2] == 1 else one) for one in pixels]
        with offline():
            return self._read(self._made()([p.convert("RGB") for p in pictures], top_k=len(self.names)))

    def table(self, frame: "pd.DataFrame") -> None:
        """It is asked for texts or images alone."""

    def _made(self) -> Any:
        beside = {"tokenizer": str(self.path)} if self.kind == "text" else {"image_processor": str(self.path)}
        task = "text-classification" if self.kind == "text" else "image-classification"
        make = library().pipeline
        return make(task, model=str(self.path), device="cpu", trust_remote_code=False, model_kwargs={"use_safetensors": True}, **beside)

    def _read(self, answers: list[list[dict[str, Any]]]) -> Prediction:
        scores: Scores = np.array([[_score(row, name) for name in self.names] for row in answers], np.float64)
        return Prediction(LargestScore()(scores), scores)


def _score(row: list[dict[str, Any]], name: str) -> float:
    return next(float(found["score"]) for found in row if found["label"] == name)


def eight_bits(x: Rows) -> NDArray[np.bool_]:
    """Which images (n,) are pictures of 8 bits, and so can be given to a pipeline as they are."""
    exact = (np.abs(x * 255 - np.rint(x * 255)) < 1e-3).reshape(len(x), -1)
    return np.asarray(exact.all(1))
