"""Models of any kind behind one `predict`, as `mlflow.pyfunc` has them."""

from __future__ import annotations

from typing import Any

from millstream.models.pyfunc import PyFuncModel, PythonModel, PythonModelContext, load_model, log_model, save_model
from millstream.values.later import missing

__all__ = ["PyFuncModel", "PythonModel", "PythonModelContext", "load_model", "log_model", "save_model"]


def __getattr__(name: str) -> Any:
    raise missing(__name__, name)
