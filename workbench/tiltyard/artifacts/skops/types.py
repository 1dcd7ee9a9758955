"""The types that a skops file may hold: those skops 0.16 trusts by default with scikit-learn 1.9.

An exact list, kept here so that a scan imports neither skops nor scikit-learn; a test compares it
with skops. Decision trees are not in it: skops does not trust their node indices either, because a
crafted index reads outside its array at prediction; see `skops_trees`.
"""

_SKLEARN = """
    _loss.link: HalfLogitLink IdentityLink Interval LogLink LogitLink MultinomialLogit
    _loss.loss: AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss HalfPoissonLoss
    _loss.loss: HalfSquaredError HuberLoss PinballLoss
    calibration: CalibratedClassifierCV
    cluster._affinity_propagation: AffinityPropagation
    cluster._agglomerative: AgglomerativeClustering FeatureAgglomeration
    cluster._bicluster: SpectralBiclustering SpectralCoclustering
    cluster._birch: Birch
    cluster._bisect_k_means: BisectingKMeans
    cluster._dbscan: DBSCAN
    cluster._hdbscan.hdbscan: HDBSCAN
    cluster._kmeans: KMeans MiniBatchKMeans
    cluster._mean_shift: MeanShift
    cluster._optics: OPTICS
    cluster._spectral: SpectralClustering
    compose._column_transformer: ColumnTransformer
    compose._target: TransformedTargetRegressor
    covariance._elliptic_envelope: EllipticEnvelope
    covariance._empirical_covariance: EmpiricalCovariance
    covariance._graph_lasso: GraphicalLasso GraphicalLassoCV
    covariance._robust_covariance: MinCovDet
    covariance._shrunk_covariance: LedoitWolf OAS ShrunkCovariance
    cross_decomposition._pls: CCA PLSCanonical PLSRegression PLSSVD
    decomposition._dict_learning: DictionaryLearning MiniBatchDictionaryLearning SparseCoder
    decomposition._factor_analysis: FactorAnalysis
    decomposition._fastica: FastICA
    decomposition._incremental_pca: IncrementalPCA
    decomposition._kernel_pca: KernelPCA
    decomposition._lda: LatentDirichletAllocation
    decomposition._nmf: MiniBatchNMF NMF
    decomposition._pca: PCA
    decomposition._sparse_pca: MiniBatchSparsePCA SparsePCA
    decomposition._truncated_svd: TruncatedSVD
    discriminant_analysis: LinearDiscriminantAnalysis QuadraticDiscriminantAnalysis
    dummy: DummyClassifier DummyRegressor
    ensemble._bagging: BaggingClassifier BaggingRegressor
    ensemble._forest: ExtraTreesClassifier ExtraTreesRegressor RandomForestClassifier RandomForestRegressor RandomTreesEmbedding
    ensemble._gb: GradientBoostingClassifier GradientBoostingRegressor
    ensemble._hist_gradient_boosting.binning: _BinMapper
    ensemble._hist_gradient_boosting.gradient_boosting: HistGradientBoostingClassifier HistGradientBoostingRegressor
    ensemble._iforest: IsolationForest
    ensemble._stacking: StackingClassifier StackingRegressor
    ensemble._voting: VotingClassifier VotingRegressor
    ensemble._weight_boosting: AdaBoostClassifier AdaBoostRegressor
    feature_extraction._dict_vectorizer: DictVectorizer
    feature_extraction._hash: FeatureHasher
    feature_extraction.image: PatchExtractor
    feature_extraction.text: CountVectorizer HashingVectorizer TfidfTransformer TfidfVectorizer
    feature_selection._from_model: SelectFromModel
    feature_selection._rfe: RFE RFECV
    feature_selection._sequential: SequentialFeatureSelector
    feature_selection._univariate_selection: GenericUnivariateSelect SelectFdr SelectFpr SelectFwe SelectKBest SelectPercentile
    feature_selection._variance_threshold: VarianceThreshold
    frozen._frozen: FrozenEstimator
    gaussian_process._gpc: GaussianProcessClassifier
    gaussian_process._gpr: GaussianProcessRegressor
    impute._base: MissingIndicator SimpleImputer
    impute._knn: KNNImputer
    isotonic: IsotonicRegression
    kernel_approximation: AdditiveChi2Sampler Nystroem PolynomialCountSketch RBFSampler SkewedChi2Sampler
    kernel_ridge: KernelRidge
    linear_model._base: LinearRegression
    linear_model._bayes: ARDRegression BayesianRidge
    linear_model._coordinate_descent: ElasticNet ElasticNetCV Lasso LassoCV MultiTaskElasticNet MultiTaskElasticNetCV MultiTaskLasso
    linear_model._coordinate_descent: MultiTaskLassoCV
    linear_model._glm.glm: GammaRegressor PoissonRegressor TweedieRegressor
    linear_model._huber: HuberRegressor
    linear_model._least_angle: Lars LarsCV LassoLars LassoLarsCV LassoLarsIC
    linear_model._logistic: LogisticRegression LogisticRegressionCV
    linear_model._omp: OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV
    linear_model._passive_aggressive: PassiveAggressiveClassifier PassiveAggressiveRegressor
    linear_model._perceptron: Perceptron
    linear_model._quantile: QuantileRegressor
    linear_model._ransac: RANSACRegressor
    linear_model._ridge: Ridge RidgeCV RidgeClassifier RidgeClassifierCV
    linear_model._stochastic_gradient: SGDClassifier SGDOneClassSVM SGDRegressor
    linear_model._theil_sen: TheilSenRegressor
    manifold._classical_mds: ClassicalMDS
    manifold._isomap: Isomap
    manifold._locally_linear: LocallyLinearEmbedding
    manifold._mds: MDS
    manifold._spectral_embedding: SpectralEmbedding
    manifold._t_sne: TSNE
    mixture._bayesian_mixture: BayesianGaussianMixture
    mixture._gaussian_mixture: GaussianMixture
    model_selection._classification_threshold: FixedThresholdClassifier TunedThresholdClassifierCV
    model_selection._search: GridSearchCV RandomizedSearchCV
    multiclass: OneVsOneClassifier OneVsRestClassifier OutputCodeClassifier
    multioutput: ClassifierChain MultiOutputClassifier MultiOutputRegressor RegressorChain
    naive_bayes: BernoulliNB CategoricalNB ComplementNB GaussianNB MultinomialNB
    neighbors._classification: KNeighborsClassifier RadiusNeighborsClassifier
    neighbors._graph: KNeighborsTransformer RadiusNeighborsTransformer
    neighbors._kde: KernelDensity
    neighbors._lof: LocalOutlierFactor
    neighbors._nca: NeighborhoodComponentsAnalysis
    neighbors._nearest_centroid: NearestCentroid
    neighbors._regression: KNeighborsRegressor RadiusNeighborsRegressor
    neighbors._unsupervised: NearestNeighbors
    neural_network._multilayer_perceptron: MLPClassifier MLPRegressor
    neural_network._rbm: BernoulliRBM
    pipeline: FeatureUnion Pipeline
    preprocessing._data: Binarizer KernelCenterer MaxAbsScaler MinMaxScaler Normalizer PowerTransformer QuantileTransformer
    preprocessing._data: RobustScaler StandardScaler
    preprocessing._discretization: KBinsDiscretizer
    preprocessing._encoders: OneHotEncoder OrdinalEncoder
    preprocessing._function_transformer: FunctionTransformer
    preprocessing._label: LabelBinarizer LabelEncoder MultiLabelBinarizer
    preprocessing._polynomial: PolynomialFeatures SplineTransformer
    preprocessing._target_encoder: TargetEncoder
    random_projection: GaussianRandomProjection SparseRandomProjection
    semi_supervised._label_propagation: LabelPropagation LabelSpreading
    semi_supervised._self_training: SelfTrainingClassifier
    svm._classes: LinearSVC LinearSVR NuSVC NuSVR OneClassSVM SVC SVR
    tree._classes: DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor
"""
_UFUNCS = """
    absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and bitwise_count bitwise_or bitwise_xor cbrt ceil
    conjugate copysign cos cosh deg2rad degrees divide divmod equal exp exp2 expm1 fabs float_power floor floor_divide fmax fmin
    fmod frexp gcd greater greater_equal heaviside hypot invert isfinite isinf isnan isnat lcm ldexp left_shift less less_equal
    log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor matmul matvec maximum minimum modf
    multiply negative nextafter not_equal positive power rad2deg radians reciprocal remainder right_shift rint sign signbit sin
    sinh spacing sqrt square subtract tan tanh trunc vecdot vecmat
"""
_PARTS = """
    calibration: _CalibratedClassifier _SigmoidCalibration _TemperatureScaling
    compose._column_transformer: make_column_selector
    gaussian_process._gpc: _BinaryGaussianProcessClassifierLaplace
    gaussian_process.kernels: CompoundKernel ConstantKernel DotProduct ExpSineSquared Exponentiation Matern PairwiseKernel Product
    gaussian_process.kernels: RBF RationalQuadratic Sum WhiteKernel
    impute._iterative: IterativeImputer
    metrics._scorer: _CurveScorer _MultimetricScorer _PassthroughScorer _Scorer
    model_selection._search_successive_halving: HalvingGridSearchCV HalvingRandomSearchCV _SubsampleMetaSplitter
    model_selection._split: GroupKFold GroupShuffleSplit KFold LeaveOneGroupOut LeaveOneOut LeavePGroupsOut LeavePOut PredefinedSplit
    model_selection._split: RepeatedKFold RepeatedStratifiedKFold ShuffleSplit StratifiedGroupKFold StratifiedKFold
    model_selection._split: StratifiedShuffleSplit TimeSeriesSplit
    neural_network._stochastic_optimizers: AdamOptimizer SGDOptimizer
    utils._metadata_requests: MetadataRequest MethodMetadataRequest
"""
_FUNCTIONS = """
    feature_selection._mutual_info: mutual_info_classif mutual_info_regression
    feature_selection._univariate_selection: chi2 f_classif f_oneway f_regression r_regression
    metrics._classification: accuracy_score balanced_accuracy_score brier_score_loss cohen_kappa_score confusion_matrix f1_score
    metrics._classification: fbeta_score hamming_loss hinge_loss jaccard_score log_loss matthews_corrcoef precision_score recall_score
    metrics._classification: zero_one_loss
    metrics._ranking: average_precision_score dcg_score ndcg_score roc_auc_score top_k_accuracy_score
    metrics._regression: explained_variance_score max_error mean_absolute_error mean_absolute_percentage_error mean_pinball_loss
    metrics._regression: mean_squared_error mean_squared_log_error median_absolute_error r2_score root_mean_squared_error
"""


