"""PyTorch models: ``data/model.pth`` and ``data/pickle_module_info.txt``, the layout MLflow has had since 1.x."""

from __future__ import annotations

import importlib
import os
import pickle
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

from millstream.formats.mlmodel import PYFUNC, Model, ModelInfo
from millstream.models.flavors import PYTORCH
from millstream.models.log import log_directory, open_directory
from millstream.models.model import Options, Parts, file_inside, flavor_settings, read_model, save_directory
from millstream.models.pickles import Unpickler, missing_class
from millstream.models.requirements import installed_version, pickle_modules
from millstream.models.trust import check_trust
from millstream.values.errors import DataDamaged, InvalidValue, MissingDependency, NotSupported
from millstream.values.settings import text_setting

__all__ = ["FLAVOR_NAME", "load_model", "log_model", "save_model"]

FLAVOR_NAME = "pytorch"
_DATA = "data"
_MODEL_FILE = "model.pth"
_PICKLE_INFO = "pickle_module_info.txt"
# MLflow's own module is cloudpickle's pickler with pickle's unpickler; its name is what its loader expects.
_MLFLOW_PICKLE = "mlflow.pytorch.pickle_module"
# Names that may stand in pickle_module_info.txt. The text is data: no other module is imported because of it.
_READABLE = frozenset({_MLFLOW_PICKLE, "cloudpickle", "dill", "pickle"})


def save_model(
    pytorch_model: Any,
    path: str | os.PathLike[str],
    conda_env: Any = None,
    mlflow_model: Model | None = None,
    code_paths: Any = None,
    pickle_module: ModuleType | None = None,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    metadata: dict[str, Any] | None = None,
    serialization_format: str | None = None,
    **kwargs: Any,
) -> None:
    """Save `pytorch_model` (a Module or ScriptModule) as the model directory `path`, whole or not at all.

    `pickle_module` is cloudpickle where installed, so that classes of the script itself load elsewhere; further
    keyword arguments go to ``torch.save``.
    """
    options = Options(
        conda_env=conda_env, code_paths=code_paths, signature=signature, input_example=input_example,
        pip_requirements=pip_requirements, extra_pip_requirements=extra_pip_requirements, metadata=metadata,
    )  # fmt: skip
    writer = _Writer(pytorch_model, pickle_module, serialization_format, kwargs)
    save_directory(Path(path), writer, options, try_example, mlflow_model)


