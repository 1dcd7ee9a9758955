"""The allowlist is within torch's own, and what is known to execute is not in it."""

import pytest

from tiltyard.artifacts.judges.trust import SCRIPT, TENSORS, executes, grade


def test_within_what_torch_allows() -> None:
    """Nothing is allowed here that ``torch.load(weights_only=True)`` refuses."""
    from torch._weights_only_unpickler import _get_allowed_globals

    theirs = set(_get_allowed_globals())
    assert {f"{module}.{name}".replace("__builtin__", "builtins") for module, name in TENSORS} <= theirs


def test_nothing_allowed_executes() -> None:
    assert not [pair for pair in SCRIPT if executes(*pair)]


@pytest.mark.parametrize(
    "name",
    "os.system posix.system nt.system subprocess.Popen builtins.eval __builtin__.exec builtins.getattr sys.exit socket.socket runpy.run_path "
    "importlib.import_module torch.utils.collect_env.run torch.hub.load torch.load torch.serialization.load numpy.load pickle.loads _pickle.loads "
    "operator.attrgetter functools.reduce types.FunctionType shutil.rmtree pandas.read_csv pandas.eval joblib.load codecs.open "
    "torch._inductor.codecache.compile_file torch.fx.experimental.symbolic_shapes.ShapeEnv numpy.testing._private.utils.runstring "
    "foo.os.system sklearn.os.system torch.jit.unsupported_tensor_ops.execWrapper mlflow.projects.backend.local.x".split(),
)
def test_known_to_execute(name: str) -> None:
    assert grade(*name.rsplit(".", 1)) == "malicious"


@pytest.mark.parametrize(
    "name",
    [
        "sklearn.svm._classes.SVC",
        "torch.nn.modules.linear.Linear",
        "numpy.ndarray",
        "torch._utils._rebuild_sparse_tensor",
        "mine.Model",
        "osx.Thing",
        "torch.Tensor",
    ],
)
def test_others_are_unproven(name: str) -> None:
    assert grade(*name.rsplit(".", 1)) == "unproven"


def test_names_are_exact() -> None:
    assert grade("collections", "OrderedDict") == "note"
    for module, name in (
        ("collections", "OrderedDict.fromkeys"),
        ("Collections", "OrderedDict"),
        ("collections", "orderedDict"),
        ("", "OrderedDict"),
    ):
        assert grade(module, name) != "note"
