"""Floor 5: saving, loading and describing models. Names load on first use, as `mlflow.models` has them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_NAMES = {
    "Model": "millstream.formats.mlmodel",
    "ModelInfo": "millstream.formats.mlmodel",
    "ModelSignature": "millstream.formats.signature",
    "get_model_info": "millstream.models.log",
    "infer_signature": "millstream.models.infer",
}

__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'millstream.models' has no attribute {name!r}")
    value = getattr(import_module(_NAMES[name]), name)
    globals()[name] = value
    return value