def _named(lines: str, package: str) -> frozenset[str]:
    """The full names of what ``lines`` lists by its module."""
    pairs = (line.partition(":") for line in lines.strip().splitlines())
    return frozenset(f"{package}.{module.strip()}.{name}" for module, _, names in pairs for name in names.split())


ESTIMATORS = _named(_SKLEARN, "sklearn")
# What skops does not trust, and what is nothing but Python: parts of estimators that hold attributes and call NumPy alone, scores of
# columns and of answers, functions of arrays, and classes that only say which columns are meant. Never a distribution of scipy.stats:
# its state is code that it executes as it is read.
PURE: dict[str, frozenset[str]] = {
    "ObjectNode": _named(_PARTS, "sklearn"),
    "DictNode": frozenset({"sklearn.utils._bunch.Bunch"}),
    "FunctionNode": _named(_FUNCTIONS, "sklearn") | {f"numpy.{name}" for name in ("around", "clip", "fix", "nan_to_num", "round")},
    "TupleNode": frozenset({"sklearn.impute._iterative._ImputerTriplet"}),
    "TypeNode": _named("model_selection._split: KFold StratifiedKFold", "sklearn")
    | {"builtins.object"}
    | {f"numpy.{name}" for name in "complexfloating floating generic inexact integer number signedinteger unsignedinteger".split()},
}
UFUNCS = frozenset(f"numpy.{name}" for name in _UFUNCS.split())
DTYPES = frozenset(
    f"numpy.{name}"
    for name in (
        "bool bytes_ clongdouble complex128 complex64 datetime64 float16 float32 float64 int16 int32 int64 int8 longdouble longlong "
        "object_ str_ timedelta64 uint16 uint32 uint64 uint8 ulonglong void"
    ).split()
)
PRIMITIVES = frozenset(f"builtins.{name}" for name in ("int", "float", "str", "bool"))
CONTAINERS = frozenset(f"builtins.{name}" for name in ("list", "set", "map", "tuple"))
BIT_GENERATORS = frozenset(f"numpy.random.{name}" for name in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"))
