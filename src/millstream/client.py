"""MlflowClient under the module name that MLflow's users import."""

from __future__ import annotations

from millstream.tracking.client import MlflowClient

__all__ = ["MlflowClient"]
