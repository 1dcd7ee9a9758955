"""Rows that are nobody's: valid by the schema, drawn at random."""

import numpy as np

from .schema import Rows, Schema


def random_rows(schema: Schema, n: int, rng: np.random.Generator) -> Rows:
    """Random valid rows (n, *shape) in the schema's dtype: uniform numbers or pixels, a random category, a random member of each group."""
    x: Rows = rng.uniform(schema.low, schema.high, (n, *schema.shape)).astype(schema.dtype)
    if schema.images:
        return x
    for feature in schema.features:
        place = schema.slices[feature.name]
        if feature.grouped:
            drawn = rng.integers(0, len(feature.values), n)
            x[:, place] = drawn[:, None] if feature.kind == "categorical" else np.eye(len(feature.values))[drawn]
        elif feature.kind == "integer":
            x[:, place] = np.round(x[:, place])
    return x
