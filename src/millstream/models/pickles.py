"""Pickles: written by cloudpickle or pickle, read with errors that say what is missing."""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path
from typing import Any

from millstream.models.flavors import Flavor
from millstream.values.errors import DataDamaged, InvalidValue, MissingDependency

# Names in pickles written by MLflow → ours, for when MLflow itself is not there to answer to them.
_RENAMED = {
    ("mlflow.pyfunc.model", "PythonModel"): ("millstream.models.python_model", "PythonModel"),
    ("mlflow.pyfunc", "PythonModel"): ("millstream.models.python_model", "PythonModel"),
    ("mlflow.pyfunc.model", "PythonModelContext"): ("millstream.models.python_model", "PythonModelContext"),
}


class Unpickler(pickle.Unpickler):
    """Reads a pickle; MLflow's own classes in it become ours."""

    def find_class(self, module: str, name: str) -> Any:
        """The class or function a pickle names."""
        return super().find_class(*_RENAMED.get((module, name), (module, name)))


def dump_pickle(value: Any, path: Path, *, cloud: bool) -> None:
    """Write `value`; with `cloud`, classes and functions of the script itself are written by value.

    Raises InvalidValue when something in it cannot be pickled, MissingDependency when cloudpickle is not installed.
    """
    writer: Any = pickle
    if cloud:
        try:
            writer = importlib.import_module("cloudpickle")
        except ModuleNotFoundError as error:
            raise MissingDependency("This format needs the package cloudpickle: pip install cloudpickle") from error
    try:
        with path.open("wb") as stream:
            writer.dump(value, stream)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise InvalidValue(f"The model cannot be pickled: {error}.") from error


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
