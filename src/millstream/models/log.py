"""Models among a run's artifacts: log one, note it on the run, find it again by URI."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from millstream.formats.mlmodel import Model, ModelInfo
from millstream.models.model import Options, Predict, Write, read_model, save_directory
from millstream.tracking import artifacts, fluent
from millstream.values.errors import InvalidValue, NotFound, NotSupported
from millstream.values.names import MAX_TAG_VALUE, MODEL_HISTORY_TAG
from millstream.values.paths import RelPath

DEFAULT_NAME = "model"


def log_directory(
    write: Write,
    options: Options,
    predict: Predict,
    *,
    artifact_path: str | None,
    name: str | None,
    registered_model_name: str | None,
    run_id: str | None = None,
    later: dict[str, Any],
) -> ModelInfo:
    """Save a model among the artifacts of a run, whole or not at all, and note it in tag ``mlflow.log-model.history``.

    Without `run_id` it is the active run; one is started when none is. A model of the same name is replaced once the
    new one is complete. `later` holds arguments of MLflow 3's logged models; NotSupported when one is given.
    """
    place = _check_arguments(artifact_path, name, registered_model_name, later)
    run = run_id or (fluent.active_run() or fluent.start_run()).info.run_id
    model = Model(artifact_path=str(place), run_id=run)
    store = fluent.current_store()
    target = store.artifacts(run).local_path(place)
    if target is not None:
        save_directory(target, write, options, predict, model, replace=True)
    else:
        with tempfile.TemporaryDirectory(prefix="millstream-model-") as temporary:
            directory = Path(temporary) / place.name
            save_directory(directory, write, options, predict, model)
            fluent.log_artifacts(str(directory), str(place), run_id=run)
    _note_on_run(run, model)
    return ModelInfo.of(model, f"runs:/{run}/{place}")


def open_directory(model_uri: str, dst_path: str | None = None) -> Path:
    """The model's directory on this machine; a copy below `dst_path` when given. NotFound when there is none."""
    if dst_path is not None:
        return Path(artifacts.download_artifacts(artifact_uri=str(model_uri), dst_path=dst_path))
    if str(model_uri).startswith("models:"):
        raise NotSupported(
            f"{model_uri!r}: the model registry is not built yet; use runs:/<run id>/<path> or a directory."
        )
    directory: Path = artifacts.resolve(str(model_uri))
    if not directory.is_dir():
        raise NotFound(f"There is no model directory at {str(model_uri)!r}.")
    return directory


def get_model_info(model_uri: str) -> ModelInfo:
    """Description of the model at `model_uri`, read from its MLmodel file; nothing of the model is opened."""
    return ModelInfo.of(read_model(open_directory(model_uri)), str(model_uri))


def _check_arguments(
    artifact_path: str | None, name: str | None, registered_model_name: str | None, later: dict[str, Any]
) -> RelPath:
    if registered_model_name is not None:
        raise NotSupported(
            "The model registry is not built yet, so nothing was saved: leave out "
            f"registered_model_name={registered_model_name!r}."
        )
    if artifact_path is not None and name is not None and artifact_path != name:
        raise InvalidValue(f"artifact_path {artifact_path!r} and name {name!r} are two words for one thing; give one.")
    given = sorted(key for key, value in later.items() if value)
    if given:
        raise NotSupported(f"log_model cannot keep {', '.join(given)} yet, so nothing was saved; leave them out.")
    place = RelPath.parse(name or artifact_path or DEFAULT_NAME, what="model name")
    if not place.segments:
        raise InvalidValue("A model needs a name: give artifact_path or name.")
    return place


def _note_on_run(run_id: str, model: Model) -> None:
    """Append `model` to the run's JSON list of models; the oldest go first when the tag would get too long."""
    known = fluent.get_run(run_id).data.tags.get(MODEL_HISTORY_TAG)
    try:
        history = json.loads(known) if known else []
    except ValueError:
        history = []
    entry = {key: value for key, value in model.to_dict().items() if key in _NOTED}
    history = [*(history if isinstance(history, list) else []), entry]
    while len(text := json.dumps(history)) > MAX_TAG_VALUE and len(history) > 1:
        history = history[1:]
    fluent.set_tag(MODEL_HISTORY_TAG, text, run_id=run_id)


_NOTED = frozenset({"artifact_path", "flavors", "mlflow_version", "model_uuid", "run_id", "utc_time_created"})
