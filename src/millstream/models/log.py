"""Models among a run's artifacts: log one, note it on the run, find it again by URI."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import structs

from millstream.formats.mlmodel import Model, ModelInfo
from millstream.models.model import Options, Predict, Write, read_model, save_directory
from millstream.stores.base import Store
from millstream.tracking import artifacts, state
from millstream.tracking.registry import register
from millstream.tracking.runs import current_run
from millstream.values.entities import RunTag
from millstream.values.errors import InvalidValue, NotFound, NotSupported
from millstream.values.names import MAX_TAG_VALUE, MODEL_HISTORY_TAG, check_registered_name
from millstream.values.ops import LogBatch
from millstream.values.paths import RelPath
from millstream.values.queries import GetRun

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
    later: Mapping[str, Any],
) -> ModelInfo:
    """Save a model among the artifacts of a run, whole or not at all, and note it in tag ``mlflow.log-model.history``.

    Without `run_id` it is the active run; one is started when none is. A model of the same name is replaced once the
    new one is complete. With `registered_model_name` it becomes the next version of that registered model. `later`
    holds arguments of MLflow 3's logged models; NotSupported when one is given.
    """
    place = _check_arguments(artifact_path, name, registered_model_name, later)
    store, run, history = _target(run_id)
    model = Model(artifact_path=str(place), run_id=run)
    target = store.artifacts(run).local_path(place)
    if target is not None:
        save_directory(target, write, options, predict, model, replace=True)
    else:
        with tempfile.TemporaryDirectory(prefix="millstream-model-") as temporary:
            directory = Path(temporary) / place.name
            save_directory(directory, write, options, predict, model)
            artifacts.put_directory(store, run, directory, str(place))
    _note_on_run(store, run, history, model)
    info = ModelInfo.of(model, f"runs:/{run}/{place}")
    if registered_model_name is None:
        return info
    version = register(store, info.model_uri, registered_model_name)
    return structs.replace(info, registered_model_version=version.version)


def open_directory(model_uri: str, dst_path: str | None = None) -> Path:
    """The model's directory on this machine; a copy below `dst_path` when given. NotFound when there is none."""
    if dst_path is not None:
        return Path(artifacts.download_artifacts(artifact_uri=str(model_uri), dst_path=dst_path))
    # A plain path may climb (../model); what it leads to is the location.
    local = Path(model_uri).resolve()
    directory = local if local.is_dir() else artifacts.resolve(str(model_uri))
    if not directory.is_dir():
        raise NotFound(f"There is no model directory at {str(model_uri)!r}.")
    return directory


def get_model_info(model_uri: str) -> ModelInfo:
    """Description of the model at `model_uri`, read from its MLmodel file; nothing of the model is opened."""
    return ModelInfo.of(read_model(open_directory(model_uri)), str(model_uri))


def _check_arguments(
    artifact_path: str | None, name: str | None, registered_model_name: str | None, later: Mapping[str, Any]
) -> RelPath:
    if registered_model_name is not None:
        check_registered_name(registered_model_name)
    if artifact_path is not None and name is not None and artifact_path != name:
        raise InvalidValue(f"artifact_path {artifact_path!r} and name {name!r} are two words for one thing; give one.")
    given = sorted(key for key, value in later.items() if value)
    if given:
        raise NotSupported(f"log_model cannot keep {', '.join(given)} yet, so nothing was saved; leave them out.")
    place = RelPath.parse(name or artifact_path or DEFAULT_NAME, what="model name")
    if not place.segments:
        raise InvalidValue("A model needs a name: give artifact_path or name.")
    return place


def _target(run_id: str | None) -> tuple[Store, str, str | None]:
    """Store, id and noted models of the run that is meant."""
    if run_id is not None:
        store = state.store()
        return store, run_id, store.read(GetRun(run_id=run_id)).data.tags.get(MODEL_HISTORY_TAG)
    active = current_run()
    run_id = active.info.run_id
    # What this process noted itself needs no question to the store, which would load its whole index.
    return active.store, run_id, _noted.get(run_id) or active.data.tags.get(MODEL_HISTORY_TAG)


def _note_on_run(store: Store, run_id: str, known: str | None, model: Model) -> None:
    """Append `model` to the run's JSON list of models; the oldest go first when the tag would get too long."""
    try:
        history = json.loads(known) if known else []
    except ValueError:
        history = []
    entry = {key: value for key, value in model.to_dict().items() if key in _NOTED_FIELDS}
    history = [*(history if isinstance(history, list) else []), entry]
    while len(text := json.dumps(history)) > MAX_TAG_VALUE and len(history) > 1:
        history = history[1:]
    store.write(LogBatch(run_id=run_id, tags=(RunTag(MODEL_HISTORY_TAG, text),)))
    _noted[run_id] = text


_NOTED_FIELDS = frozenset({"artifact_path", "flavors", "mlflow_version", "model_uuid", "run_id", "utc_time_created"})
_noted: dict[str, str] = {}
