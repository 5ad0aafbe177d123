"""Every environment variable Millstream reads, in one table: printed by `millstream doctor` and in the docs."""

from __future__ import annotations

import os
from collections.abc import Mapping

from msgspec import Struct

from millstream.values.errors import InvalidValue


class Setting(Struct, frozen=True):
    """One setting: our variable is ``MILLSTREAM_<name>``, MLflow's is honoured after it."""

    name: str
    kind: type
    default: object
    mlflow: str | None
    help: str

    @property
    def variable(self) -> str:
        """Our environment variable."""
        return f"MILLSTREAM_{self.name}"


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "TRACKING_URI",
        str,
        None,
        "MLFLOW_TRACKING_URI",
        "Where runs are kept: a directory, a database URI or the address of a server.",
    ),
    Setting(
        "REGISTRY_URI",
        str,
        None,
        "MLFLOW_REGISTRY_URI",
        "Where registered models are kept (default: in the store of the runs).",
    ),
    Setting("EXPERIMENT_ID", str, None, "MLFLOW_EXPERIMENT_ID", "Experiment of new runs, by id."),
    Setting(
        "EXPERIMENT_NAME", str, None, "MLFLOW_EXPERIMENT_NAME", "Experiment of new runs, by name; made when missing."
    ),
    Setting("RUN_ID", str, None, "MLFLOW_RUN_ID", "Run that the next start_run resumes (set by `run` for its child)."),
    Setting("RUN_CONTEXT", str, None, "MLFLOW_RUN_CONTEXT", "JSON object of extra tags for new runs."),
    Setting(
        "TRACKING_USERNAME",
        str,
        None,
        "MLFLOW_TRACKING_USERNAME",
        "User name noted in tag mlflow.user; login at a tracking server.",
    ),
    Setting(
        "TRACKING_PASSWORD",
        str,
        None,
        "MLFLOW_TRACKING_PASSWORD",
        "Password, with the user name, of the login at a tracking server.",
    ),
    Setting(
        "TRACKING_TOKEN",
        str,
        None,
        "MLFLOW_TRACKING_TOKEN",
        "Token, without a user name, of the login at a tracking server.",
    ),
    Setting(
        "TRACKING_INSECURE_TLS",
        bool,
        False,
        "MLFLOW_TRACKING_INSECURE_TLS",
        "Take any certificate of a tracking server: whoever is in between reads and changes everything.",
    ),
    Setting(
        "TRACKING_SERVER_CERT_PATH",
        str,
        None,
        "MLFLOW_TRACKING_SERVER_CERT_PATH",
        "Certificates that a tracking server's must be signed by: a PEM file or a directory (default: the system's).",
    ),
    Setting(
        "TRACKING_CLIENT_CERT_PATH",
        str,
        None,
        "MLFLOW_TRACKING_CLIENT_CERT_PATH",
        "Certificate and key to show to a tracking server, in one PEM file.",
    ),
    Setting(
        "HTTP_REQUEST_TIMEOUT",
        int,
        120,
        "MLFLOW_HTTP_REQUEST_TIMEOUT",
        "Seconds that a tracking server may be silent before it is asked again.",
    ),
    Setting(
        "HTTP_REQUEST_MAX_RETRIES",
        int,
        7,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES",
        "How often a tracking server that does not answer, or is busy, is asked again.",
    ),
    Setting(
        "INDEX_DIR", str, None, None, "Where the index of an mlruns directory is cached (default: the user's cache)."
    ),
    Setting(
        "WATCH", bool, True, None, "Have the Linux kernel tell of changes in an mlruns directory; else look every 2 s."
    ),
    Setting("HOST", str, "127.0.0.1", "MLFLOW_HOST", "Address that `ui` and `server` listen on."),
    Setting("PORT", int, 5000, "MLFLOW_PORT", "Port that `ui` and `server` listen on."),
    Setting("WORKERS", int, 1, "MLFLOW_WORKERS", "Processes of `ui` and `server` that answer."),
    Setting("DRAIN_SECONDS", int, 10, None, "How long a server that is told to end waits for requests under way."),
    Setting(
        "MAX_REQUESTS",
        int,
        512,
        None,
        "Requests that a process of `ui` or `server` takes on at a time; more are told to come again (429).",
    ),
    Setting(
        "REQUEST_SECONDS", int, 60, None, "How long `ui` and `server` look for what is asked before they end it (504)."
    ),
    Setting(
        "STATE_DIR",
        str,
        None,
        None,
        "Where running servers are noted (default: millstream in $XDG_STATE_HOME or ~/.local/state).",
    ),
    Setting("BACKEND_STORE_URI", str, None, "MLFLOW_BACKEND_STORE_URI", "Store that `ui` and `server` show."),
    Setting(
        "DEFAULT_ARTIFACT_ROOT",
        str,
        None,
        "MLFLOW_DEFAULT_ARTIFACT_ROOT",
        "Where new experiments of a database or server keep artifacts (default: mlartifacts beside a SQLite file).",
    ),
    Setting("SERVE_ARTIFACTS", bool, True, "MLFLOW_SERVE_ARTIFACTS", "Clients of `server` reach artifacts through it."),
    Setting(
        "ARTIFACTS_DESTINATION",
        str,
        None,
        "MLFLOW_ARTIFACTS_DESTINATION",
        "Directory or URI whose artifacts `server` passes on (default: where the store keeps them).",
    ),
    Setting(
        "DIRECT_UPLOADS",
        bool,
        True,
        "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD",
        "Large files go past a server, straight to the bucket behind it, where it signs addresses.",
    ),
    Setting(
        "DIRECT_DOWNLOADS",
        bool,
        True,
        "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD",
        "Large files come past a server, straight from the bucket behind it, where it signs addresses.",
    ),
    Setting(
        "ARTIFACT_PROGRESS",
        bool,
        True,
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR",
        "Show at a terminal how far files are that are stored and fetched.",
    ),
    Setting("ARTIFACTS_ONLY", bool, False, "MLFLOW_ARTIFACTS_ONLY", "`server` passes on artifacts and nothing else."),
    Setting(
        "ALLOWED_HOSTS",
        str,
        None,
        "MLFLOW_SERVER_ALLOWED_HOSTS",
        "Comma-separated Host names the server answers to, beside localhost and IP literals.",
    ),
    Setting(
        "SIGN_ADDRESSES",
        bool,
        True,
        None,
        "Clients of `server` may fetch and send large files past it, at addresses of a bucket in S3 that it signs; "
        "turn it off where they cannot reach the bucket.",
    ),
    Setting("AUTH", bool, False, None, "Have `server` ask for a login."),
    Setting(
        "AUTH_DB",
        str,
        None,
        None,
        "Database of a server's users (default: that of the runs, or a file in the user's data directory).",
    ),
    Setting(
        "DEFAULT_PERMISSION",
        str,
        "NO_PERMISSIONS",
        None,
        "What users may do where nothing was granted: NO_PERMISSIONS, READ, EDIT or MANAGE.",
    ),
    Setting(
        "TRUSTED_PROXIES",
        str,
        None,
        None,
        "Proxies whose X-Forwarded-For says where a request comes from: addresses and networks, separated by commas.",
    ),
    Setting(
        "EXPOSE_PROMETHEUS",
        str,
        None,
        "MLFLOW_EXPOSE_PROMETHEUS",
        "Have `server` answer /metrics. MLflow's directory or any word but 0, false, no and off.",
    ),
    Setting("ACCESS_LOG", str, "off", None, "One line a request on stderr of `server`: text, json or off."),
    Setting(
        "NEW_PASSWORD",
        str,
        None,
        None,
        "Password that `users add` and `users passwd` give (default: asked for, or a line of standard input).",
    ),
    Setting(
        "CORS_ALLOWED_ORIGINS",
        str,
        None,
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS",
        "Comma-separated other sites, as https://a.example, whose pages may ask the server and change runs.",
    ),
    Setting(
        "SCORING_SERVERS",
        str,
        None,
        None,
        "Comma-separated scoring servers, as http://host:port, that users may call from the server's pages.",
    ),
    Setting(
        "X_FRAME_OPTIONS",
        str,
        "SAMEORIGIN",
        "MLFLOW_SERVER_X_FRAME_OPTIONS",
        "Whose pages may show the server's in a frame: SAMEORIGIN, DENY, or NONE for everybody's.",
    ),
    Setting("STATIC_PREFIX", str, None, "MLFLOW_STATIC_PREFIX", "Path before every URL of the server."),
    Setting(
        "PREDICTION_DEVICE",
        str,
        None,
        "MLFLOW_DEFAULT_PREDICTION_DEVICE",
        "Device that PyTorch models predict on, e.g. cpu or cuda:1 (default: a GPU when there is one).",
    ),
    Setting(
        "SCORING_TIMEOUT",
        int,
        60,
        "MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT",
        "Seconds after which `models serve` answers 504.",
    ),
    Setting(
        "TRUST_MODELS",
        bool,
        False,
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION",
        "Load models that can run code, whoever wrote them.",
    ),
)

