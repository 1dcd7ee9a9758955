"""Numbers in skops files that libraries take for places in memory: what they wrote opens, what is crafted does not.

Each crafted file here was called safe once. Opened and used, most of their kind ended the process with a fault, one ran without
end, and the rest reached compiled code with arrays narrower than it reads.
"""

import io
import zipfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from .test_skops_trees import X, Y

if TYPE_CHECKING:
    from .test_skops_trees import Change


KINDS = np.array([[1, "a"], [2, "b"], [2, "b"], [3, "c"]], object)
TEXTS = ["a cat out", "the dog memory"]
SHARED = np.random.RandomState(0)


def honest() -> list[Any]:
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.frozen import FrozenEstimator
    from sklearn.linear_model import SGDClassifier
    from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor, RadiusNeighborsClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import KBinsDiscretizer
    from sklearn.svm import SVC, SVR, NuSVC, OneClassSVM
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(max_depth=2)
    return [
        SVC(kernel="linear"),
        NuSVC(nu=0.1),
        SVR(),
        OneClassSVM(),
        KNeighborsClassifier(algorithm="brute"),
        RadiusNeighborsClassifier(algorithm="brute"),
        LocalOutlierFactor(novelty=True, algorithm="brute"),
        KMeans(3),
        MiniBatchKMeans(3),
        KBinsDiscretizer(),
        SGDClassifier(random_state=SHARED),
        HistGradientBoostingClassifier(max_iter=2, max_features=0.5),
        Pipeline([("s", FrozenEstimator(KMeans(2, random_state=SHARED).fit(X))), ("t", SGDClassifier(random_state=SHARED))]),
        Pipeline([("s", FrozenEstimator(KMeans(2).fit(X))), ("t", tree)]),
    ]


def fitted() -> list[Any]:
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
    from sklearn.frozen import FrozenEstimator
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import MultiLabelBinarizer, OneHotEncoder
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(max_depth=2)
    return [
        OneHotEncoder(drop="first", min_frequency=2).fit(KINDS),
        OneHotEncoder(drop="if_binary", max_categories=3).fit(np.round(X)),
        OneHotEncoder(max_categories=3, handle_unknown="infrequent_if_exist").fit(np.round(X)),
        OneHotEncoder().fit(KINDS),
        TfidfVectorizer(max_features=2).fit(TEXTS),
        CountVectorizer().fit(TEXTS),
        CountVectorizer(vocabulary=["a", "b"]),
        HashingVectorizer(),
        DictVectorizer().fit([{"a": 1, "out": "x"}]),
        MultiLabelBinarizer().fit([[1, 2], [3]]),
        KNeighborsClassifier(algorithm="brute").fit(X, np.c_[Y, Y]),
        SVC(kernel="precomputed").fit(X @ X.T, Y),
        FrozenEstimator(Pipeline([("a", tree.fit(X, Y)), ("b", tree)])),
    ]


def test_what_was_fitted_opens() -> None:
    import skops.io

    from .test_skops_trees import judged

    assert [model for model in honest() if not judged(skops.io.dumps(model.fit(X, Y))).safe] == []
    assert [model for model in fitted() if not judged(skops.io.dumps(model)).safe] == []


def altered(model: Any, **given: Any) -> Any:
    for key, value in given.items():
        setattr(model, key, value)
    return model


def machine(**given: Any) -> Any:
    from sklearn.svm import SVC

    return altered(SVC().fit(X, Y), **given)


def neighbors(kind: Any, **given: Any) -> Any:
    return altered(kind(algorithm="brute").fit(X, Y), **given)


def split() -> Any:
    """What `BisectingKMeans` would ask for centers, of a type that skops trusts."""
    from sklearn.cluster import KMeans

    leaf = altered(KMeans(), center=np.zeros(1), left=None, label=0)
    return altered(KMeans(), left=leaf, right=leaf)


