"""Models of any kind behind one `predict`, as `mlflow.pyfunc` has them."""

from __future__ import annotations

from millstream.models.pyfunc import PyFuncModel, PythonModel, PythonModelContext, load_model, log_model, save_model

__all__ = ["PyFuncModel", "PythonModel", "PythonModelContext", "load_model", "log_model", "save_model"]
