"""Models that are the user's own Python: ``python_model.pkl`` with its artifacts, as MLflow lays them out."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from millstream.formats.mlmodel import PYFUNC, Model
from millstream.models.flavors import PYTHON
from millstream.models.log import open_directory
from millstream.models.model import Parts, file_inside
from millstream.models.pickles import dump_pickle, load_pickle
from millstream.models.python_model import PythonModel, PythonModelContext
from millstream.models.requirements import installed_version, pickle_modules
from millstream.models.trust import check_trust
from millstream.values.errors import InvalidValue, NotSupported
from millstream.values.paths import RelPath

_FILE = "python_model.pkl"
_ARTIFACTS = "artifacts"


class PythonWriter:
    """Writes one `PythonModel` (or function) and copies of its artifacts into the directory it is given."""

    def __init__(self, model: Any, artifacts: Mapping[str, str] | None, config: Mapping[str, Any] | None) -> None:
        """Check the arguments; InvalidValue when `model` can predict nothing."""
        if isinstance(model, str | Path):
            raise NotSupported(f"Models from code ({str(model)!r}) cannot be saved yet; give an object or a function.")
        if isinstance(model, type):
            raise InvalidValue(f"python_model must be an instance, not the class {model.__name__} itself.")
        if not callable(getattr(model, "predict", None)) and not callable(model):
            raise InvalidValue(f"python_model must have a predict method or be a function, not {type(model).__name__}.")
        self.model, self.artifacts, self.config = model, dict(artifacts or {}), dict(config or {})

    def __call__(self, directory: Path) -> Parts:
        """Write everything; see `Write`."""
        cloud = installed_version("cloudpickle")
        dump_pickle(self.model, directory / _FILE, cloud=cloud is not None)
        pyfunc: dict[str, Any] = {"loader_module": "mlflow.pyfunc.model", "python_model": _FILE}
        if cloud:
            pyfunc["cloudpickle_version"] = cloud
        if self.config:
            pyfunc["config"] = self.config
        if self.artifacts:
            pyfunc["artifacts"] = {name: self._copy(name, uri, directory) for name, uri in self.artifacts.items()}
        return Parts({PYFUNC: pyfunc}, pickle_modules(directory / _FILE), ("cloudpickle",) if cloud else ())

    @staticmethod
    def _copy(name: str, uri: str, directory: Path) -> dict[str, str]:
        source = Path(uri) if Path(uri).exists() else open_directory(uri)
        place = RelPath.parse(f"{_ARTIFACTS}/{name}/{source.name}", what="artifact name")
        target = directory.joinpath(*place.segments)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)
        return {"path": str(place), "uri": str(uri)}


class PythonPredictor:
    """A `PythonModel` behind `predict`, called with as many arguments as it takes."""

    def __init__(self, model: Any, context: PythonModelContext) -> None:
        """Predict with `model`, whose `load_context` has been called."""
        self.model, self.context = model, context
        self._call = _caller(model, context)

    def predict(self, data: Any, params: dict[str, Any]) -> Any:
        """What the model's own `predict` answers."""
        return self._call(data, params)

    @property
    def raw(self) -> Any:
        """The user's object."""
        return self.model


def _caller(model: Any, context: PythonModelContext) -> Callable[[Any, dict[str, Any]], Any]:
    """`predict` of old and new form: (context, model_input[, params]) or (model_input[, params])."""
    function = getattr(model, "predict", None) or model
    names = list(inspect.signature(function).parameters)
    takes_params = "params" in names
    first = (context,) if names and names[0] == "context" else ()
    if takes_params:
        return lambda data, params: function(*first, data, params=params)
    return lambda data, params: function(*first, data)


def load_pyfunc(directory: Path, model: Model, config: dict[str, Any], trust: bool | None) -> PythonPredictor:
    """Open a saved Python model for predicting; the table of flavours calls this."""
    pyfunc = model.pyfunc
    if "python_model" not in pyfunc:
        raise NotSupported(f"The model in {str(directory)!r} is a model from code, which cannot be opened yet.")
    path = file_inside(directory, pyfunc["python_model"], "model file")
    check_trust(trust, f"the pickle {path.name}", str(directory))
    entries = pyfunc.get("artifacts") or {}
    paths = {name: str(file_inside(directory, entry.get("path"), "artifact")) for name, entry in entries.items()}
    context = PythonModelContext(paths, config)
    opened = load_pickle(path, PYTHON)
    if hasattr(opened, "load_context"):
        opened.load_context(context)
    return PythonPredictor(opened, context)


__all__ = ["PythonModel", "PythonModelContext", "PythonPredictor", "PythonWriter", "load_pyfunc"]
