"""Numbers of a report where experiments are kept: a run of MLflow, a metrics file of DVC."""

from .dvc import write_dvc as write_dvc
from .mlflow import log_mlflow as log_mlflow

__all__ = ["log_mlflow", "write_dvc"]
