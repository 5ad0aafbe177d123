"""scikit-learn models: ``model.pkl`` (or ``model.skops``) with the settings that MLflow's own loader reads."""

from __future__ import annotations

import copy
import importlib
import os
from pathlib import Path
from typing import Any

from millstream.formats.mlmodel import PYFUNC, Model, ModelInfo
from millstream.models.flavors import SKLEARN
from millstream.models.log import log_directory, open_directory
from millstream.models.model import Options, Parts, file_inside, flavor_settings, read_model, save_directory
from millstream.models.pickles import dump_pickle, load_pickle
from millstream.models.requirements import installed_version, pickle_modules
from millstream.models.trust import check_trust
from millstream.values.errors import InvalidValue, MissingDependency

__all__ = [
    "FLAVOR_NAME",
    "SERIALIZATION_FORMAT_CLOUDPICKLE",
    "SERIALIZATION_FORMAT_PICKLE",
    "SERIALIZATION_FORMAT_SKOPS",
    "load_model",
    "log_model",
    "save_model",
]

FLAVOR_NAME = "sklearn"
SERIALIZATION_FORMAT_PICKLE = "pickle"
SERIALIZATION_FORMAT_CLOUDPICKLE = "cloudpickle"
SERIALIZATION_FORMAT_SKOPS = "skops"
_FORMATS = (SERIALIZATION_FORMAT_CLOUDPICKLE, SERIALIZATION_FORMAT_PICKLE, SERIALIZATION_FORMAT_SKOPS)


def save_model(
    sk_model: Any,
    path: str | os.PathLike[str],
    conda_env: Any = None,
    code_paths: Any = None,
    mlflow_model: Model | None = None,
    serialization_format: str | None = None,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    pyfunc_predict_fn: str = "predict",
    metadata: dict[str, Any] | None = None,
) -> None:
    """Save `sk_model` as the model directory `path`, whole or not at all.

    `serialization_format` is cloudpickle (the default where that package is installed), pickle or skops.
    """
    options = Options(
        conda_env=conda_env, code_paths=code_paths, signature=signature, input_example=input_example,
        pip_requirements=pip_requirements, extra_pip_requirements=extra_pip_requirements, metadata=metadata,
    )  # fmt: skip
    writer = _Writer(sk_model, serialization_format, pyfunc_predict_fn)
    save_directory(Path(path), writer, options, try_example, mlflow_model)


def log_model(
    sk_model: Any,
    artifact_path: str | None = None,
    conda_env: Any = None,
    code_paths: Any = None,
    serialization_format: str | None = None,
    registered_model_name: str | None = None,
    signature: Any = None,
    input_example: Any = None,
    await_registration_for: int | None = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    pyfunc_predict_fn: str = "predict",
    metadata: dict[str, Any] | None = None,
    *,
    name: str | None = None,
    run_id: str | None = None,
    **later: Any,
) -> ModelInfo:
    """Save `sk_model` among the artifacts of the active run (one is started when none is) and note it there.

    `name` is MLflow 3's word for `artifact_path`. Arguments as in MLflow; see `save_model` for the formats.
    """
    options = Options(
        conda_env=conda_env, code_paths=code_paths, signature=signature, input_example=input_example,
        pip_requirements=pip_requirements, extra_pip_requirements=extra_pip_requirements, metadata=metadata,
    )  # fmt: skip
    writer = _Writer(sk_model, serialization_format, pyfunc_predict_fn)
    return log_directory(
        writer, options, try_example,
        artifact_path=artifact_path, name=name, registered_model_name=registered_model_name, run_id=run_id, later=later,
    )  # fmt: skip


def load_model(model_uri: str, dst_path: str | None = None, *, trust: bool | None = None) -> Any:
    """The estimator itself. Opening a pickle runs code: see `millstream.models.trust` for when that is allowed."""
    directory = open_directory(model_uri, dst_path)
    model = read_model(directory)
    settings = flavor_settings(model, FLAVOR_NAME, directory)
    return _load(directory, settings.get("pickled_model"), settings, trust)


