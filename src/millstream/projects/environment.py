"""What a project's command runs in. This version has one environment: the Python that runs Millstream."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from millstream.formats.command import Invocation
from millstream.formats.mlproject import EnvironmentSpec
from millstream.values.errors import InvalidValue, NotSupported, ProjectFailed

LOCAL = "local"
MANAGERS = (LOCAL, "virtualenv", "uv", "conda")
_PYTHONS = ("python", "python3")
# The child takes its run from the variables below; what the parent's caller set must not win over them.
_OVERRIDING = tuple(
    f"{prefix}_{name}"
    for prefix in ("MILLSTREAM", "MLFLOW")
    for name in ("TRACKING_URI", "RUN_ID", "EXPERIMENT_ID", "EXPERIMENT_NAME")
)


def check_environment(spec: EnvironmentSpec | None, env_manager: str | None, use_conda: bool | None) -> None:
    """Pass when the project can run in this Python: it declares no environment, or the caller said ``local``.

    `use_conda` is MLflow 1.x's word for the same: False means local.
    """
    if env_manager is not None and env_manager not in MANAGERS:
        raise InvalidValue(f"There is no environment manager {env_manager!r}; there are {', '.join(MANAGERS)}.")
    if env_manager == LOCAL or (use_conda is False and env_manager is None):
        return
    if env_manager is not None:
        raise NotSupported(
            f"This version makes no environments, so --env-manager {env_manager} cannot be followed; "
            "run in the current Python with --env-manager local."
        )
    if spec is not None:
        raise ProjectFailed(
            f"The project asks for {spec.key} ({spec.file or (spec.docker and spec.docker.image)}), and this version "
            "makes no environments; to run it in the current Python add --no-conda (or --env-manager local)."
        )


def child_environ(base: Mapping[str, str], run_id: str, tracking_uri: str, experiment_id: str) -> dict[str, str]:
    """Environment of a project's processes: this interpreter first on PATH, and the run that they continue."""
    environ = {name: value for name, value in base.items() if name not in _OVERRIDING}
    here = os.path.dirname(os.path.abspath(sys.executable))
    paths = [path for path in environ.get("PATH", os.defpath).split(os.pathsep) if path != here]
    environ["PATH"] = os.pathsep.join([here, *paths])
    environ["MLFLOW_RUN_ID"] = run_id
    environ["MLFLOW_TRACKING_URI"] = tracking_uri
    environ["MLFLOW_EXPERIMENT_ID"] = experiment_id
    return environ


def with_program(invocation: Invocation, project: Path, environ: Mapping[str, str], *, required: bool) -> Invocation:
    """`invocation` with ``python`` replaced by this interpreter; ProjectFailed when a `required` program is not there.

    Later steps may run what earlier ones made, so only the first one's program is required beforehand.
    """
    program = invocation.argv[0]
    if program in _PYTHONS and "PATH" not in invocation.variables:
        return Invocation((sys.executable, *invocation.argv[1:]), invocation.variables, invocation.directory)
    if not required:
        return invocation
    directory = project / invocation.directory
    if not directory.is_dir():
        raise ProjectFailed(f"The command changes to {invocation.directory!r}, and the project has no such directory.")
    folders = [""] if "/" in program else os.get_exec_path({**environ, **invocation.variables})
    for folder in folders:
        path = os.path.join(directory, folder, program)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return invocation
    raise ProjectFailed(f"The command's program {program!r} was not found (or may not be executed).")
