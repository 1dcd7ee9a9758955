"""Judging a torch.export archive (.pt2): a graph in JSON, its tensors as plain bytes, and which operators it calls."""

import json
from typing import IO, Any

from .. import archives
from ..archives import BadArchive, Entry
from ..reason import Findings

LARGEST_GRAPH = 64 << 20
GRAPH = "models/model.json"
_ATEN = """
abs add.Tensor add.Scalar sub.Tensor sub.Scalar rsub.Scalar mul.Tensor mul.Scalar div.Tensor div.Scalar pow.Tensor_Scalar
pow.Tensor_Tensor neg exp log log1p expm1 sqrt rsqrt reciprocal square sin cos sign floor ceil round maximum minimum clamp clamp.Tensor
clamp_min clamp_max relu relu_ relu6 leaky_relu leaky_relu_ elu elu_ selu celu gelu silu silu_ mish tanh sigmoid hardtanh hardtanh_
hardswish hardswish_ hardsigmoid hardsigmoid_ softplus softsign log_sigmoid prelu softmax.int log_softmax.int _softmax _log_softmax erf
linear matmul mm bmm addmm baddbmm einsum conv1d conv2d conv1d.padding conv2d.padding convolution max_pool1d max_pool2d avg_pool1d
avg_pool2d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool1d adaptive_max_pool2d _adaptive_avg_pool2d max_pool2d_with_indices
batch_norm _native_batch_norm_legit_no_training layer_norm native_layer_norm group_norm native_group_norm instance_norm rms_norm
dropout alpha_dropout feature_dropout embedding lstm.input gru.input scaled_dot_product_attention flatten.using_ints unflatten.int
view reshape transpose.int permute t unsqueeze squeeze squeeze.dim squeeze.dims expand expand_as repeat contiguous clone detach detach_
alias select.int slice.Tensor narrow index_select gather cat stack split.Tensor split_with_sizes chunk unbind.int roll flip pad
constant_pad_nd mean mean.dim sum sum.dim_IntList amax amin max.dim min.dim argmax var.correction std.correction var.dim norm.ScalarOpt_dim
linalg_vector_norm cumsum where.self where.ScalarSelf where.ScalarOther eq.Scalar eq.Tensor ne.Scalar ne.Tensor gt.Scalar gt.Tensor
ge.Scalar ge.Tensor lt.Scalar lt.Tensor le.Scalar le.Tensor logical_not logical_and logical_or any.dim all.dim masked_fill.Scalar
masked_fill.Tensor zeros ones full arange arange.start arange.start_step zeros_like ones_like full_like new_zeros new_ones scalar_tensor
to.dtype to.dtype_layout to.device _to_copy type_as float upsample_nearest2d.vec upsample_bilinear2d.vec tril triu bitwise_not bitwise_and.Tensor
sym_size.int pixel_shuffle channel_shuffle lift_fresh_copy
""".split()
OPERATORS = frozenset(f"torch.ops.aten.{name if '.' in name else name + '.default'}" for name in _ATEN)
"""Operators that compute new tensors of their arguments and reach nothing else."""
NUMBERS = frozenset(f"_operator.{name}" for name in ("add", "sub", "mul", "floordiv", "truediv", "mod", "neg"))
"""Python's own, on sizes."""
_FOLDERS = ("models/", "data/weights/", "data/constants/", "data/sample_inputs/", ".data/")
_FILES = frozenset({"archive_format", "archive_version", "byteorder", "version", ".format_version", ".storage_alignment"})


def looks_exported(inner: set[str]) -> bool:
    """Are these the entries, without their top folder, of such an archive?"""
    return "archive_format" in inner and any(name.startswith("models/") and name.endswith(".json") for name in inner)


def unknown_operators(graph: dict[str, Any]) -> list[str]:
    """Names of the operators that are not known here, in the order of the graph."""
    called = [str(node.get("target")) for node in graph["graph_module"]["graph"]["nodes"]]
    return [name for name in dict.fromkeys(called) if name not in OPERATORS | NUMBERS]


def read_graph(stream: IO[bytes], entry: Entry) -> dict[str, Any]:
    """The JSON of a program.

    Raises
    ------
    BadArchive
        It cannot be read, or is no program.
    """
    try:
        graph = json.loads(archives.read(stream, entry, LARGEST_GRAPH))
        unknown_operators(graph)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise BadArchive(f"no program of torch.export ({type(error).__name__}: {str(error)[:80]})") from None
    found: dict[str, Any] = graph
    return found


def judge_graph(stream: IO[bytes], entries: list[tuple[str, Entry]], findings: Findings) -> None:
    """Judge the programs, and name the entries that a graph and tensors have no use for. Tensor bytes are judged by the caller."""
    programs = [entry for name, entry in entries if name.startswith("models/")]
    if [entry.name.partition("/")[2] for entry in programs] != [GRAPH]:
        findings.unproven("models", f"{len(programs)} programs, not one called {GRAPH}", "which of them is the model is not known")
    for entry in programs:
        try:
            unknown = unknown_operators(read_graph(stream, entry))
        except BadArchive as error:
            findings.unproven(entry.name, str(error), "what it would compute is not known")
            continue
        for name in unknown:
            findings.unproven(entry.name, name, "not an operator that is known to stay inside the model")
    for name, entry in entries:
        if name.startswith("data/aotinductor/") or name.endswith((".so", ".cubin", ".cpp", ".o")):
            findings.malicious(entry.name, "machine code", "torch would load and run it")
        elif not name.startswith(_FOLDERS) and name not in _FILES:
            findings.unproven(entry.name, "an entry that torch.export does not write", "what it is for is not known")