def log_model(
    pytorch_model: Any,
    artifact_path: str | None = None,
    conda_env: Any = None,
    code_paths: Any = None,
    pickle_module: ModuleType | None = None,
    registered_model_name: str | None = None,
    signature: Any = None,
    input_example: Any = None,
    await_registration_for: int | None = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    metadata: dict[str, Any] | None = None,
    name: str | None = None,
    params: dict[str, Any] | None = None,
    tags: dict[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
    serialization_format: str | None = None,
    run_id: str | None = None,
    **kwargs: Any,
) -> ModelInfo:
    """Save `pytorch_model` among the artifacts of the active run (one is started when none is) and note it there.

    `name` is MLflow 3's word for `artifact_path`. Further keyword arguments go to ``torch.save``.
    """
    options = Options(
        conda_env=conda_env, code_paths=code_paths, signature=signature, input_example=input_example,
        pip_requirements=pip_requirements, extra_pip_requirements=extra_pip_requirements, metadata=metadata,
    )  # fmt: skip
    writer = _Writer(pytorch_model, pickle_module, serialization_format, kwargs)
    later = {"params": params, "tags": tags, "model_type": model_type, "step": step, "model_id": model_id}
    return log_directory(
        writer, options, try_example,
        artifact_path=artifact_path, name=name, registered_model_name=registered_model_name, run_id=run_id, later=later,
    )  # fmt: skip


def load_model(
    model_uri: str, dst_path: str | None = None, device: str | None = None, *, trust: bool | None = None, **kwargs: Any
) -> Any:
    """The module itself, on `device` when given. Keyword arguments go to ``torch.load``.

    Opening a pickle runs code: see `millstream.models.trust` for when that is allowed.
    """
    directory = open_directory(model_uri, dst_path)
    settings = flavor_settings(read_model(directory), FLAVOR_NAME, directory)
    data = file_inside(directory, settings.get("model_data", _DATA), "model data")
    if device is not None:
        kwargs.setdefault("map_location", device)
    return _load(data, kwargs, trust, str(directory))


class _Writer:
    """Writes one module, once, into the directory it is given."""

    def __init__(
        self, module: Any, pickle_module: ModuleType | None, form: str | None, options: dict[str, Any]
    ) -> None:
        torch = _torch()
        if not isinstance(module, torch.nn.Module):
            raise InvalidValue(f"pytorch_model must be a torch.nn.Module, not {type(module).__name__}.")
        if form not in (None, "pickle"):
            raise NotSupported(f"serialization_format {form!r} cannot be written yet; the one that can is 'pickle'.")
        self.module, self.options = module, options
        self.pickle_module = pickle_module or _default_pickle()
        if self.pickle_module.__name__ not in _READABLE:
            raise InvalidValue(f"pickle_module must be pickle, cloudpickle or dill, not {self.pickle_module.__name__}.")

    def __call__(self, directory: Path) -> Parts:
        torch = _torch()
        data = directory / _DATA
        data.mkdir()
        cloud = self.pickle_module.__name__ == "cloudpickle"
        stated = _MLFLOW_PICKLE if cloud else self.pickle_module.__name__
        (data / _PICKLE_INFO).write_text(stated, "utf-8")
        file = data / _MODEL_FILE
        script = isinstance(self.module, torch.jit.ScriptModule)
        try:
            if script:
                torch.jit.save(self.module, str(file))
            else:
                torch.save(self.module, file, pickle_module=self.pickle_module, **self.options)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise InvalidValue(f"The model cannot be pickled: {error}.") from error
        own = {"model_data": _DATA, "pytorch_version": str(torch.__version__), "code": None}
        pyfunc = {
            "data": _DATA,
            "loader_module": "mlflow.pytorch",
            "pickle_module_name": stated,
            "config": {"device": None},
        }
        needs = ("torch", "cloudpickle") if cloud else ("torch",)
        return Parts({FLAVOR_NAME: own, PYFUNC: pyfunc}, set() if script else pickle_modules(file), needs)


class TorchPredictor:
    """A module behind `predict`: frame → float32 tensor → frame, array → array."""

    def __init__(self, module: Any, device: str) -> None:
        """Predict with `module` on `device`, in evaluation mode."""
        self.module = module.to(device)
        self.module.eval()
        self.device = device
        kinds = {
            str(weight.dtype).removeprefix("torch.") for weight in module.parameters() if weight.is_floating_point()
        }
        looks_up = any("Embedding" in type(part).__name__ for part in module.modules())
        plain = len(kinds) == 1 and kinds <= {"float32", "float64"} and not looks_up
        # What numbers without a type, such as JSON's, become; a model that looks numbers up in a table gets them as is.
        self.element_type: str | None = kinds.pop() if plain else None

    def predict(self, data: Any, params: dict[str, Any]) -> Any:
        """Output in the kind of the input; a frame keeps its index. Raises InvalidValue for lists and dictionaries."""
        torch = _torch()
        frame = hasattr(data, "columns")
        try:
            array = data.to_numpy(dtype="float32") if frame else data
        except (ValueError, TypeError) as error:
            raise InvalidValue(f"A PyTorch model takes numbers only: {error}.") from error
        if not hasattr(array, "dtype") or not hasattr(array, "shape"):
            raise InvalidValue(f"A PyTorch model takes a frame or an array, not {type(data).__name__}.")
        with torch.inference_mode():
            tensor = torch.from_numpy(array.copy() if not array.flags.writeable else array).to(self.device)
            answer = self.module(tensor, **params)
        if not isinstance(answer, torch.Tensor):
            raise InvalidValue(f"The model answered {type(answer).__name__}; only one tensor can be an answer here.")
        output = answer.cpu().numpy()
        return type(data)(output, index=data.index) if frame else output

    @property
    def raw(self) -> Any:
        """The module."""
        return self.module


def load_pyfunc(directory: Path, model: Model, config: dict[str, Any], trust: bool | None) -> TorchPredictor:
    """Open a saved module for predicting; the table of flavours calls this."""
    torch = _torch()
    data = file_inside(directory, model.pyfunc.get("data", _DATA), "model data")
    wanted = config.get("device") or text_setting("PREDICTION_DEVICE")
    device = str(wanted or ("cuda" if torch.cuda.is_available() else "cpu"))
    return TorchPredictor(_load(data, {"map_location": device}, trust, str(directory)), device)


def try_example(directory: Path, model: Model, example: Any) -> Any:
    """Predictions for `example` by the model as it will be loaded."""
    example = example.detach().cpu().numpy() if hasattr(example, "detach") else example
    return load_pyfunc(directory, model, {}, True).predict(example, {})


def _load(data: Path, options: dict[str, Any], trust: bool | None, source: str) -> Any:
    torch = _torch()
    file = data / _MODEL_FILE if data.is_dir() else data
    if not file.is_file():
        there = ", ".join(sorted(entry.name for entry in data.iterdir())) if data.is_dir() else "nothing"
        raise NotSupported(f"The model has no {_MODEL_FILE} ({there} instead); other formats cannot be opened yet.")
    check_trust(trust, f"the pickle {file.name}", source)
    module = _pickle_module(data)
    try:
        if _is_script(file):
            return torch.jit.load(str(file), map_location=options.get("map_location"))
        return torch.load(file, pickle_module=module, weights_only=False, **options)
    except ModuleNotFoundError as error:
        raise PYTORCH.missing(error) from error
    except AttributeError as error:
        raise missing_class(file, error) from error
    except (pickle.UnpicklingError, EOFError, RuntimeError) as error:
        raise DataDamaged(f"{file.name} cannot be read: {str(error)[:300]}.") from error


def _is_script(file: Path) -> bool:
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def _pickle_module(data: Path) -> ModuleType:
    """The module to unpickle with. dill has its own; all others are read by pickle."""
    info = data / _PICKLE_INFO if data.is_dir() else data.parent / _PICKLE_INFO
    stated = info.read_text("utf-8").strip() if info.is_file() else "pickle"
    if stated not in _READABLE:
        known = ", ".join(sorted(_READABLE))
        raise NotSupported(f"The model was pickled by {stated[:80]!r}; only {known} can be read.")
    if stated == "dill":
        try:
            return importlib.import_module("dill")
        except ModuleNotFoundError as error:
            raise MissingDependency("The model was pickled by dill: pip install dill") from error
    return _PICKLE


def _default_pickle() -> ModuleType:
    return importlib.import_module("cloudpickle" if installed_version("cloudpickle") else "pickle")


def _torch() -> Any:
    try:
        import torch  # noqa: PLC0415  heavy and optional
    except ModuleNotFoundError as error:
        raise PYTORCH.missing(error) from error
    return torch


# What torch.load asks of a pickle module, with the unpickler that knows MLflow's names.
_PICKLE = ModuleType("millstream_pickle")
_PICKLE.Unpickler = Unpickler  # type: ignore[attr-defined]
_PICKLE.load = pickle.load  # type: ignore[attr-defined]
