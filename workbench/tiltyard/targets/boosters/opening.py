"""Models of XGBoost, LightGBM, CatBoost and skorch as targets: as they are in a notebook, and from their files."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ...artifacts.formats import Format
from ...datasets.schema import Schema
from ...errors import Problem
from ..open_options import OpenOptions
from ..target import Target
from ..wrapping import estimator_as_target
from .fitted import FittedModel
from .trial import tried

if TYPE_CHECKING:
    from ..model_file import ModelFile


@dataclass(frozen=True)
class Library:
    """A library by what a sentence calls it, the package to install, and the module here that reads its files."""

    label: str
    package: str
    module: str


LIBRARIES = {
    Format.XGBOOST: Library("XGBoost", "xgboost", "xgboost_model"),
    Format.LIGHTGBM: Library("LightGBM", "lightgbm", "lightgbm_model"),
    Format.CATBOOST: Library("CatBoost", "catboost", "catboost_model"),
}


def fitted_model(source: Any, given: OpenOptions) -> FittedModel | None:
    """``source`` with the face of a scikit-learn classifier, where it is a model of one of these libraries; else None."""
    family = {cls.__module__.partition(".")[0] for cls in type(source).__mro__} & {"xgboost", "lightgbm", "catboost", "skorch"}
    if not family or not hasattr(source, "predict"):
        return None
    if "xgboost" in family:
        from .xgboost_model import XGBoostModel

        return XGBoostModel(source)
    if "lightgbm" in family:
        from .lightgbm_model import LightGBMModel

        return LightGBMModel(source, _columns(given))
    if "catboost" in family:
        from .catboost_model import CatBoostModel

        return CatBoostModel(source)
    return _of_skorch(source, given)


def _of_skorch(source: Any, given: OpenOptions) -> FittedModel | None:
    """A fitted classifier of skorch; None of anything else of it."""
    from .skorch_model import SkorchModel

    schema = _schema(given)
    shape = schema.shape if schema is not None and schema.images else ()
    return SkorchModel(source, shape) if hasattr(source, "classes_") else None


def _schema(given: OpenOptions) -> Schema | None:
    return given.schema or (given.data.schema if given.data is not None else None)


def _columns(given: OpenOptions) -> tuple[str, ...]:
    schema = _schema(given)
    return schema.columns if schema is not None and not schema.images else ()


def fitted_as_target(model: FittedModel, given: OpenOptions, name: str) -> Target:
    """A fitted model as a target; one from a file cannot be trained again."""
    given.name = given.name or name
    target = estimator_as_target(model, given)
    target.doubts = (*target.doubts, *model.doubts)
    if not model.trainable:
        target.offers = target.offers - {"training"}
    return target


def installed(package: str) -> bool:
    """Is a package there? It is not imported."""
    return find_spec(package) is not None


def open_booster(file: "ModelFile", given: OpenOptions) -> Target:
    """The model in a file of XGBoost, LightGBM or CatBoost, read by its own library: first in a process of its own, then here.

    Raises
    ------
    Problem
        The library is not installed, or does not read the file; or the model predicts numbers.
    """
    library = LIBRARIES[file.format]
    if not installed(library.package):
        found = f"{file.path.name}, a model of {library.label}, which is not installed"
        raise Problem(f"{library.label} to open its files", found, "pip install 'tiltyard[boosters]'")
    tried(library.module, file.content, file.path.name, library.label)
    read: Callable[[bytes], FittedModel] = import_module(f".{library.module}", __package__).read
    model = read(file.content)
    if library.package == "lightgbm":
        from .lightgbm_model import LightGBMModel

        model = LightGBMModel(model.model, _columns(given))
    target = fitted_as_target(model, given, file.path.stem)
    target.fingerprint = file.sha256
    target.assumptions += (f"Read by {library.label} itself; it cannot be trained again.",)
    return target
