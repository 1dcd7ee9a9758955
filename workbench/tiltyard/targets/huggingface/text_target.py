"""A classifier of texts of transformers as a target: the table's column of text, cut into tokens and batched here."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ...datasets.schema import Rows, Schema
from ...datasets.texts import Texts
from ...errors import Problem
from ..decision import Prediction, Scores
from ..target import Target
from .plainly import Pipeline

if TYPE_CHECKING:
    import pandas as pd

BATCH = 32
NO_LIMIT = 100_000  # a tokenizer without a limit says 10 to the 30


class TextTarget(Target):
    """Labels and scores of texts. No gradients: a text has none, and one of its tokens' vectors is no text.

    Parameters
    ----------
    order
        Which of its scores is each class of the schema.
    most
        Tokens beyond which a text is cut.
    """

    close = 1e-4  # scores of float32, worked out in batches of texts of other lengths
    feeds = "texts"

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Any,
        schema: Schema,
        column: str,
        name: str,
        fingerprint: str,
        order: tuple[int, ...],
        most: int,
        plainly: Pipeline,
    ) -> None:
        super().__init__(name, schema.classes, schema, frozenset({"labels", "scores"}), fingerprint)
        self.model = model.requires_grad_(requires_grad=False)
        self.tokenizer = tokenizer
        self.column = column
        self.order = order
        self.most = most
        self.plainly = plainly
        self.given = f"the text of {column!r}"

    def _scores(self, x: Rows) -> Scores:
        codes = x[:, self.schema.slices[self.column].start]
        texts = Texts(self.schema.feature(self.column)).at(codes)
        if None in texts:
            raise Problem(f"a text in {self.column!r} for {self.name}", "none in some row", "Leave such rows out, or give an empty text")
        return self.scores_of_texts([str(t) for t in texts])

    def scores_of_texts(self, texts: list[str]) -> Scores:
        """Scores float64 (n, k) of texts, those of like length together."""
        out = np.empty((len(texts), len(self.classes)))
        step = BATCH if self.tokenizer.pad_token is not None else 1
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(texts), step):
            places = order[start : start + step]
            out[places] = self._batch([texts[i] for i in places])
        return out[:, list(self.order)]

    def _batch(self, texts: list[str]) -> Scores:
        cut = {"truncation": True, "max_length": self.most} if self.most else {}
        given = self.tokenizer(texts, return_tensors="pt", padding=len(texts) > 1, **cut)
        with torch.inference_mode():
            scores: Scores = torch.softmax(self.model(**given).logits.double(), 1).numpy()
        return scores

    def unaided(self, frame: "pd.DataFrame") -> Prediction | None:
        """transformers' own pipeline on the column, opened anew from the folder."""
        if self.column not in frame.columns or frame[self.column].isna().any():
            return None
        return self.plainly.texts([str(t) for t in frame[self.column]])


def longest(tokenizer: Any, config: Any) -> int:
    """Tokens that a text may have; 0 where there is no limit."""
    named = int(tokenizer.model_max_length)
    places = int(getattr(config, "max_position_embeddings", 0) or 0)
    if places and getattr(config, "model_type", "") in OFFSET:
        places -= int(config.pad_token_id or 0) + 1
    limits = [n for n in (named, places) if 0 < n < NO_LIMIT]
    return min(limits, default=0)


OFFSET = frozenset("roberta xlm-roberta xlm-roberta-xl camembert data2vec-text longformer mpnet roberta-prelayernorm xmod ibert".split())
"""Models that number the places of a text from behind the number of the padding token."""
