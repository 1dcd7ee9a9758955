"""A model of another library with the face of a scikit-learn classifier: columns by name, categories as it knows them, answers its own."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from ...errors import Problem, Unavailable

if TYPE_CHECKING:
    import pandas as pd

Given = "pd.DataFrame | NDArray[Any]"
REGRESSION = "Give a classifier; regression is not assessed"


class FittedModel(ABC):
    """A fitted model of another library.

    Attributes
    ----------
    model
        The library's own object, which answers.
    classes_
        Its class labels, in the order of its scores.
    names
        The columns it was fitted on, in its order; empty where it knows none.
    feature_names_in_
        The same, as scikit-learn calls them; absent where it knows none.
    n_features_in_
        Their number.
    levels
        For each column that it takes as categories, these in its own order.
    trainable
        Whether it can be fitted again as it was: not from a file, which does not hold how it was.
    """

    def __init__(self, model: Any, classes: Any, names: Sequence[str], width: int, levels: Mapping[str, Sequence[Any]]) -> None:
        self.model = model
        self.classes_ = np.asarray(classes)
        self.n_features_in_ = width
        self.names = tuple(names)
        if names:
            self.feature_names_in_ = np.asarray(names, object)
        self.levels = dict(levels)
        self.trainable = False

    @property
    def doubts(self) -> tuple[str, ...]:
        """What undermines its answers, in sentences; nothing by itself."""
        return ()

    @abstractmethod
    def _probabilities(self, x: Any) -> NDArray[Any]:
        """The library's own scores of rows that are as it wants them."""

    def _labels(self, x: Any) -> NDArray[Any]:
        """The library's own labels; of one that gives scores only, the class with the largest."""
        found: NDArray[Any] = self.classes_[_columns(self._probabilities(x)).argmax(1)]
        return found

    def predict_proba(self, x: Any) -> NDArray[np.float64]:
        """Class probabilities, float64 (n, k): the library's own, of which those that do not sum to 1 (one class against the rest) are divided."""
        found = _columns(self._probabilities(self.as_known(x)))
        total = found.sum(1, keepdims=True)
        return found if np.abs(total - 1).max(initial=0) < 1e-3 else found / np.maximum(total, 1e-300)

    def predict(self, x: Any) -> NDArray[Any]:
        """The labels (n,) that the library itself answers."""
        return np.asarray(self._labels(self.as_known(x))).ravel()

    def as_known(self, x: Any) -> Any:
        """Rows with the categories as the model knows them; a column that is a pandas category is given as it is.

        Raises
        ------
        Problem
            For a value that it was not fitted on.
        """
        import pandas as pd

        if not isinstance(x, pd.DataFrame):
            return x
        plain = [c for c in self.levels if c in x.columns and not isinstance(x[c].dtype, pd.CategoricalDtype)]
        return x.assign(**{name: self._category(x[name], self.levels[name]) for name in plain}) if plain else x

    def _category(self, column: "pd.Series", levels: Sequence[Any]) -> Any:
        import pandas as pd

        texts = {str(level): level for level in levels}
        values = [v if v in texts.values() else texts.get(str(v), v) for v in column.tolist()]
        codes = pd.Index(list(levels)).get_indexer(pd.Index(values, dtype=object))
        lost = np.flatnonzero((codes < 0) & column.notna().to_numpy(bool))
        if len(lost):
            some = ", ".join(map(str, levels[:8])) + (" …" if len(levels) > 8 else "")
            unknown = f"{column.iloc[int(lost[0])]!r} in {len(lost):,} rows, which {type(self).__name__} was not fitted on"
            raise Problem(f"{str(column.name)!r} to be one of {some}", unknown, "Correct it, or leave those rows out")
        return pd.Categorical.from_codes(codes.tolist(), categories=pd.Index(list(levels)))

    def fit(self, x: Any, y: Any) -> Self:
        """Fit it again."""
        self.model.fit(self.as_known(x), y)
        return self

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The library's own settings."""
        found: dict[str, Any] = self.model.get_params()
        return found

    def set_params(self, **settings: Any) -> Self:
        """Change the library's own settings."""
        self.model.set_params(**settings)
        return self

    def __sklearn_clone__(self) -> Self:
        import copy

        if not self.trainable:
            raise Unavailable("a model that can be fitted again", f"{type(self).__name__} from a file", "Give the estimator in a notebook")
        other = copy.copy(self)
        other.model = self._unfitted()
        return other

    def _unfitted(self) -> Any:
        """A copy of the library's estimator, ready to be fitted on rows alone."""
        return type(self.model)(**self.model.get_params())

    def few_rows(self) -> Any:
        """Three rows that it must answer, to try it on: zeros, large numbers, and none."""
        import pandas as pd

        rows = np.array([[0.0] * self.n_features_in_, [1e6] * self.n_features_in_, [np.nan] * self.n_features_in_])
        if not self.names:
            return rows
        frame = pd.DataFrame(rows, columns=list(self.names))
        return frame.assign(**{name: [levels[0]] * 3 for name, levels in self.levels.items() if len(levels)})


def _columns(scores: NDArray[Any]) -> NDArray[np.float64]:
    """Scores (n,) of the second of two classes, or (n, k), as float64 (n, k)."""
    found = np.asarray(scores, np.float64)
    return np.stack([1 - found, found], 1) if found.ndim == 1 else found


def softmax(margins: NDArray[Any]) -> NDArray[np.float64]:
    """Probabilities (n, k) of margins (n, k)."""
    shifted = np.exp(np.asarray(margins, np.float64) - margins.max(1, keepdims=True))
    return np.asarray(shifted / shifted.sum(1, keepdims=True))
