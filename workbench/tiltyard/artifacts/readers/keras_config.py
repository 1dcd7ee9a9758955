"""What Keras makes of a model's JSON: layers of its own are data; whatever else it names would be imported or run."""

from typing import Any

from ..judges.trust import executes
from ..reason import Findings

DEEPEST = 200
WHY_LAMBDA = "it holds Python bytecode that runs when the model is loaded or called"
WHY_IMPORT = "Keras would import this by its name"
WHY_FILE = "Keras reads the file of this name when the model is loaded (CVE-2025-12058)"
_OWN = ("keras", "tf_keras", "tensorflow", "tensorflow.keras", "tensorflow.python.keras")
_PARTS = frozenset(
    "layers models initializers regularizers constraints optimizers losses metrics activations src engine saving dtype_policies mixed_precision "
    "random legacy ops quantizers".split()
)
# Loaders, downloads and plain functions of Keras do things beside making a layer (CVE-2025-9905, CVE-2025-12058, CVE-2025-12060).
_REFUSED = frozenset(
    "utils saving_lib load_model get_file get_source_inputs serialization_lib _load_model StringLookup IntegerLookup".split()
)
_STANDS_ALONE = frozenset(
    """
    Sequential Functional Model InputLayer Dense Activation Embedding Masking Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose
    Conv3DTranspose SeparableConv1D SeparableConv2D DepthwiseConv1D DepthwiseConv2D MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D
    AveragePooling2D AveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GlobalAveragePooling1D GlobalAveragePooling2D
    GlobalAveragePooling3D LSTM GRU SimpleRNN LSTMCell GRUCell SimpleRNNCell RNN StackedRNNCells Bidirectional TimeDistributed ConvLSTM1D
    ConvLSTM2D BatchNormalization LayerNormalization GroupNormalization UnitNormalization SpectralNormalization Dropout SpatialDropout1D
    SpatialDropout2D SpatialDropout3D GaussianDropout GaussianNoise AlphaDropout ActivityRegularization Reshape Flatten Permute RepeatVector
    Cropping1D Cropping2D Cropping3D UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D Concatenate Average
    Maximum Minimum Add Subtract Multiply Dot Attention MultiHeadAttention AdditiveAttention GroupQueryAttention ReLU Softmax LeakyReLU PReLU
    ELU ThresholdedReLU Rescaling Resizing CenterCrop RandomCrop RandomFlip RandomTranslation RandomRotation RandomZoom RandomContrast
    RandomBrightness Normalization Discretization CategoryEncoding Hashing HashedCrossing TextVectorization StringLookup IntegerLookup Identity EinsumDense
    GlorotUniform GlorotNormal HeUniform HeNormal LecunUniform LecunNormal Zeros Ones Constant RandomNormal RandomUniform TruncatedNormal
    VarianceScaling Orthogonal L1 L2 L1L2 OrthogonalRegularizer MaxNorm NonNeg UnitNorm MinMaxNorm DTypePolicy Policy FloatDTypePolicy
    Adam AdamW SGD RMSprop Adadelta Adagrad Adamax Nadam Ftrl Lion Adafactor LossScaleOptimizer ExponentialDecay CosineDecay
    PiecewiseConstantDecay PolynomialDecay InverseTimeDecay
    BinaryCrossentropy CategoricalCrossentropy SparseCategoricalCrossentropy MeanSquaredError MeanAbsoluteError MeanAbsolutePercentageError
    MeanSquaredLogarithmicError CosineSimilarity Huber LogCosh KLDivergence Poisson Hinge SquaredHinge CategoricalHinge BinaryFocalCrossentropy
    Accuracy BinaryAccuracy CategoricalAccuracy SparseCategoricalAccuracy TopKCategoricalAccuracy AUC Precision Recall Mean MeanMetricWrapper
    RootMeanSquaredError MeanMetric Sum F1Score FBetaScore R2Score TensorShape __tensor__ __numpy__ __tuple__ __keras_tensor__ CompileConfig
    __bytes__ __ellipsis__ __slice__ __set__ __complex__ Operation KerasTensor
    """.split()
)
_FUNCTIONS = frozenset(
    "relu sigmoid softmax softplus softsign tanh selu elu exponential linear gelu swish silu hard_sigmoid leaky_relu relu6 mish log_softmax "
    "hard_silu hard_swish celu glu mse mae mape msle binary_crossentropy categorical_crossentropy sparse_categorical_crossentropy accuracy "
    "binary_accuracy categorical_accuracy sparse_categorical_accuracy mean_squared_error mean_absolute_error".split()
)


