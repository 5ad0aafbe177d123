"""Saving and loading scikit-learn models, as `mlflow.sklearn` does."""

from __future__ import annotations

from typing import Any

from millstream.models.flavors.sklearn import (
    SERIALIZATION_FORMAT_CLOUDPICKLE,
    SERIALIZATION_FORMAT_PICKLE,
    SERIALIZATION_FORMAT_SKOPS,
    load_model,
    log_model,
    save_model,
)
from millstream.values.later import missing

__all__ = [
    "SERIALIZATION_FORMAT_CLOUDPICKLE",
    "SERIALIZATION_FORMAT_PICKLE",
    "SERIALIZATION_FORMAT_SKOPS",
    "load_model",
    "log_model",
    "save_model",
]


def __getattr__(name: str) -> Any:
    raise missing(__name__, name)
