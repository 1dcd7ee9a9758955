"""Rows as numbers for a thief's own model: the encoded columns, and of free text the share of each word, hashed to a fixed number of columns."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.encoding import encoding_of
from ..datasets.feature import Feature
from ..datasets.schema import Rows, Schema
from ..datasets.texts import Texts

WORDS = 2048


def width_of(schema: Schema) -> int:
    """How many columns `columns_of` gives."""
    texts, rest = _apart(schema)
    return WORDS * len(texts) + (int(np.prod(encoding_of(rest).shape)) if rest.features else 0)


def columns_of(schema: Schema, x: Rows) -> NDArray[np.float64]:
    """Rows of x as float64 (n, columns); a number that a row lacks is NaN, or 0 where a feature is text."""
    texts, rest = _apart(schema)
    if not texts:
        return _encoded(schema, x)
    blocks = [_hashed(f, x[:, schema.slices[f.name].start]) for f in texts]
    if rest.features:
        places = np.concatenate([np.arange(len(schema.columns))[schema.slices[f.name]] for f in rest.features])
        blocks.append(np.nan_to_num(_encoded(rest, x[:, places])))
    return np.concatenate(blocks, 1)


def _encoded(schema: Schema, x: Rows) -> NDArray[np.float64]:
    found: NDArray[np.float64] = encoding_of(schema).encode(x, np.float64).reshape(len(x), -1)
    return found


def _apart(schema: Schema) -> tuple[list[Feature], Schema]:
    """The features that are text, and a schema of the others."""
    texts = [f for f in schema.features if f.kind == "text"]
    rest = tuple(f for f in schema.features if f.kind != "text")
    return texts, schema.model_copy(update={"features": rest}) if texts else schema


def _hashed(feature: Feature, codes: NDArray[Any]) -> NDArray[np.float64]:
    from sklearn.feature_extraction.text import HashingVectorizer

    words = HashingVectorizer(n_features=WORDS, alternate_sign=False)
    found: NDArray[np.float64] = words.transform([text or "" for text in Texts(feature).at(codes)]).toarray()
    return found
