"""Pickles: written by cloudpickle or pickle, read with errors that say what is missing.

Our `PythonModel` is written under MLflow's name for it and that name is read back as ours, so that a model pickled
by either opens in the other.
"""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path
from typing import Any

from millstream.models import python_model
from millstream.models.flavors import Flavor
from millstream.models.python_model import PythonModel
from millstream.values.errors import DataDamaged, InvalidValue, MissingDependency

_THEIRS = "mlflow.pyfunc.model"
_SUBIMPORT = ("cloudpickle.cloudpickle", "subimport")
# (module, name) in pickles written by MLflow → our class.
_OURS: dict[tuple[str, str], Any] = {
    (_THEIRS, "PythonModel"): PythonModel,
    ("mlflow.pyfunc", "PythonModel"): PythonModel,
    (_THEIRS, "PythonModelContext"): python_model.PythonModelContext,
    ("mlflow.models.signature", "_TypeHints"): python_model.TypeHints,
}


class Unpickler(pickle.Unpickler):
    """Reads a pickle; MLflow's classes for models in Python become ours."""

    def find_class(self, module: str, name: str) -> Any:
        """The class or function a pickle names."""
        if (module, name) == _SUBIMPORT:
            return _subimport
        return _OURS.get((module, name)) or super().find_class(module, name)


def _subimport(name: str) -> Any:
    return python_model if name == _THEIRS else importlib.import_module(name)


def dump_pickle(value: Any, path: Path, *, cloud: bool) -> None:
    """Write `value`; with `cloud`, classes and functions of the script itself are written by value.

    Raises InvalidValue when something in it cannot be pickled, MissingDependency when cloudpickle is not installed.
    """
    pickler = _cloud_pickler() if cloud else pickle.Pickler
    try:
        with path.open("wb") as stream:
            pickler(stream).dump(value)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise InvalidValue(f"The model cannot be pickled: {error}.") from error


def _cloud_pickler() -> Any:
    try:
        cloudpickle = importlib.import_module("cloudpickle")
    except ModuleNotFoundError as error:
        raise MissingDependency("This format needs the package cloudpickle: pip install cloudpickle") from error

    class Module:
        """Written as the import of MLflow's module, which need not be here."""

        def __reduce__(self) -> Any:
            return cloudpickle.cloudpickle.subimport, (_THEIRS,)

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc, name-defined]
        def reducer_override(self, obj: Any) -> Any:
            if obj is PythonModel:
                return getattr, (Module(), "PythonModel")
            return super().reducer_override(obj)

    return Pickler


def load_pickle(path: Path, flavor: Flavor) -> Any:
    """Read a pickle, which runs code: ask `check_trust` first. Errors name what is missing or broken."""
    try:
        with path.open("rb") as stream:
            return Unpickler(stream).load()
    except ModuleNotFoundError as error:
        raise flavor.missing(error) from error
    except AttributeError as error:
        raise missing_class(path, error) from error
    except (pickle.UnpicklingError, EOFError, IndexError, KeyError, ValueError) as error:
        raise DataDamaged(f"{path.name} is not a readable pickle: {error}.") from error


def missing_class(path: Path, error: AttributeError) -> MissingDependency:
    """The error for a class that the pickle names and its module has not got."""
    return MissingDependency(
        f"{path.name} needs a class that is not there ({error}). Import or define it as it was when the model was "
        "saved, or save the model with cloudpickle or code_paths."
    )
