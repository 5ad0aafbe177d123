"""Signatures under the name that MLflow's users import: ``mlflow.models.signature``."""

from __future__ import annotations

from millstream.formats.signature import ModelSignature
from millstream.models.infer import infer_signature

__all__ = ["ModelSignature", "infer_signature"]