class _Writer:
    """Writes one estimator, once, into the directory it is given."""

    def __init__(self, estimator: Any, serialization_format: str | None, predict_fn: str) -> None:
        default = SERIALIZATION_FORMAT_CLOUDPICKLE if installed_version("cloudpickle") else SERIALIZATION_FORMAT_PICKLE
        self.format = serialization_format or default
        if self.format not in _FORMATS:
            raise InvalidValue(f"serialization_format {self.format!r} is unknown; use one of {', '.join(_FORMATS)}.")
        self.estimator = estimator
        self.predict_fn = predict_fn

    def __call__(self, directory: Path) -> Parts:
        file = "model.skops" if self.format == SERIALIZATION_FORMAT_SKOPS else "model.pkl"
        extra: tuple[str, ...] = ("scikit-learn",)
        if self.format == SERIALIZATION_FORMAT_SKOPS:
            _skops().dump(self.estimator, directory / file)
            modules = {type(self.estimator).__module__.split(".")[0]}
            extra += ("skops",)
        else:
            dump_pickle(self.estimator, directory / file, cloud=self.format == SERIALIZATION_FORMAT_CLOUDPICKLE)
            modules = pickle_modules(directory / file)
            extra += ("cloudpickle",) if self.format == SERIALIZATION_FORMAT_CLOUDPICKLE else ()
        version = installed_version("scikit-learn")
        settings = {"pickled_model": file, "serialization_format": self.format, "sklearn_version": version}
        pyfunc: dict[str, Any] = {"loader_module": "mlflow.sklearn", "model_path": file}
        if hasattr(self.estimator, self.predict_fn):
            pyfunc["predict_fn"] = self.predict_fn
        elif self.predict_fn != "predict":
            raise InvalidValue(f"The model has no method {self.predict_fn!r} to predict with.")
        return Parts({FLAVOR_NAME: {**settings, "code": None}, PYFUNC: pyfunc}, modules, extra)


class SklearnPredictor:
    """An estimator behind `predict`; arrays go in as arrays when the estimator was fitted without names."""

    def __init__(self, estimator: Any, predict_fn: str) -> None:
        """Predict with the method `predict_fn` of `estimator`."""
        self.estimator = estimator
        self._predict = getattr(estimator, predict_fn)
        names = getattr(estimator, "feature_names_in_", None)
        self.feature_names: list[str] | None = None if names is None else [str(name) for name in names]
        count = getattr(estimator, "n_features_in_", None)
        self.feature_count: int | None = None if count is None else int(count)

        self._predict_array = getattr(_without_names(estimator), predict_fn, None)

    def takes_arrays(self, names: list[str]) -> bool:
        """Whether an array with the columns `names` gives the same answer as a frame."""
        return self._predict_array is not None and self.feature_names in (None, names)

    def predict(self, data: Any, params: dict[str, Any]) -> Any:
        """What the estimator's method answers."""
        frame = hasattr(data, "to_numpy")
        if frame and self.feature_names is None:
            data, frame = data.to_numpy(), False
        if not frame and self._predict_array is not None:
            return self._predict_array(data, **params)
        return self._predict(data, **params)

    @property
    def raw(self) -> Any:
        """The estimator."""
        return self.estimator


def _without_names(estimator: Any) -> Any:
    """A shallow copy that takes arrays without warning of absent names; None where a part inside needs names.

    For one row, making a frame costs several times what a linear model costs.
    """
    if not hasattr(estimator, "feature_names_in_"):
        return estimator
    fields = vars(estimator)
    inside = [item for value in fields.values() for item in (value if isinstance(value, list | tuple) else (value,))]
    inside = [part for item in inside for part in (item if isinstance(item, list | tuple) else (item,))]
    if "feature_names_in_" not in fields or any(hasattr(part, "feature_names_in_") for part in inside):
        return None
    copied = copy.copy(estimator)
    del copied.feature_names_in_
    return copied


def load_pyfunc(directory: Path, model: Model, config: dict[str, Any], trust: bool | None) -> SklearnPredictor:
    """Open a saved estimator for predicting; the table of flavours calls this."""
    pyfunc = model.pyfunc
    settings = model.flavors.get(FLAVOR_NAME, {})
    estimator = _load(directory, pyfunc.get("model_path", pyfunc.get("data")), settings, trust)
    predict_fn = pyfunc.get("predict_fn", "predict")
    named = isinstance(predict_fn, str) and not predict_fn.startswith("_")
    if not named or not callable(getattr(estimator, predict_fn, None)):
        raise InvalidValue(f"The model in {str(directory)!r} has no method {predict_fn!r} to predict with.")
    return SklearnPredictor(estimator, predict_fn)


def try_example(directory: Path, model: Model, example: Any) -> Any:
    """Predictions for `example` by the model as it will be loaded."""
    return load_pyfunc(directory, model, {}, True).predict(example, {})


def _load(directory: Path, file: object, settings: dict[str, Any], trust: bool | None) -> Any:
    path = file_inside(directory, file, "model file")
    if path.suffix == ".skops" or settings.get("serialization_format") == SERIALIZATION_FORMAT_SKOPS:
        return _load_skops(path, trust)
    check_trust(trust, f"the pickle {path.name}", str(directory))
    return load_pickle(path, SKLEARN)


def _load_skops(path: Path, trust: bool | None) -> Any:
    skops = _skops()
    types = skops.get_untrusted_types(file=path)
    if types:
        check_trust(trust, f"{path.name} with the types {', '.join(types[:3])}", str(path.parent))
    return skops.load(path, trusted=types)


def _skops() -> Any:
    try:
        return importlib.import_module("skops.io")
    except ModuleNotFoundError as error:
        raise MissingDependency("The skops format needs the package skops: pip install skops") from error
