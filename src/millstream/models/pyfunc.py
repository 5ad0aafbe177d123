"""Any saved model behind one `predict`: MLflow's ``python_function``."""

from __future__ import annotations

import importlib
import importlib.machinery
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from millstream.formats.mlmodel import PYFUNC, Model, ModelInfo
from millstream.models.enforce import enforce_params, enforce_schema
from millstream.models.flavors import Predictor, find_loader
from millstream.models.flavors.python import PythonWriter
from millstream.models.log import log_directory, open_directory
from millstream.models.model import (
    CODE_DIR,
    Options,
    Parts,
    Write,
    file_inside,
    flavor_settings,
    read_model,
    save_directory,
)
from millstream.models.python_model import PythonModel, PythonModelContext
from millstream.models.trust import check_trust
from millstream.values.errors import DataDamaged, InvalidValue, NotSupported, UntrustedModel

__all__ = [
    "FLAVOR_NAME",
    "PyFuncModel",
    "PythonModel",
    "PythonModelContext",
    "load_model",
    "log_model",
    "save_model",
]

FLAVOR_NAME = PYFUNC


class PyFuncModel:
    """A loaded model: `predict` checks the input against the signature, then asks the model."""

    def __init__(self, metadata: Model, predictor: Predictor) -> None:
        """Put `predictor` behind the signature in `metadata`."""
        self.metadata = metadata
        self.predictor = predictor

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Predictions for `data`; InvalidValue, naming column and row, when it does not fit the signature."""
        signature = self.metadata.signature
        if signature and signature.inputs:
            data = enforce_schema(data, signature.inputs)
        return self.predictor.predict(data, enforce_params(params, signature.params if signature else None))

    def unwrap_python_model(self) -> Any:
        """The user's own object inside a Python model; InvalidValue for models of a library."""
        if self.loader_module != "mlflow.pyfunc.model":
            raise InvalidValue(f"This model was saved by {self.loader_module}; only Python models can be unwrapped.")
        return self.get_raw_model()

    def get_raw_model(self) -> Any:
        """The library's own object: an estimator, a module, the user's Python model."""
        return getattr(self.predictor, "raw", self.predictor)

    @property
    def loader_module(self) -> str:
        """Name of the loader in the MLmodel file."""
        return str(self.metadata.pyfunc.get("loader_module", ""))

    @property
    def model_config(self) -> dict[str, Any]:
        """The configuration kept with the model."""
        return dict(self.metadata.pyfunc.get("config") or {})

    def __repr__(self) -> str:
        place = self.metadata.artifact_path or "a directory"
        return f"<PyFuncModel {place} loaded by {self.loader_module}>"


def load_model(
    model_uri: str,
    suppress_warnings: bool = False,
    dst_path: str | None = None,
    model_config: Mapping[str, Any] | None = None,
    *,
    trust: bool | None = None,
) -> PyFuncModel:
    """Open any saved model that has the ``python_function`` flavour.

    Opening most models runs code: see `millstream.models.trust` for when that is allowed. `suppress_warnings` is
    accepted for MLflow's sake.
    """
    directory = open_directory(model_uri, dst_path)
    model = read_model(directory)
    pyfunc = flavor_settings(model, PYFUNC, directory)
    name = pyfunc.get("loader_module")
    if not isinstance(name, str):
        raise DataDamaged(f"The MLmodel file in {str(directory)!r} names no loader_module.")
    flavor = find_loader(name)
    code = _add_code(directory, pyfunc, trust)
    config = {**(pyfunc.get("config") or {}), **(model_config or {})}
    if flavor is not None:
        return PyFuncModel(model, flavor.load(directory, model, config, trust))
    return PyFuncModel(model, _load_own(directory, name, code, pyfunc, trust))


def _add_code(directory: Path, pyfunc: dict[str, Any], trust: bool | None) -> Path | None:
    """Put the model's own modules on the import path."""
    if not pyfunc.get("code"):
        return None
    code = file_inside(directory, pyfunc["code"], "code directory")
    check_trust(trust, f"its {CODE_DIR} directory", str(directory))
    if str(code) not in sys.path:
        sys.path.insert(0, str(code))
    return code


class _OwnPredictor:
    """What a loader module of the user's own returned: an object with `predict(data)`."""

    def __init__(self, opened: Any) -> None:
        self.raw = opened

    def predict(self, data: Any, params: dict[str, Any]) -> Any:
        return self.raw.predict(data, params=params) if params else self.raw.predict(data)


