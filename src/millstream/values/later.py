"""Names of MLflow that this version does not have yet, and what to do meanwhile."""

from __future__ import annotations

_TRACES = "Traces are not recorded yet."
_SYSTEM = "System metrics are not recorded yet; log what you need with log_metrics."

_FRAME = "Convert the data and use from_pandas or from_numpy, or note its place with MetaDataset."

LATER = {
    "autolog": "There is no autologging yet; call log_params and log_metrics in the training loop.",
    "disable_system_metrics_logging": _SYSTEM,
    "enable_system_metrics_logging": _SYSTEM,
    "evaluate": "There is no evaluation yet; log your figures with log_metrics.",
    "from_huggingface": _FRAME,
    "from_polars": "Use from_pandas(frame.to_pandas()).",
    "from_spark": _FRAME,
    "from_tensorflow": _FRAME,
    "Image": "log_image takes a PIL image or an array as it is.",
    "load_delta": _FRAME,
    "load_table": "There are no logged tables yet; load_dict reads a JSON artifact.",
    "log_stream": "Write the stream to a file and call log_artifact.",
    "log_table": "There are no logged tables yet; log_dict and log_artifact store JSON and CSV files.",
    "start_span": _TRACES,
    "trace": _TRACES,
}


def missing(module: str, name: str) -> AttributeError:
    """The error for a name that a module does not have; for one of MLflow's, it says what to do instead."""
    hint = LATER.get(name)
    text = f"module {module!r} has no attribute {name!r}"
    return AttributeError(f"{text}: not in this version of Millstream. {hint}" if hint else text, name=name)
