"""Classes and functions of the usual libraries that ordinary models hold: the allowlist behind the verdict *known types*.

Of each library the estimators by its own listing (scikit-learn 1.9's ``all_estimators``), names that older releases had, and
the parts that such models are made of. Left out on purpose, though models may hold them: ``operator`` getters, joblib's old wrappers (they read a file beside).
"""

SKLEARN = {
    "calibration": "CalibratedClassifierCV _CalibratedClassifier _SigmoidCalibration _TemperatureScaling",
    "cluster": "AffinityPropagation AgglomerativeClustering Birch _CFNode _CFSubcluster BisectingKMeans _BisectingTree DBSCAN FeatureAgglomeration HDBSCAN KMeans "
    "MeanShift MiniBatchKMeans OPTICS SpectralBiclustering SpectralClustering SpectralCoclustering",
    "compose": "ColumnTransformer TransformedTargetRegressor make_column_selector _RemainderColsList",
    "covariance": "EllipticEnvelope EmpiricalCovariance GraphicalLasso GraphicalLassoCV LedoitWolf MinCovDet OAS ShrunkCovariance",
    "cross_decomposition": "CCA PLSCanonical PLSRegression PLSSVD",
    "decomposition": "DictionaryLearning FactorAnalysis FastICA IncrementalPCA KernelPCA LatentDirichletAllocation MiniBatchDictionaryLearning "
    "MiniBatchNMF MiniBatchSparsePCA NMF PCA SparseCoder SparsePCA TruncatedSVD RandomizedPCA",
    "discriminant_analysis": "LinearDiscriminantAnalysis QuadraticDiscriminantAnalysis LDA QDA",
    "dummy": "DummyClassifier DummyRegressor",
    "ensemble": "AdaBoostClassifier AdaBoostRegressor BaggingClassifier BaggingRegressor ExtraTreesClassifier ExtraTreesRegressor "
    "GradientBoostingClassifier GradientBoostingRegressor HistGradientBoostingClassifier HistGradientBoostingRegressor IsolationForest "
    "RandomForestClassifier RandomForestRegressor RandomTreesEmbedding StackingClassifier StackingRegressor VotingClassifier VotingRegressor "
    "TreePredictor _BinMapper VerboseReporter BinomialDeviance MultinomialDeviance LeastSquaresError LeastAbsoluteError HuberLossFunction "
    "QuantileLossFunction ExponentialLoss ZeroEstimator PriorProbabilityEstimator LogOddsEstimator MeanEstimator QuantileEstimator",
    "feature_extraction": "CountVectorizer DictVectorizer FeatureHasher HashingVectorizer PatchExtractor TfidfTransformer TfidfVectorizer",
    "feature_selection": "GenericUnivariateSelect RFE RFECV SelectFdr SelectFpr SelectFromModel SelectFwe SelectKBest SelectPercentile "
    "SequentialFeatureSelector VarianceThreshold",
    "frozen": "FrozenEstimator",
    "gaussian_process": "GaussianProcessClassifier GaussianProcessRegressor _BinaryGaussianProcessClassifierLaplace Hyperparameter CompoundKernel "
    "Sum Product Exponentiation ConstantKernel WhiteKernel RBF Matern RationalQuadratic ExpSineSquared DotProduct PairwiseKernel",
    "impute": "KNNImputer MissingIndicator SimpleImputer IterativeImputer _ImputerTriplet",
    "isotonic": "IsotonicRegression",
    "kernel_approximation": "AdditiveChi2Sampler Nystroem PolynomialCountSketch RBFSampler SkewedChi2Sampler",
    "kernel_ridge": "KernelRidge",
    "linear_model": "ARDRegression BayesianRidge ElasticNet ElasticNetCV GammaRegressor HuberRegressor Lars LarsCV Lasso LassoCV LassoLars "
    "LassoLarsCV LassoLarsIC LinearRegression LogisticRegression LogisticRegressionCV MultiTaskElasticNet MultiTaskElasticNetCV "
    "MultiTaskLasso MultiTaskLassoCV OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV PassiveAggressiveClassifier "
    "PassiveAggressiveRegressor Perceptron PoissonRegressor QuantileRegressor RANSACRegressor Ridge RidgeCV RidgeClassifier "
    "_IdentityRegressor _IdentityClassifier RidgeClassifierCV SGDClassifier SGDOneClassSVM SGDRegressor TheilSenRegressor TweedieRegressor",
    "manifold": "ClassicalMDS Isomap LocallyLinearEmbedding MDS SpectralEmbedding TSNE",
    "metrics": "_Scorer _PredictScorer _ProbaScorer _ThresholdScorer _PassthroughScorer _MultimetricScorer _CurveScorer",
    "mixture": "BayesianGaussianMixture GaussianMixture",
    "model_selection": "FixedThresholdClassifier GridSearchCV RandomizedSearchCV HalvingGridSearchCV HalvingRandomSearchCV "
    "TunedThresholdClassifierCV ParameterGrid BaseCrossValidator GroupKFold GroupShuffleSplit KFold LeaveOneGroupOut LeaveOneOut LeavePGroupsOut "
    "LeavePOut PredefinedSplit RepeatedKFold RepeatedStratifiedKFold ShuffleSplit StratifiedGroupKFold StratifiedKFold "
    "StratifiedShuffleSplit TimeSeriesSplit _CVIterableWrapper _CurveScorer ParameterSampler _SubsampleMetaSplitter",
    "multiclass": "OneVsOneClassifier OneVsRestClassifier OutputCodeClassifier _ConstantPredictor",
    "multioutput": "ClassifierChain MultiOutputClassifier MultiOutputRegressor RegressorChain",
    "naive_bayes": "BernoulliNB CategoricalNB ComplementNB GaussianNB MultinomialNB",
    "neighbors": "KNeighborsClassifier KNeighborsRegressor KNeighborsTransformer KernelDensity LocalOutlierFactor NearestCentroid "
    "NearestNeighbors NeighborhoodComponentsAnalysis RadiusNeighborsClassifier RadiusNeighborsRegressor RadiusNeighborsTransformer "
    "KDTree BallTree KDTree32 KDTree64 BallTree32 BallTree64 BinaryTree",
    "neural_network": "BernoulliRBM MLPClassifier MLPRegressor AdamOptimizer SGDOptimizer",
    "pipeline": "FeatureUnion Pipeline",
    "preprocessing": "Binarizer FunctionTransformer KBinsDiscretizer KernelCenterer LabelBinarizer LabelEncoder MaxAbsScaler MinMaxScaler "
    "MultiLabelBinarizer Normalizer OneHotEncoder OrdinalEncoder PolynomialFeatures PowerTransformer QuantileTransformer RobustScaler "
    "SplineTransformer StandardScaler TargetEncoder Imputer CategoricalEncoder",
    "random_projection": "GaussianRandomProjection SparseRandomProjection",
    "semi_supervised": "LabelPropagation LabelSpreading SelfTrainingClassifier",
    "svm": "LinearSVC LinearSVR NuSVC NuSVR OneClassSVM SVC SVR",
    "tree": "DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor",
    "utils": "Bunch MetadataRequest MethodMetadataRequest TransformNamer",
    "_loss": "AbsoluteError HalfBinomialLoss HalfBinomialLossArrayAPI HalfMultinomialLoss HalfMultinomialLossArrayAPI HalfGammaLoss "
    "HalfPoissonLoss HalfSquaredError HalfTweedieLoss HalfTweedieLossIdentity HuberLoss PinballLoss ExponentialLoss "
    "Interval IdentityLink LogLink LogitLink HalfLogitLink MultinomialLogit",
}
SKLEARN_CALLED = {
    "_loss": "CyAbsoluteError CyExponentialLoss CyHalfBinomialLoss CyHalfGammaLoss CyHalfMultinomialLoss CyHalfPoissonLoss "
    "CyHalfSquaredError CyHalfTweedieLoss CyHalfTweedieLossIdentity CyHuberLoss CyPinballLoss",
    "linear_model": "Hinge SquaredHinge Log ModifiedHuber SquaredLoss Huber EpsilonInsensitive SquaredEpsilonInsensitive SquaredHinge",
    "metrics": "EuclideanDistance EuclideanDistance32 EuclideanDistance64 ManhattanDistance ManhattanDistance64 ChebyshevDistance64 "
    "MinkowskiDistance64 HaversineDistance64 SEuclideanDistance64 MahalanobisDistance64 HammingDistance64 CanberraDistance64 BrayCurtisDistance64 "
    "JaccardDistance64 DiceDistance64 RogersTanimotoDistance64 RussellRaoDistance64 SokalSneathDistance64 SEuclideanDistance32 ManhattanDistance32 "
    "ChebyshevDistance32 MinkowskiDistance32 MahalanobisDistance32 HammingDistance32 CanberraDistance32 BrayCurtisDistance32 JaccardDistance32 "
    "DiceDistance32 RogersTanimotoDistance32 RussellRaoDistance32 SokalSneathDistance32 HaversineDistance32",
}
METRICS = (
    "accuracy_score adjusted_mutual_info_score adjusted_rand_score average_precision_score balanced_accuracy_score brier_score_loss "
    "brier_score_loss_proba calinski_harabasz_score cohen_kappa_score completeness_score d2_absolute_error_score d2_log_loss_score d2_pinball_score "
    "d2_tweedie_score davies_bouldin_score dcg_score explained_variance_score f1_score fbeta_score fowlkes_mallows_score hamming_loss "
    "hinge_loss homogeneity_score jaccard_score log_loss matthews_corrcoef max_error mean_absolute_error mean_absolute_percentage_error "
    "mean_gamma_deviance mean_pinball_loss mean_poisson_deviance mean_squared_error mean_squared_log_error mean_tweedie_deviance "
    "median_absolute_error mutual_info_score ndcg_score normalized_mutual_info_score precision_score r2_score rand_score recall_score "
    "roc_auc_score root_mean_squared_error root_mean_squared_log_error silhouette_score top_k_accuracy_score v_measure_score zero_one_loss"
)
UFUNCS = (
    "abs absolute add arccos arccosh arcsin arcsinh arctan arctanh cbrt ceil clip cos cosh deg2rad degrees divide exp exp2 expm1 fabs "
    "floor isfinite isnan log log10 log1p log2 maximum minimum multiply nan_to_num negative positive power rad2deg radians reciprocal rint sign "
    "sin sinh sqrt square subtract tan tanh trunc"
)
SCALARS = (
    "bool_ bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 longdouble float128 complex64 complex128 str_ bytes_ object_ "
    "datetime64 timedelta64 void intc uintc longlong ulonglong int_ uint intp "
    "generic number integer signedinteger unsignedinteger inexact floating complexfloating flexible character"
)
SPARSE = "csr_matrix csc_matrix coo_matrix lil_matrix dia_matrix bsr_matrix dok_matrix csr_array csc_array coo_array lil_array dia_array bsr_array dok_array"
TORCH_MODULES = (
    "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d AlphaDropout AvgPool1d "
    "AvgPool2d AvgPool3d BCELoss BCEWithLogitsLoss BatchNorm1d BatchNorm2d BatchNorm3d Bilinear CELU ChannelShuffle CircularPad1d CircularPad2d "
    "ConstantPad1d ConstantPad2d ConstantPad3d Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d CosineSimilarity CrossEntropyLoss "
    "Dropout Dropout1d Dropout2d Dropout3d ELU Embedding EmbeddingBag FeatureAlphaDropout Flatten Fold GELU GLU GRU GRUCell GroupNorm "
    "Hardshrink Hardsigmoid Hardswish Hardtanh HuberLoss Identity InstanceNorm1d InstanceNorm2d InstanceNorm3d KLDivLoss L1Loss LPPool1d LPPool2d "
    "LSTM LSTMCell LayerNorm LeakyReLU Linear NonDynamicallyQuantizableLinear LocalResponseNorm LogSigmoid LogSoftmax MSELoss MaxPool1d "
    "MaxPool2d MaxPool3d MaxUnpool2d Mish ModuleDict ModuleList MultiheadAttention NLLLoss PReLU PairwiseDistance ParameterDict ParameterList "
    "PixelShuffle PixelUnshuffle RMSNorm RNN RNNCell RReLU ReLU ReLU6 ReflectionPad1d ReflectionPad2d ReplicationPad1d ReplicationPad2d "
    "SELU Sequential SiLU Sigmoid SmoothL1Loss Softmax Softmax2d Softmin Softplus Softshrink Softsign SyncBatchNorm Tanh Tanhshrink "
    "Threshold Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer Unflatten Unfold Upsample "
    "UpsamplingBilinear2d UpsamplingNearest2d ZeroPad1d ZeroPad2d"
)
TORCH_FUNCTIONS = {"torch.nn.functional": "relu gelu silu tanh sigmoid leaky_relu elu softmax log_softmax", "torch._C._nn": "gelu silu"}
TORCH_OPTIMIZERS = "Adadelta Adagrad Adam AdamW Adamax ASGD LBFGS NAdam RAdam RMSprop Rprop SGD SparseAdam"
TORCH_MORE = {
    "torch.optim.lr_scheduler": "StepLR MultiStepLR ConstantLR LinearLR ExponentialLR SequentialLR PolynomialLR CosineAnnealingLR ChainedScheduler "
    "ReduceLROnPlateau CyclicLR CosineAnnealingWarmRestarts OneCycleLR",
    "torch.optim.swa_utils": "AveragedModel SWALR",
    "torch.utils.data.dataset": "TensorDataset Subset ConcatDataset",
    "torch.nn.utils.prune": "L1Unstructured RandomUnstructured LnStructured RandomStructured PruningContainer CustomFromMask Identity",
    "torch.distributions.normal": "Normal",
    "torch.distributions.categorical": "Categorical",
    "torch.distributions.bernoulli": "Bernoulli",
    "torch.distributions.uniform": "Uniform",
}
SMOOTH = {  # splines, interpolation, polynomials, densities
    "scipy.interpolate._bsplines": "BSpline",
    "scipy.interpolate._cubic": "CubicSpline PchipInterpolator Akima1DInterpolator CubicHermiteSpline",
    "scipy.interpolate._interpolate": "interp1d PPoly BPoly NdPPoly",
    "scipy.interpolate.interpolate": "interp1d PPoly BPoly",
    "scipy.interpolate._fitpack2": "UnivariateSpline InterpolatedUnivariateSpline LSQUnivariateSpline RectBivariateSpline SmoothBivariateSpline",
    "scipy.interpolate._rgi": "RegularGridInterpolator",
    "scipy.interpolate._polyint": "BarycentricInterpolator KroghInterpolator",
    "scipy.stats._kde": "gaussian_kde",
    "scipy.stats._distn_infrastructure": "rv_continuous_frozen rv_discrete_frozen",
    "numpy": "poly1d vectorize",
    "numpy.lib._polynomial_impl": "poly1d",
    "numpy.lib.polynomial": "poly1d",
    "numpy.polynomial.polynomial": "Polynomial",
    "numpy.polynomial.chebyshev": "Chebyshev",
    "numpy.polynomial.legendre": "Legendre",
    "numpy.polynomial.hermite": "Hermite",
    "numpy.polynomial.hermite_e": "HermiteE",
    "numpy.polynomial.laguerre": "Laguerre",
}
CONTINUOUS = (
    "ksone_gen kstwo_gen kstwobign_gen norm_gen alpha_gen anglit_gen arcsine_gen beta_gen betaprime_gen bradford_gen burr_gen "
    "burr12_gen fisk_gen cauchy_gen chi_gen chi2_gen cosine_gen dgamma_gen dpareto_lognorm_gen dweibull_gen expon_gen exponnorm_gen "
    "exponweib_gen exponpow_gen fatiguelife_gen foldcauchy_gen f_gen foldnorm_gen weibull_min_gen truncweibull_min_gen weibull_max_gen "
    "genlogistic_gen genpareto_gen genexpon_gen genextreme_gen gamma_gen erlang_gen gengamma_gen genhalflogistic_gen genhyperbolic_gen "
    "gompertz_gen gumbel_r_gen gumbel_l_gen halfcauchy_gen halflogistic_gen halfnorm_gen hypsecant_gen gausshyper_gen invgamma_gen "
    "invgauss_gen geninvgauss_gen norminvgauss_gen invweibull_gen jf_skew_t_gen johnsonsb_gen johnsonsu_gen landau_gen laplace_gen "
    "laplace_asymmetric_gen levy_gen levy_l_gen logistic_gen loggamma_gen loglaplace_gen lognorm_gen gibrat_gen maxwell_gen mielke_gen "
    "kappa4_gen kappa3_gen moyal_gen nakagami_gen ncx2_gen ncf_gen t_gen nct_gen pareto_gen lomax_gen pearson3_gen powerlaw_gen "
    "powerlognorm_gen powernorm_gen rdist_gen rayleigh_gen reciprocal_gen rice_gen irwinhall_gen recipinvgauss_gen semicircular_gen "
    "skewcauchy_gen skewnorm_gen trapezoid_gen triang_gen truncexpon_gen truncnorm_gen truncpareto_gen tukeylambda_gen uniform_gen "
    "vonmises_gen wald_gen wrapcauchy_gen gennorm_gen halfgennorm_gen crystalball_gen argus_gen studentized_range_gen "
    "rel_breitwigner_gen"
)
DISCRETE = (
    "binom_gen bernoulli_gen betabinom_gen nbinom_gen betanbinom_gen geom_gen hypergeom_gen nhypergeom_gen logser_gen poisson_gen "
    "planck_gen boltzmann_gen randint_gen zipf_gen zipfian_gen dlaplace_gen poisson_binom_gen skellam_gen yulesimon_gen "
    "_nchypergeom_gen nchypergeom_fisher_gen nchypergeom_wallenius_gen"
)
TRAINING = {  # enumerations of the settings of a training, each made of a word
    "transformers.trainer_utils": "IntervalStrategy SchedulerType HubStrategy SaveStrategy EvaluationStrategy",
    "transformers.training_args": "OptimizerNames",
    "transformers.debug_utils": "DebugOption",
    "accelerate.utils.dataclasses": "DistributedType",
}
PANDAS = {
    "pandas": "DataFrame Series Index RangeIndex MultiIndex DatetimeIndex TimedeltaIndex CategoricalIndex PeriodIndex IntervalIndex Categorical "
    "CategoricalDtype DatetimeTZDtype SparseDtype IntervalDtype",
    "pandas.arrays": "PeriodArray IntervalArray SparseArray ArrowStringArray StringArray IntegerArray FloatingArray BooleanArray DatetimeArray TimedeltaArray NumpyExtensionArray",
    "pandas.core.frame": "DataFrame",
    "pandas.core.series": "Series",
    "pandas.core.internals.managers": "BlockManager SingleBlockManager",
    "pandas.core.indexes.base": "Index",
    "pandas.core.indexes.range": "RangeIndex",
    "pandas.core.indexes.numeric": "Int64Index Float64Index UInt64Index",
    "pandas.core.indexes.multi": "MultiIndex",
    "pandas.core.indexes.category": "CategoricalIndex",
    "pandas.core.indexes.datetimes": "DatetimeIndex",
    "pandas.core.indexes.frozen": "FrozenList",
    "pandas.core.arrays.categorical": "Categorical",
    "pandas.core.arrays.datetimes": "DatetimeArray",
    "pandas.core.arrays.timedeltas": "TimedeltaArray",
    "pandas.core.arrays.integer": "IntegerArray",
    "pandas.core.arrays.floating": "FloatingArray",
    "pandas.core.arrays.boolean": "BooleanArray",
    "pandas.core.arrays.string_": "StringArray StringDtype",
    "pandas.core.arrays.numpy_": "PandasArray NumpyExtensionArray",
    "pandas.core.dtypes.dtypes": "CategoricalDtype DatetimeTZDtype IntervalDtype SparseDtype",
    "pandas.core.arrays.period": "PeriodArray",
    "pandas.core.arrays.interval": "IntervalArray",
    "pandas.core.arrays.sparse.array": "SparseArray",
    "pandas.core.arrays.sparse.dtype": "SparseDtype",
    "pandas.core.indexes.period": "PeriodIndex",
    "pandas.core.indexes.interval": "IntervalIndex",
    "pandas.core.indexes.timedeltas": "TimedeltaIndex",
}
BOOSTERS = {
    "xgboost.sklearn": "XGBClassifier XGBRegressor XGBRanker XGBRFClassifier XGBRFRegressor XGBModel XGBModelBase",
    "xgboost.core": "Booster",
    "xgboost.callback": "EarlyStopping TrainingCallback",
    "lightgbm.sklearn": "LGBMClassifier LGBMRegressor LGBMRanker LGBMModel",
    "lightgbm.basic": "Booster",
    "catboost.core": "CatBoost CatBoostClassifier CatBoostRegressor CatBoostRanker",
}
