"""Operators of TensorFlow whose kernels compute on tensors, look tables up in the graph, or restore its own variables."""

PURE = frozenset(
    """
    Abs Acos Acosh Add AddN AddV2 All Any Angle ApproximateEqual ArgMax ArgMin Asin Asinh Assert AssertCardinalityDataset Assign AssignAdd
    AssignAddVariableOp AssignSub AssignSubVariableOp AssignVariableOp Atan Atan2 Atanh AvgPool AvgPool3D AvgPoolGrad BatchDataset
    BatchDatasetV2 BatchMatMul BatchMatMulV2 BatchMatMulV3 BatchToSpace BatchToSpaceND BesselI0e BesselI1e BiasAdd BiasAddGrad Bincount Bitcast
    BitwiseAnd BitwiseOr BitwiseXor BoostedTreesBucketize BroadcastArgs BroadcastGradientArgs BroadcastTo Bucketize Case Cast Ceil CheckNumerics
    Cholesky ClipByValue CombinedNonMaxSuppression Complex ComplexAbs Concat ConcatOffset ConcatV2 ConcatenateDataset Conj Const
    ControlTrigger Conv2D Conv2DBackpropFilter Conv2DBackpropInput Conv3D Conv3DBackpropInputV2 Cos Cosh CropAndResize Cross Cumprod Cumsum
    CumulativeLogsumexp DecodeBase64 DecodeCSV DecodeImage DecodeJpeg DecodePng DecodeBmp DecodeGif DecodeRaw DecodePaddedRaw DeepCopy
    DenseBincount DenseToSparseSetOperation DepthToSpace DepthwiseConv2dNative DepthwiseConv2dNativeBackpropFilter
    DepthwiseConv2dNativeBackpropInput Dequantize Diag DiagPart DisableCopyOnRead Digamma Dilation2D Div DivNoNan DynamicPartition DynamicStitch Einsum Elu
    EluGrad Empty EncodeBase64 EncodeJpeg EncodePng EnsureShape Enter Equal Erf Erfc Erfinv Exit Exp ExpandDims Expm1 ExtractGlimpse
    ExtractImagePatches FFT FFT2D FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel Fill Floor FloorDiv
    FloorMod FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 FusedBatchNormGradV3 Gather GatherNd GatherV2 Greater GreaterEqual HashTable
    HashTableV2 HistogramFixedWidth IFFT IRFFT Identity IdentityN If Imag InTopK InTopKV2 InitializeTable InitializeTableV2 Inv Invert
    InvertPermutation IsBoostedTreesEnsembleInitialized IsFinite IsInf IsNan IsVariableInitialized L2Loss LRN LeakyRelu LeakyReluGrad Less
    LessEqual Lgamma LinSpace ListDiff Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr LookupTableExport LookupTableExportV2
    LookupTableFind LookupTableFindV2 LookupTableImport LookupTableImportV2 LookupTableInsert LookupTableInsertV2 LookupTableSize
    LookupTableSizeV2 LoopCond LowerBound MatMul MatrixBandPart MatrixDeterminant MatrixDiag MatrixDiagPart MatrixDiagPartV3 MatrixDiagV2
    MatrixDiagV3 MatrixInverse MatrixSetDiag MatrixSetDiagV3 MatrixSolve MatrixTriangularSolve Max MaxPool MaxPool3D MaxPoolGrad MaxPoolV2
    MaxPoolWithArgmax Maximum Mean Merge MergeSummary Min Minimum MirrorPad Mod Mul MulNoNan Multinomial MutableDenseHashTableV2
    MutableHashTable MutableHashTableV2 MutableHashTableOfTensorsV2 Neg NextIteration NoOp NonMaxSuppression NonMaxSuppressionV2
    NonMaxSuppressionV3 NonMaxSuppressionV4 NonMaxSuppressionV5 NotEqual OneHot OnesLike Pack Pad PadV2 ParallelConcat ParseExample
    ParseExampleV2 ParseSingleExample ParseTensor PartitionedCall Placeholder PlaceholderV2 PlaceholderWithDefault Polygamma Pow PreventGradient
    Prod Qr QuantizeAndDequantizeV2 QuantizeAndDequantizeV3 QuantizeAndDequantizeV4 QuantizeV2 RFFT RFFT2D RGBToHSV HSVToRGB RaggedGather
    RaggedRange RaggedTensorToSparse RaggedTensorToTensor RaggedTensorToVariant RaggedTensorFromVariant RandomShuffle RandomStandardNormal
    RandomUniform RandomUniformInt Range Rank ReadVariableOp Real RealDiv Reciprocal RefEnter RefExit RefIdentity RefMerge RefSwitch
    RegexFullMatch RegexReplace Relu Relu6 Relu6Grad ReluGrad Reshape ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor
    ResourceApplyAdaMax ResourceApplyAdadelta ResourceApplyAdagrad ResourceApplyAdagradV2 ResourceApplyAdam ResourceApplyFtrl
    ResourceApplyFtrlV2 ResourceApplyGradientDescent ResourceApplyKerasMomentum ResourceApplyMomentum ResourceApplyRMSProp ResourceGather
    ResourceGatherNd ResourceScatterAdd ResourceScatterUpdate Reverse ReverseSequence ReverseV2 RightShift LeftShift Rint Roll Round Rsqrt
    RsqrtGrad ScalarSummary ScatterNd ScatterUpdate SegmentMax SegmentMean SegmentMin SegmentSum Select SelectV2 Selu Shape ShapeN Sigmoid
    SigmoidGrad Sign Sin Sinh Size Slice Snapshot Softmax SoftmaxCrossEntropyWithLogits Softplus SoftplusGrad Softsign SpaceToBatch
    SpaceToBatchND SpaceToDepth SparseConcat SparseCross SparseCrossHashed SparseCrossV2 SparseFillEmptyRows SparseReorder SparseReshape
    SparseSegmentMean SparseSegmentSqrtN SparseSegmentSum SparseSlice SparseSoftmaxCrossEntropyWithLogits SparseTensorDenseMatMul
    SparseToDense Split SplitV Sqrt SqrtGrad Square SquaredDifference Squeeze Stack StatefulPartitionedCall StatelessCase StatelessIf
    StatelessRandomGetKeyCounter StatelessRandomNormal StatelessRandomNormalV2 StatelessRandomUniform StatelessRandomUniformV2
    StatelessTruncatedNormal StatelessWhile StaticRegexFullMatch StaticRegexReplace StopGradient StridedSlice StridedSliceGrad StringFormat
    StringJoin StringLength StringLower StringNGrams StringSplit StringSplitV2 StringStrip StringToHashBucket StringToHashBucketFast
    StringToHashBucketStrong StringToNumber StringUpper AsString Sub Substr Sum Svd Switch Tan Tanh TanhGrad TensorArrayConcatV3
    TensorArrayGatherV3 TensorArrayReadV3 TensorArrayScatterV3 TensorArraySizeV3 TensorArrayV3 TensorArrayWriteV3 TensorListConcatV2
    TensorListElementShape TensorListFromTensor TensorListGather TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack
    TensorListReserve TensorListResize TensorListScatterV2 TensorListSetItem TensorListStack TensorScatterAdd TensorScatterUpdate Tile
    TopK TopKV2 Transpose TruncateDiv TruncateMod TruncatedNormal UnicodeDecode UnicodeDecodeWithOffsets UnicodeEncode UnicodeTranscode Unique
    UniqueV2 UniqueWithCounts Unpack UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum UpperBound VarHandleOp
    VarIsInitializedOp Variable VariableShape VariableV2 Where While Xdivy Xlog1py Xlogy ZerosLike Zeta _Arg _Retval AnonymousIterator
    """.split()
)
"""These compute, and reach nothing outside the graph."""

