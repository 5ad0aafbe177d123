"""The table of flavours: which module opens what an MLmodel file calls its ``loader_module``.

A model names its loader; only names in this table are imported, or modules inside the model's own ``code/``.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from millstream.formats.mlmodel import Model
from millstream.values.errors import MissingDependency, NotSupported


class Predictor(Protocol):
    """A loaded model as ``python_function``: data in, predictions out."""

    def predict(self, data: Any, params: dict[str, Any]) -> Any:
        """Predict for `data`, already as the schema says."""
        ...


class Flavor(Struct, frozen=True):
    """One flavour: the module that implements it, the library it needs and how to install that."""

    module: str
    library: str | None
    install: str = ""

    def load(self, directory: Path, model: Model, config: dict[str, Any], trust: bool | None) -> Predictor:
        """Open the model in `directory` for predicting; MissingDependency when the library is not installed."""
        try:
            opened: Predictor = importlib.import_module(self.module).load_pyfunc(directory, model, config, trust)
        except ModuleNotFoundError as error:
            raise self.missing(error) from error
        return opened

    def missing(self, error: ModuleNotFoundError) -> MissingDependency:
        """The error for a module that is not there, naming what to install."""
        if self.library and error.name and error.name.split(".")[0] == self.library:
            return MissingDependency(f"This model needs {self.library}, which is not installed: {self.install}")
        if error.name and error.name.split(".")[0] == "mlflow":
            return MissingDependency(
                f"This model was pickled with MLflow's own {error.name!r}, which only MLflow has. Open it with MLflow, "
                "or save it again from here."
            )
        return MissingDependency(
            f"This model needs the module {error.name!r}, which is not installed. Its requirements.txt lists what "
            "it was saved with; a module of your own belongs into code_paths when saving."
        )


SKLEARN = Flavor("millstream.models.flavors.sklearn", "sklearn", "pip install scikit-learn numpy pandas")
PYTORCH = Flavor("millstream.models.flavors.pytorch", "torch", "pip install torch numpy pandas")
PYTHON = Flavor("millstream.models.flavors.python", None)

LOADERS: dict[str, Flavor] = {
    "mlflow.sklearn": SKLEARN,
    "millstream.sklearn": SKLEARN,
    "mlflow.pytorch": PYTORCH,
    "millstream.pytorch": PYTORCH,
    "mlflow.pyfunc.model": PYTHON,
    "millstream.pyfunc": PYTHON,
}


def find_loader(name: str) -> Flavor | None:
    """The flavour for a ``loader_module``; None for a module of the user's own.

    Raises NotSupported for one of MLflow's that has no counterpart here.
    """
    if name not in LOADERS and name.split(".")[0] in ("mlflow", "millstream"):
        known = ", ".join(sorted({loader.rsplit(".", 1)[0] if "pyfunc" in loader else loader for loader in LOADERS}))
        raise NotSupported(f"Models with the loader {name!r} cannot be opened yet; these can: {known}.")
    return LOADERS.get(name)
