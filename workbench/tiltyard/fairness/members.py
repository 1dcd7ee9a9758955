"""The models that share the answers of a mixture: the constant one, and each as bytes in which no code lies."""

import copy
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.schema import Rows
from ..errors import Problem
from ..targets.decision import Scores
from ..targets.estimators import SklearnTarget
from ..targets.skops_bytes import skops_bytes
from ..targets.target import Target

DO = "Save the model that it was made of, and apply the defense again where it is needed"


class Always(Target):
    """Stands for Fairlearn's constant member: one class for every row."""

    def __init__(self, like: Target, label: int) -> None:
        super().__init__(f"always {like.classes[label]}", like.classes, like.schema, frozenset({"labels"}), f"always {label}")
        self.label = label

    def _scores(self, x: Rows) -> Scores:
        out = np.zeros((len(x), len(self.classes)))
        out[:, self.label] = 1
        return out


def written_member(member: Target, inner: Target) -> tuple[str, bytes]:
    """What a member is, and its bytes: ``always 0`` and none, the tensors of a network, or an estimator as skops writes it.

    Raises
    ------
    Problem
        It is of another make than ``inner``, or holds what skops does not take.
    """
    if isinstance(member, Always):
        return f"always {member.label}", b""
    if isinstance(member, SklearnTarget) and isinstance(inner, SklearnTarget):
        try:
            content = skops_bytes(member.estimator)
        except Exception as error:  # skops raises whatever a part of the estimator does
            raise Problem("an estimator that skops can write", f"{member.model_type} ({str(error)[:80]})", DO) from None
        return "estimator", content
    if "weights" in member.offers:
        from safetensors.torch import save

        weights = member.inner.state_dict()  # type: ignore[attr-defined]
        return "network", save({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()})
    raise Problem("members that are networks or estimators", type(member).__name__, DO)


def read_member(kind: str, content: NDArray[Any] | None, inner: Target) -> Target:
    """What `written_member` wrote, of the make of ``inner``; an estimator is scanned before it is read.

    Raises
    ------
    Problem, ValueError, RuntimeError
        It is not that, not safe, or does not fit ``inner``.
    """
    if kind in ("always 0", "always 1"):
        return Always(inner, int(kind[-1]))
    if content is None or content.dtype != np.uint8 or content.ndim != 1:
        raise ValueError("the bytes of each member")
    name = f"{inner.name}, weighted"
    if kind == "estimator" and isinstance(inner, SklearnTarget):
        return inner.made(_estimator(content.tobytes()), name)
    if kind == "network" and "weights" in inner.offers:
        from safetensors import SafetensorError
        from safetensors.torch import load

        module = copy.deepcopy(inner.inner)  # type: ignore[attr-defined]
        try:
            module.load_state_dict(load(content.tobytes()))
        except SafetensorError as error:
            raise ValueError(str(error)) from None
        made: Target = inner.made(module, name)  # type: ignore[attr-defined]
        return made
    raise ValueError(f"a member of the make of {inner.name}, found {kind!r:.20}")


def _estimator(content: bytes) -> Any:
    from ..artifacts.formats import Format
    from ..artifacts.verdict import scan_content
    from ..targets.model_file import ModelFile
    from ..targets.skops_file import estimator_in

    path = Path("member.skops")
    verdict = scan_content(path.name, content)
    if verdict.format is not Format.SKOPS or not verdict.safe:
        raise Problem("members shown to be safe to open", f"one that is {verdict.format}, {verdict.verdict}", "Do not use this file")
    return estimator_in(ModelFile(path, verdict.format, content, hashlib.sha256(content).hexdigest()))