_BY_NAME = {setting.name: setting for setting in SETTINGS}


def setting(name: str, environ: Mapping[str, str] | None = None) -> object:
    """Value of the setting `name` now: ours, else MLflow's variable, else the default.

    Read at the moment of use: `set_experiment` and `run` hand values to children through the environment.
    """
    value = given(name, environ)
    return _BY_NAME[name].default if value is None else value


def given(name: str, environ: Mapping[str, str] | None = None) -> object | None:
    """Value of the setting `name` that somebody set, None when nobody did."""
    spec = _BY_NAME[name]
    environ = os.environ if environ is None else environ
    for variable in (spec.variable, spec.mlflow):
        if variable and (text := environ.get(variable)):
            return _parse(spec, variable, text)
    return None


def text_setting(name: str) -> str | None:
    """Value of a text setting, None when unset."""
    value = setting(name)
    return None if value is None else str(value)


def _parse(spec: Setting, variable: str, text: str) -> object:
    if spec.kind is bool:
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("0", "false", "no", "off"):
            return False
        raise InvalidValue(f"{variable}={text!r} is neither true nor false.")
    if spec.kind is int:
        try:
            return int(text)
        except ValueError as error:
            raise InvalidValue(f"{variable}={text!r} is not a whole number.") from error
    return text
