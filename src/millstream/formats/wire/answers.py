"""What replies look like, as types: for the description of the interface, and to check replies against.

Fields with a default may be absent. Lists that would be empty are absent.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Number = float | Literal["NaN", "Infinity", "-Infinity"]
"""A double; what JSON has no number for is a string."""

Time = Annotated[int, Meta(description="Milliseconds since 1970.")]
Stage = Literal["active", "deleted"]
Status = Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
ModelStatus = Literal[
    "LOGGED_MODEL_STATUS_UNSPECIFIED", "LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED"
]
VersionStage = Literal["None", "Staging", "Production", "Archived"]
VersionStatus = Literal["PENDING_REGISTRATION", "FAILED_REGISTRATION", "READY"]


class Answer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the objects in replies."""


class Nothing(Answer, frozen=True, kw_only=True):
    """The empty object: it was done."""


class Error(Answer, frozen=True, kw_only=True):
    """Why a request was not answered."""

    error_code: Annotated[str, Meta(description="One of MLflow's names, such as RESOURCE_DOES_NOT_EXIST.")]
    message: Annotated[str, Meta(description="What happened, with the value, and what to do.")]


class Pair(Answer, frozen=True, kw_only=True):
    """A tag or a param."""

    key: str
    value: str


class ExperimentObject(Answer, frozen=True, kw_only=True):
    """An experiment."""

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: Stage
    last_update_time: Time | UnsetType = UNSET
    creation_time: Time | UnsetType = UNSET
    tags: list[Pair] | UnsetType = UNSET


class ExperimentId(Answer, frozen=True, kw_only=True):
    """The id of a new experiment."""

    experiment_id: str


class OneExperiment(Answer, frozen=True, kw_only=True):
    """An experiment that was asked for."""

    experiment: ExperimentObject


class Experiments(Answer, frozen=True, kw_only=True):
    """A page of experiments."""

    experiments: list[ExperimentObject] | UnsetType = UNSET
    next_page_token: str | UnsetType = UNSET


class DatasetUse(Answer, frozen=True, kw_only=True):
    """A dataset that runs of an experiment used, in one context."""

    experiment_id: str
    name: str
    digest: str
    context: str | UnsetType = UNSET


class DatasetUses(Answer, frozen=True, kw_only=True):
    """Datasets that runs used."""

    dataset_summaries: list[DatasetUse] | UnsetType = UNSET


class MetricPoint(Answer, frozen=True, kw_only=True):
    """One point of a metric."""

    key: str
    value: Number
    timestamp: Time
    step: int
    run_id: str | UnsetType = UNSET
    model_id: str | UnsetType = UNSET
    dataset_name: str | UnsetType = UNSET
    dataset_digest: str | UnsetType = UNSET


class Metrics(Answer, frozen=True, kw_only=True):
    """Points of a metric."""

    metrics: list[MetricPoint] | UnsetType = UNSET


class MetricPage(Metrics, frozen=True, kw_only=True):
    """A page of the points of a metric."""

    next_page_token: str | UnsetType = UNSET


class InfoOfRun(Answer, frozen=True, kw_only=True):
    """Identity, status and times of a run; `run_uuid` is `run_id` by its old name."""

    run_id: str
    run_uuid: str
    experiment_id: str
    run_name: str
    user_id: str
    status: Status
    start_time: Time | UnsetType = UNSET
    end_time: Time | UnsetType = UNSET
    artifact_uri: str
    lifecycle_stage: Stage


class DataOfRun(Answer, frozen=True, kw_only=True):
    """What a run logged; the latest point of each metric."""

    metrics: list[MetricPoint] | UnsetType = UNSET
    params: list[Pair] | UnsetType = UNSET
    tags: list[Pair] | UnsetType = UNSET


class DatasetObject(Answer, frozen=True, kw_only=True):
    """A dataset."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | UnsetType = UNSET
    profile: str | UnsetType = UNSET


class DatasetOfRun(Answer, frozen=True, kw_only=True):
    """A dataset that a run used, with the tags of its use."""

    dataset: DatasetObject
    tags: list[Pair] | UnsetType = UNSET


class ModelOfRun(Answer, frozen=True, kw_only=True):
    """A logged model that a run used."""

    model_id: str


class MadeByRun(Answer, frozen=True, kw_only=True):
    """A logged model that a run made."""

    model_id: str
    step: int


class InputsOfRun(Answer, frozen=True, kw_only=True):
    """What a run used."""

    dataset_inputs: list[DatasetOfRun] | UnsetType = UNSET
    model_inputs: list[ModelOfRun] | UnsetType = UNSET


class OutputsOfRun(Answer, frozen=True, kw_only=True):
    """What a run made."""

    model_outputs: list[MadeByRun] | UnsetType = UNSET


class RunObject(Answer, frozen=True, kw_only=True):
    """A run with its data."""

    info: InfoOfRun
    data: DataOfRun
    inputs: InputsOfRun
    outputs: OutputsOfRun | UnsetType = UNSET


class OneRun(Answer, frozen=True, kw_only=True):
    """A run that was made or asked for."""

    run: RunObject


class RunInfoOnly(Answer, frozen=True, kw_only=True):
    """The info of a run that was changed."""

    run_info: InfoOfRun


class Runs(Answer, frozen=True, kw_only=True):
    """A page of runs."""

    runs: list[RunObject] | UnsetType = UNSET
    next_page_token: str | UnsetType = UNSET


class FileEntry(Answer, frozen=True, kw_only=True):
    """A file or directory among artifacts; a file has a size (bytes)."""

    path: str
    is_dir: bool
    file_size: int | UnsetType = UNSET


class Files(Answer, frozen=True, kw_only=True):
    """A listing of artifacts, and where they are kept."""

    root_uri: str
    files: list[FileEntry] | UnsetType = UNSET


class ProxiedFiles(Answer, frozen=True, kw_only=True):
    """A listing of the proxied artifact store; paths are the entries' own names."""

    files: list[FileEntry] | UnsetType = UNSET