CHECKPOINT = frozenset("MergeV2Checkpoints RestoreV2 SaveV2 ShardedFilename ShardedFilespec".split())
"""Every saved model has these: they read and write where whoever runs them says, or beside the model."""

CALLS_PYTHON = frozenset("PyFunc PyFuncStateless EagerPyFunc".split())
"""These call a Python function of the process."""

REACHES_FILES = frozenset(
    """
    ReadFile WriteFile MatchingFiles Save SaveSlices Restore RestoreSlice WholeFileReader WholeFileReaderV2 FixedLengthRecordReader
    FixedLengthRecordReaderV2 TextLineReader TextLineReaderV2 TFRecordReader TFRecordReaderV2 LMDBReader FixedLengthRecordDataset
    FixedLengthRecordDatasetV2 TextLineDataset TFRecordDataset TFRecordDatasetV2 SaveDataset SaveDatasetV2 LoadDataset SnapshotDataset
    SnapshotDatasetV2 DatasetToTFRecord SqlDataset ImmutableConst DebugIdentity DebugIdentityV2 DebugIdentityV3 PrintV2 RpcCall RpcClient
    RpcServer RpcServerStart CreateSummaryFileWriter CreateSummaryDbWriter WriteSummary DataServiceDataset DataServiceDatasetV2
    RegisterDataset RegisterDatasetV2 XlaLaunch RemoteCall Send Recv _Send _Recv _HostSend _HostRecv CollectiveBcastSend MatchingFilesDataset
    """.split()
)
"""These read or write files by name, or talk to other machines."""
