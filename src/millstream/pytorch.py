"""Saving and loading PyTorch models, as `mlflow.pytorch` does."""

from __future__ import annotations

from typing import Any

from millstream.models.flavors.pytorch import load_model, log_model, save_model
from millstream.values.later import missing

__all__ = ["load_model", "log_model", "save_model"]


def __getattr__(name: str) -> Any:
    raise missing(__name__, name)