def _load_own(directory: Path, name: str, code: Path | None, pyfunc: dict[str, Any], trust: bool | None) -> Predictor:
    """Open by a loader module that lies in the model's own code directory, and nowhere else."""
    top = name.split(".")[0]
    if code is None or importlib.machinery.PathFinder.find_spec(top, [str(code)]) is None:
        raise UntrustedModel(
            f"The model in {str(directory)!r} wants to be loaded by {name!r}, which is neither a known flavour "
            "nor part of the model. Save it with code_paths that bring the module."
        )
    check_trust(trust, f"the module {name}", str(directory))
    module = importlib.import_module(name)
    origin = getattr(module, "__file__", None)
    if origin is None or not Path(origin).resolve().is_relative_to(code.resolve()):
        raise UntrustedModel(
            f"The model brings its own loader {name!r}, but another module of that name is loaded already ({origin}). "
            "Load the model in a fresh process, or rename its loader."
        )
    data = file_inside(directory, pyfunc["data"], "model data") if pyfunc.get("data") else directory
    return _OwnPredictor(module._load_pyfunc(str(data)))


def _writer(
    python_model: Any, artifacts: Any, model_config: Any, loader_module: str | None, data_path: Any, code_paths: Any
) -> Write:
    if (python_model is None) == (loader_module is None):
        raise InvalidValue("Give either python_model, or loader_module with data_path and code_paths.")
    if python_model is not None:
        return PythonWriter(python_model, artifacts, model_config)
    if find_loader(str(loader_module)) is None and not code_paths:
        raise InvalidValue(f"Give the file of the loader module {loader_module!r} in code_paths; it is needed to load.")
    return lambda directory: _write_data(directory, str(loader_module), data_path)


def _write_data(directory: Path, loader_module: str, data_path: Any) -> Parts:
    pyfunc: dict[str, Any] = {"loader_module": loader_module}
    if data_path is not None:
        source, target = Path(data_path), directory / "data"
        if source.is_dir():
            shutil.copytree(source, target)
        elif source.is_file():
            shutil.copy2(source, target)
        else:
            raise InvalidValue(f"The data_path {str(data_path)!r} does not exist.")
        pyfunc["data"] = "data"
    return Parts({PYFUNC: pyfunc})


def save_model(
    path: str | os.PathLike[str],
    loader_module: str | None = None,
    data_path: str | os.PathLike[str] | None = None,
    code_path: Any = None,
    code_paths: Any = None,
    conda_env: Any = None,
    mlflow_model: Model | None = None,
    python_model: Any = None,
    artifacts: Mapping[str, str] | None = None,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    metadata: dict[str, Any] | None = None,
    model_config: Mapping[str, Any] | None = None,
) -> None:
    """Save a Python model (`python_model` with its `artifacts`), or data with the module that loads it.

    The directory `path` appears whole or not at all.
    """
    options = Options(
        conda_env=conda_env, code_paths=code_paths or code_path, signature=signature, input_example=input_example,
        pip_requirements=pip_requirements, extra_pip_requirements=extra_pip_requirements, metadata=metadata,
    )  # fmt: skip
    writer = _writer(python_model, artifacts, model_config, loader_module, data_path, options.code_paths)
    save_directory(Path(path), writer, options, _try_example, mlflow_model)


def log_model(
    artifact_path: str | None = None,
    loader_module: str | None = None,
    data_path: str | os.PathLike[str] | None = None,
    code_path: Any = None,
    code_paths: Any = None,
    conda_env: Any = None,
    python_model: Any = None,
    artifacts: Mapping[str, str] | None = None,
    registered_model_name: str | None = None,
    signature: Any = None,
    input_example: Any = None,
    await_registration_for: int | None = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    metadata: dict[str, Any] | None = None,
    model_config: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    run_id: str | None = None,
    **later: Any,
) -> ModelInfo:
    """Save a model as `save_model` does, among the artifacts of the active run (one is started when none is).

    `name` is MLflow 3's word for `artifact_path`.
    """
    options = Options(
        conda_env=conda_env, code_paths=code_paths or code_path, signature=signature, input_example=input_example,
        pip_requirements=pip_requirements, extra_pip_requirements=extra_pip_requirements, metadata=metadata,
    )  # fmt: skip
    writer = _writer(python_model, artifacts, model_config, loader_module, data_path, options.code_paths)
    return log_directory(
        writer, options, _try_example,
        artifact_path=artifact_path, name=name, registered_model_name=registered_model_name, run_id=run_id, later=later,
    )  # fmt: skip


def _try_example(directory: Path, model: Model, example: Any) -> Any:
    """Predictions for `example` by the model as it will be loaded."""
    pyfunc = model.pyfunc
    flavor = find_loader(str(pyfunc["loader_module"]))
    if flavor is None:
        raise NotSupported("A model with its own loader is not tried while saving: give a signature too.")
    _add_code(directory, pyfunc, True)
    return flavor.load(directory, model, dict(pyfunc.get("config") or {}), True).predict(example, {})
