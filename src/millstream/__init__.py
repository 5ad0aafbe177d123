"""Millstream: experiment tracking, projects and models, in MLflow's language.

``import millstream as mlflow`` and go on. Names and sub-modules load when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from millstream.values.version import VERSION as __version__

_FLUENT = "millstream.tracking.fluent"
_NAMES = dict.fromkeys(
    [
        "ActiveRun",
        "active_run",
        "count_runs",
        "create_experiment",
        "delete_experiment",
        "delete_experiment_tag",
        "delete_run",
        "delete_tag",
        "end_run",
        "flush_async_logging",
        "get_artifact_uri",
        "get_experiment",
        "get_experiment_by_name",
        "get_parent_run",
        "get_run",
        "get_tracking_uri",
        "is_tracking_uri_set",
        "last_active_run",
        "log_artifact",
        "log_artifacts",
        "log_dict",
        "log_figure",
        "log_image",
        "log_metric",
        "log_metrics",
        "log_param",
        "log_params",
        "log_text",
        "rename_experiment",
        "restore_experiment",
        "restore_run",
        "search_experiments",
        "search_runs",
        "set_experiment",
        "set_experiment_tag",
        "set_experiment_tags",
        "set_tag",
        "set_tags",
        "set_tracking_uri",
        "start_run",
    ],
    _FLUENT,
) | {
    **dict.fromkeys(["log_input", "log_inputs", "log_outputs"], "millstream.tracking.inputs"),
    **dict.fromkeys(
        [
            "ActiveModel",
            "clear_active_model",
            "create_external_model",
            "delete_logged_model_tag",
            "finalize_logged_model",
            "get_active_model_id",
            "get_logged_model",
            "initialize_logged_model",
            "last_logged_model",
            "log_model_params",
            "search_logged_models",
            "set_active_model",
            "set_logged_model_tags",
        ],
        "millstream.tracking.logged_models",
    ),
    **dict.fromkeys(
        [
            "get_registry_uri",
            "register_model",
            "search_model_versions",
            "search_registered_models",
            "set_model_version_tag",
            "set_registry_uri",
        ],
        "millstream.tracking.registry",
    ),
    "MlflowClient": "millstream.tracking.client",
    "MlflowException": "millstream.exceptions",
    "metric_envelope": "millstream.tracking.search",
    "run": "millstream.projects",
}
_MODULES = frozenset(
    {
        "artifacts",
        "client",
        "data",
        "entities",
        "exceptions",
        "models",
        "projects",
        "pyfunc",
        "pytorch",
        "sklearn",
        "tracking",
        "types",
    }
)

__all__ = ["__version__", *sorted(_NAMES), *sorted(_MODULES)]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(import_module(_NAMES[name]), name)
    elif name in _MODULES:
        value = import_module(f"millstream.{name}")
    else:
        raise import_module("millstream.values.later").missing("millstream", name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
