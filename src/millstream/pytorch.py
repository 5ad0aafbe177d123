"""Saving and loading PyTorch models, as `mlflow.pytorch` does."""

from __future__ import annotations

from millstream.models.flavors.pytorch import load_model, log_model, save_model

__all__ = ["load_model", "log_model", "save_model"]