def crafted() -> dict[str, Callable[[], Any]]:
    from sklearn.cluster import BisectingKMeans, KMeans
    from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsTransformer
    from sklearn.preprocessing import MultiLabelBinarizer, OneHotEncoder

    return {
        "weights that are missing": lambda: machine(_dual_coef_=np.zeros((2, 1))),
        "vectors below none": lambda: machine(_n_support=np.array([-9, 9 + len(machine().support_), 0], np.int32)),
        "narrow vectors": lambda: machine(support_vectors_=np.zeros((len(machine().support_), 1))),
        "too few intercepts": lambda: machine(_intercept_=np.zeros(1)),
        "probabilities of one pair": lambda: machine(_probA=np.zeros(1), _probB=np.zeros(1)),
        "another machine": lambda: machine(_impl="epsilon_svr"),
        "a vector that is no row": lambda: machine(support_=np.full(len(machine().support_), 1 << 30, np.int32)),
        "a class of a row": lambda: neighbors(KNeighborsClassifier, _y=np.full(120, 1 << 40)),
        "narrow rows": lambda: neighbors(KNeighborsClassifier, _fit_X=np.zeros((120, 1))),
        "fewer rows than there are": lambda: neighbors(KNeighborsTransformer, n_samples_fit_=5),
        "narrow centers": lambda: altered(KMeans(3).fit(X), cluster_centers_=np.zeros((3, 1))),
        "a tree of centers": lambda: altered(BisectingKMeans(2), n_features_in_=4, _bisecting_tree=split()),
        "threads": lambda: altered(KMeans(3).fit(X), _n_threads=1 << 20),
        "fewer columns than codes": lambda: altered(OneHotEncoder().fit(KINDS), _n_features_outs=[1, 1]),
        "one list of columns": lambda: altered(OneHotEncoder().fit(KINDS), _n_features_outs=[3]),
        "categories out of order": lambda: altered(OneHotEncoder().fit(X[:, :1]), categories_=[X[:, 0]]),
        "rare codes": lambda: altered(
            OneHotEncoder(min_frequency=2).fit(KINDS), _default_to_infrequent_mappings=[np.full(3, 1 << 29), np.full(3, 1 << 29)]
        ),
        "a category that is not there": lambda: altered(
            OneHotEncoder(drop="first").fit(KINDS), _drop_idx_after_grouping=np.array([7, 0], object)
        ),
        "a word's place": lambda: altered(CountVectorizer().fit(TEXTS), vocabulary_={"cat": 1 << 30, "dog": 1}),
        "a key's place": lambda: altered(DictVectorizer().fit([{"a": 1}]), vocabulary_={"a": -1}),
        "a label's place": lambda: altered(MultiLabelBinarizer().fit([[1]]), _cached_dict={1: 1 << 30}),
        "no columns to divide by": lambda: HashingVectorizer(n_features=0),
        "a bin mapper of its own": lambda: _BinMapper().fit(X),
    }


def test_what_leads_outside_is_not_shown_safe() -> None:
    import skops.io

    from .test_skops_trees import judged

    assert [name for name, made in crafted().items() if judged(skops.io.dumps(made())).safe] == []


def generator(kind: Any) -> Any:
    from sklearn.linear_model import LogisticRegression

    return altered(LogisticRegression().fit(X, Y), g=np.random.Generator(kind(1)))


def at(*path: str, value: object) -> "Change":
    from .test_skops_trees import fields, named

    def change(schema: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        held = fields(schema)
        for key in path[:-1]:
            held = held[key]["content"]
            held = held.get("content", held) if "__loader__" in held else held
        held[path[-1]] = named(value)

    return change


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (None, at("random_state", "state", "pos", value=1 << 30)),
        (np.random.MT19937, at("g", "bit_generator", "state", "pos", value=-(1 << 30))),
        (np.random.Philox, at("g", "bit_generator", "buffer_pos", value=-(1 << 30))),
        (np.random.PCG64, at("g", "seed_seq", "pool_size", value=1 << 20)),
    ],
)
def test_a_crafted_generator_is_not_shown_safe(kind: Any, change: "Change") -> None:
    import skops.io
    from sklearn.linear_model import SGDClassifier

    from .test_skops_trees import changed, judged

    model = generator(kind) if kind else SGDClassifier(random_state=SHARED).fit(X, Y)
    data = skops.io.dumps(model)
    assert judged(changed(data, lambda s, a: None)).safe
    assert not judged(changed(data, change)).safe


def test_a_part_named_by_its_id_alone_is_not_shown_safe() -> None:
    """skops builds it from a memory of what came before, so a tree would stand where nobody counts columns."""
    import skops.io
    from sklearn.tree import DecisionTreeClassifier

    from .test_skops_trees import Change, changed, fields, judged, put

    data = skops.io.dumps(DecisionTreeClassifier(max_depth=2).fit(X, Y))
    refers: Change = lambda s, a: put(s, "random_state", {"__id__": fields(s)["tree_"]["__id__"]})  # noqa: E731
    assert not judged(changed(data, refers)).safe


def test_a_function_that_writes_into_an_array_is_not_shown_safe() -> None:
    import skops.io
    from sklearn.neighbors import KNeighborsClassifier

    from .test_skops_trees import changed, fields, judged, put, ufunc

    def change(schema: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        fields(schema)["effective_metric_"] = ufunc("add")
        put({"content": fields(schema)["effective_metric_params_"]}, "out", fields(schema)["_fit_X"])

    assert not judged(changed(skops.io.dumps(neighbors(KNeighborsClassifier)), change)).safe


def test_a_sparse_array_under_the_one_trusted_name_is_not_shown_safe() -> None:
    import scipy.sparse
    import skops.io
    from sklearn.linear_model import SGDClassifier

    from .test_skops_trees import judged

    model = SGDClassifier().fit(X, Y)
    model.coef_ = scipy.sparse.csr_matrix(model.coef_)
    archive, out = zipfile.ZipFile(io.BytesIO(skops.io.dumps(model))), io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name in archive.namelist():
            said = archive.read(name)
            if name == "schema.json":
                said = said.replace(b"scipy.sparse._csr", b"scipy.sparse._matrix").replace(b"csr_matrix", b"spmatrix")
            made.writestr(name, said)
    assert not judged(out.getvalue()).safe