class InfoOfModel(Answer, frozen=True, kw_only=True):
    """Identity, status and times of a logged model."""

    model_id: str
    experiment_id: str
    name: str
    creation_timestamp_ms: Time
    last_updated_timestamp_ms: Time
    artifact_uri: str
    status: ModelStatus
    model_type: str | UnsetType = UNSET
    source_run_id: str | UnsetType = UNSET
    status_message: str | UnsetType = UNSET
    tags: list[Pair] | UnsetType = UNSET


class DataOfModel(Answer, frozen=True, kw_only=True):
    """Params of a logged model, and the latest point of each metric and dataset."""

    params: list[Pair] | UnsetType = UNSET
    metrics: list[MetricPoint] | UnsetType = UNSET


class ModelObject(Answer, frozen=True, kw_only=True):
    """A logged model."""

    info: InfoOfModel
    data: DataOfModel


class OneModel(Answer, frozen=True, kw_only=True):
    """A logged model that was made, changed or asked for."""

    model: ModelObject


class Models(Answer, frozen=True, kw_only=True):
    """A page of logged models."""

    models: list[ModelObject] | UnsetType = UNSET
    next_page_token: str | UnsetType = UNSET


class VersionObject(Answer, frozen=True, kw_only=True):
    """A version of a registered model. What it has not is mostly an empty text."""

    name: str
    version: Annotated[str, Meta(description="A whole number.")]
    creation_timestamp: Time
    last_updated_timestamp: Time
    user_id: str | UnsetType = UNSET
    current_stage: VersionStage
    description: str
    source: str
    run_id: str
    status: VersionStatus
    status_message: str | UnsetType = UNSET
    tags: list[Pair] | UnsetType = UNSET
    run_link: str
    aliases: list[str] | UnsetType = UNSET
    model_id: str | UnsetType = UNSET


class OneVersion(Answer, frozen=True, kw_only=True):
    """A version that was made, changed or asked for."""

    model_version: VersionObject


class Versions(Answer, frozen=True, kw_only=True):
    """Versions of a registered model."""

    model_versions: list[VersionObject] | UnsetType = UNSET


class VersionPage(Versions, frozen=True, kw_only=True):
    """A page of versions of registered models."""

    next_page_token: str | UnsetType = UNSET


class VersionPlace(Answer, frozen=True, kw_only=True):
    """Where the files of a version are."""

    artifact_uri: str


class Alias(Answer, frozen=True, kw_only=True):
    """A name that stands for a version."""

    alias: str
    version: str


class RegisteredObject(Answer, frozen=True, kw_only=True):
    """A registered model, with the newest version of each stage."""

    name: str
    creation_timestamp: Time
    last_updated_timestamp: Time
    description: str | UnsetType = UNSET
    latest_versions: list[VersionObject] | UnsetType = UNSET
    tags: list[Pair] | UnsetType = UNSET
    aliases: list[Alias] | UnsetType = UNSET


class OneRegistered(Answer, frozen=True, kw_only=True):
    """A registered model that was made, changed or asked for."""

    registered_model: RegisteredObject


class RegisteredPage(Answer, frozen=True, kw_only=True):
    """A page of registered models."""

    registered_models: list[RegisteredObject] | UnsetType = UNSET
    next_page_token: str | UnsetType = UNSET


class Features(Answer, frozen=True, kw_only=True):
    """Parts of MLflow that a server may have."""

    gateway: bool


class Capabilities(Answer, frozen=True, kw_only=True):
    """What MLflow's client wants to know of a server."""

    store_type: Literal["FileStore", "SqlStore"]
    workspaces_enabled: bool
    trace_archival_enabled: bool
    multipart_uploads_enabled: bool
    multipart_downloads_enabled: bool
    presigned_upload_run_id_supported: bool
    presigned_upload_model_id_supported: bool
    features_enabled: Features
