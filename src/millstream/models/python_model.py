"""`PythonModel`: a model that is the user's own Python class or function."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field


class PythonModelContext(Struct):
    """What a `PythonModel` may use: its `artifacts` (name → local path) and its configuration."""

    artifacts: dict[str, str] = field(default_factory=dict)
    model_config: dict[str, Any] = field(default_factory=dict)


class PythonModel:
    """Base class of models in Python: override `predict`, and `load_context` to open files once."""

    def load_context(self, context: PythonModelContext) -> None:
        """Called once before the first `predict`."""

    def predict(self, context: PythonModelContext, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """Predictions for `model_input`; `context` and `params` may be left out of an override."""
        raise NotImplementedError(f"{type(self).__name__} has no predict method.")


class TypeHints:
    """Type hints of `predict` that MLflow keeps in its pickles; nothing is done with them here."""

    input: Any = None
    output: Any = None