def judge_config(value: Any, findings: Findings, where: str, depth: int = 0) -> None:
    """Every object in ``value`` that Keras would make anew is one of its own."""
    if depth > DEEPEST:
        findings.unproven(where, f"it nests over {DEEPEST} deep", "the innermost was not looked at")
    elif isinstance(value, dict):
        if "class_name" in value:
            _judge_object(value, findings, where)
        for inner in value.values():
            judge_config(inner, findings, where, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            judge_config(inner, findings, where, depth + 1)


def _judge_object(value: dict[str, Any], findings: Findings, where: str) -> None:
    name, module, registered = value.get("class_name"), value.get("module"), value.get("registered_name")
    config = value.get("config")
    if isinstance(config, dict) and isinstance(config.get("vocabulary"), str):
        findings.malicious(where, f"a vocabulary at {config['vocabulary'][:100]!r}", WHY_FILE, rule="keras-file")
    if name == "TorchModuleWrapper":
        findings.malicious(where, "a TorchModuleWrapper", "it holds a pickle that runs when the model is loaded", rule="keras-pickle")
    elif name in ("Lambda", "__lambda__", "TFOpLambda", "LambdaLayer") or registered == "Lambda":
        level = findings.unproven if name == "TFOpLambda" else findings.malicious
        level(where, f"a {name} layer" if name != "__lambda__" else "a lambda", WHY_LAMBDA, rule="keras-lambda")
    elif not isinstance(name, str):
        findings.unproven(where, "a class whose name is no text", WHY_IMPORT, rule="keras-custom")
    elif name == "function":
        _judge_function(value, findings, where)
    elif isinstance(module, str) and executes(module, name):
        findings.malicious(where, f"{module}.{name}", WHY_IMPORT, rule="keras-import")
    elif isinstance(module, str) and (not _keras(module) or name not in _STANDS_ALONE):
        findings.unproven(where, f"{module}.{name}", WHY_IMPORT, rule="keras-custom")
    elif name not in _STANDS_ALONE:
        findings.unproven(where, f"a custom object {name!r}", "only code that comes from elsewhere can make it", rule="keras-custom")
    elif isinstance(registered, str) and registered not in ("", name) and ">" in registered:
        findings.unproven(where, f"a custom object {registered!r}", "only code that comes from elsewhere can make it", rule="keras-custom")


def _judge_function(value: dict[str, Any], findings: Findings, where: str) -> None:
    module, config = value.get("module"), value.get("config")
    function = config.get("name") if isinstance(config, dict) else config
    if not isinstance(function, str):
        findings.unproven(where, "a function whose name is no text", WHY_IMPORT, rule="keras-custom")
    elif isinstance(module, str) and executes(module, function):
        findings.malicious(where, f"{module}.{function}", WHY_IMPORT, rule="keras-import")
    elif function not in _FUNCTIONS or (isinstance(module, str) and not _keras(module)):
        shown = f"{module}.{function}" if isinstance(module, str) else function
        findings.unproven(where, shown, WHY_IMPORT, rule="keras-custom")


def _keras(module: str) -> bool:
    """A module of Keras that holds layers and their like alone; ``builtins`` stands for Keras's own table of names."""
    if module in ("builtins", ""):
        return True
    own = next((root for root in sorted(_OWN, key=len, reverse=True) if (module + ".").startswith(root + ".")), None)
    rest = module[len(own) :].strip(".").split(".") if own is not None else [""]
    return own is not None and not _REFUSED & set(rest) and (rest == [""] or rest[0] in _PARTS)
